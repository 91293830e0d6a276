// Runs the user's command for one message: the text on standard input, sender and id in the
// environment, and nothing of the message in the command itself. A shell; one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/os/unique_fd.hpp"
#include "common/time.hpp"
#include "peer/hook_end.hpp"
#include "peer/received.hpp"

namespace peer {

class HookProcess {
 public:
  HookProcess(std::string command, common::Duration time_limit)
      : command_(std::move(command)), time_limit_(time_limit) {}
  ~HookProcess();

  /// Starts the command under /bin/sh, in a process group of its own; what it prints goes to our
  /// standard error, but its answer to a question, which is kept: up to 64 KiB; who writes more
  /// finds the pipe closed, and counts as killed by SIGPIPE. False if it could not be started.
  bool start(common::TimePoint now, const Received& received);

  bool is_running() const { return pid_ > 0; }
  /// Readable once the process has ended; -1 when none runs.
  int fd() const { return pid_fd_.get(); }
  std::optional<common::TimePoint> deadline() const { return deadline_; }
  /// Readable while there is more of an answer, or its end; -1 while none is awaited.
  int answer_fd() const { return answer_pipe_.get(); }
  void read_answer();

  /// Kills the command, and what it started, once its time is over.
  void handle_timeout(common::TimePoint now);
  /// Collects the ended process.
  HookEnd finish();

 private:
  std::string command_;
  common::Duration time_limit_;
  pid_t pid_ = -1;
  common::os::UniqueFd pid_fd_;
  common::os::UniqueFd answer_pipe_;  // of a question
  std::string answer_;                // what came of it; kMessageTextBytesMax at most
  std::optional<common::TimePoint> deadline_;
  bool is_killed_ = false;
  bool is_answer_too_long_ = false;
};

}  // namespace peer
