// -W for what waits without a loop of its own. A shell; the main thread, one at a time.
#pragma once

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "common/exit_status.hpp"
#include "common/os/clock.hpp"
#include "common/time.hpp"

namespace peer {

/// The whole program ends with 124 once this is over, at a place where it waits: what was said by
/// then is written, and what was sent was said.
class TimeLimit {
 public:
  explicit TimeLimit(std::optional<common::Duration> wait) {
    if (!wait) return;
    until_ = common::os::monotonic_now() + *wait;
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

  ~TimeLimit() { take_rest(); }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  /// The program may end while `wait` runs.
  template <typename Wait>
  auto during(Wait wait) const {
    if (!until_) return wait();
    pthread_sigmask(SIG_UNBLOCK, &alarm_, nullptr);
    auto result = wait();
    pthread_sigmask(SIG_BLOCK, &alarm_, nullptr);
    return result;
  }

  /// Ends the limit, for a program that from here on has a loop to watch the time; what is left of
  /// it, or nothing if there was none.
  std::optional<common::Duration> take_rest() {
    if (!until_) return std::nullopt;
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    const auto left = *std::exchange(until_, std::nullopt) - common::os::monotonic_now();
    return std::max(left, common::Duration::zero());
  }

 private:
  std::optional<common::TimePoint> until_;
  sigset_t alarm_{};
};

}  // namespace peer
