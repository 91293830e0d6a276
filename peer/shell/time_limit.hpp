// -W for what waits without a loop of its own. A shell; the main thread, one at a time.
#pragma once

#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "common/exit_status.hpp"
#include "common/time.hpp"

namespace peer {

/// The whole program ends with 124 once this is over, at a place where it waits: what was said by
/// then is written, and what was sent was said.
class TimeLimit {
 public:
  explicit TimeLimit(std::optional<common::Duration> wait) : is_set_(wait.has_value()) {
    if (!wait) return;
    sigemptyset(&alarm_);
    sigaddset(&alarm_, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_, nullptr);
    std::signal(SIGALRM, [](int) { ::_exit(static_cast<int>(common::ExitStatus::kTimedOut)); });
    const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(*wait).count();
    const itimerval timer{
        .it_interval = {},
        .it_value = {.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }

  ~TimeLimit() {
    const itimerval never{};
    if (is_set_) setitimer(ITIMER_REAL, &never, nullptr);
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  /// The program may end while `wait` runs.
  template <typename Wait>
  auto during(Wait wait) const {
    if (!is_set_) return wait();
    pthread_sigmask(SIG_UNBLOCK, &alarm_, nullptr);
    auto result = wait();
    pthread_sigmask(SIG_BLOCK, &alarm_, nullptr);
    return result;
  }

 private:
  bool is_set_;
  sigset_t alarm_{};
};

}  // namespace peer
