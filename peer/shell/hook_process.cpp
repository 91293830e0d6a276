#include "peer/shell/hook_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

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
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::strncmp(*entry, "PEER_SENDER=", 12) != 0 && std::strncmp(*entry, "PEER_ID=", 8) != 0)
      variables.emplace_back(*entry);
  std::string sender = received.message.sender.value_or("");
  std::erase(sender, '\0');  // an environment cannot hold it
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
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
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

std::string HookProcess::finish() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pid_fd_.reset();
  deadline_.reset();
  if (is_killed_) return "took too long and was killed";
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return fmt::format("exit status {}", WEXITSTATUS(status));
  return {};
}

}  // namespace peer
