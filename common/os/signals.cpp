#include "common/os/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace common::os {
namespace {

sigset_t signal_set(const std::vector<int>& numbers) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : numbers) sigaddset(&signals, number);
  return signals;
}

}  // namespace

UniqueFd open_signals(const std::vector<int>& numbers) {
  const sigset_t signals = signal_set(numbers);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::optional<int> read_signal(int fd) {
  signalfd_siginfo info{};
  if (::read(fd, &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void unblock_signals(const std::vector<int>& numbers) {
  const sigset_t signals = signal_set(numbers);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace common::os
