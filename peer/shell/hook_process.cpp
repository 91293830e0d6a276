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

/// A file in memory that takes so many bytes and no more: what is written beyond fails.
UniqueFd answer_file() {
  UniqueFd file(::memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.is_open() || ::ftruncate(file.get(), common::kMessageTextBytesMax) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)
    return {};
  return file;
}

/// What was written to it: up to where the writer, who shares the place in the file, has come.
std::string read_answer(const UniqueFd& file) {
  const off_t end = ::lseek(file.get(), 0, SEEK_CUR);
  std::string text(static_cast<std::size_t>(
                       std::clamp<off_t>(end, 0, static_cast<off_t>(common::kMessageTextBytesMax))),
                   '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
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
  answer_.reset();
  if (received.is_question) {
    answer_ = answer_file();
    if (!answer_.is_open()) return false;
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
  posix_spawn_file_actions_adddup2(&actions, answer_.is_open() ? answer_.get() : STDERR_FILENO,
                                   STDOUT_FILENO);
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
  pid_ = pid;
  pid_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  deadline_ = now + time_limit_;
  is_killed_ = false;
  return true;
}

void HookProcess::handle_timeout(common::TimePoint now) {
  if (!is_running() || !deadline_ || now < *deadline_) return;
  deadline_.reset();
  is_killed_ = true;
  ::kill(-pid_, SIGKILL);
}

HookEnd HookProcess::finish() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pid_fd_.reset();
  deadline_.reset();
  HookEnd end;
  if (answer_.is_open()) end.output = read_answer(answer_);
  answer_.reset();
  if (is_killed_) {
    end.kind = HookEnd::Kind::kTimedOut;
  } else if (WIFSIGNALED(status)) {
    end.kind = HookEnd::Kind::kKilled;
    end.status = WTERMSIG(status);
  } else {
    end.status = WEXITSTATUS(status);
  }
  return end;
}

}  // namespace peer
