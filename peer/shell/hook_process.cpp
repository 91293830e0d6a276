#include "peer/shell/hook_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/limits.hpp"

namespace peer {
namespace {

using common::os::UniqueFd;

/// A file in memory that holds the text: unlike a pipe it never makes us wait for the command to
/// read.
UniqueFd file_with(const std::string& text) {
  UniqueFd file(::memfd_create("message", MFD_CLOEXEC));
  if (!file.is_open()) return file;
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return {};
  return file;
}

std::vector<std::string> environment_for(const Received& received) {
  constexpr std::array<std::string_view, 3> kOurs = {
      "PEER_SENDER=", "PEER_SENDER_KEY=", "PEER_ID="};
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::none_of(kOurs.begin(), kOurs.end(), [&](std::string_view ours) {
          return std::string_view(*entry).starts_with(ours);
        }))
      variables.emplace_back(*entry);
  std::string sender = received.message.sender.value_or("");
  std::erase(sender, '\0');  // an environment cannot hold it
  variables.push_back("PEER_SENDER_KEY=" + received.fingerprint);
  variables.push_back("PEER_SENDER=" + sender);
  variables.push_back("PEER_ID=" + received.id);
  return variables;
}

}  // namespace

HookProcess::~HookProcess() {
  if (!is_running()) return;
  ::kill(-pid_, SIGKILL);
  finish();
}

bool HookProcess::start(common::TimePoint now, const Received& received) {
  const UniqueFd input = file_with(received.message.text + '\n');
  if (!input.is_open()) return false;
  answer_pipe_.reset();
  answer_.clear();
  UniqueFd answer_end;  // the command's
  if (received.is_question) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    answer_pipe_.reset(ends[0]);
    answer_end.reset(ends[1]);
    // Ours alone: what runs under /bin/sh expects a pipe that waits.
    ::fcntl(answer_pipe_.get(), F_SETFL, O_NONBLOCK);
  }
  std::vector<std::string> variables = environment_for(received);
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(
      &actions, answer_end.is_open() ? answer_end.get() : STDERR_FILENO, STDOUT_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh";
  std::string flag = "-c";
  char* arguments[] = {shell.data(), flag.data(), command_.data(), nullptr};
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return false;
  pid_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd_.is_open()) {
    // Nothing would tell of its end.
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    answer_pipe_.reset();
    return false;
  }
  pid_ = pid;
  deadline_ = now + time_limit_;
  is_killed_ = false;
  is_answer_too_long_ = false;
  return true;
}

void HookProcess::handle_timeout(common::TimePoint now) {
  if (!is_running() || !deadline_ || now < *deadline_) return;
  deadline_.reset();
  is_killed_ = true;
  ::kill(-pid_, SIGKILL);
}

void HookProcess::read_answer() {
  std::array<char, 16 * 1024> chunk;
  while (answer_pipe_.is_open()) {
    const ssize_t got = ::read(answer_pipe_.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    const std::size_t room = common::kMessageTextBytesMax - answer_.size();
    const bool is_over = got <= 0 || static_cast<std::size_t>(got) > room;
    if (got > 0) answer_.append(chunk.data(), std::min(room, static_cast<std::size_t>(got)));
    is_answer_too_long_ = got > 0 && is_over;
    if (is_over) answer_pipe_.reset();
  }
}

HookEnd HookProcess::finish() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pid_fd_.reset();
  deadline_.reset();
  HookEnd end;
  // What others that it started may still write is no answer.
  read_answer();
  answer_pipe_.reset();
  end.output = std::exchange(answer_, {});
  if (is_killed_) {
    end.kind = HookEnd::Kind::kTimedOut;
  } else if (is_answer_too_long_) {
    // What it met, or would have met had it written on.
    end.kind = HookEnd::Kind::kKilled;
    end.status = SIGPIPE;
  } else if (WIFSIGNALED(status)) {
    end.kind = HookEnd::Kind::kKilled;
    end.status = WTERMSIG(status);
  } else {
    end.status = WEXITSTATUS(status);
  }
  return end;
}

}  // namespace peer
