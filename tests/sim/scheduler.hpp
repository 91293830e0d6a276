// The simulator's only clock and its queue of things to come, ordered by time and then by the order
// they were put in, so that a run depends on nothing but its seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "common/time.hpp"

namespace sim {

using common::Duration;
using common::TimePoint;

class Scheduler {
 public:
  TimePoint now() const { return now_; }

  /// Runs `action` at `when`; in the past means now, after what is already due.
  void at(TimePoint when, std::function<void()> action) {
    queue_.emplace(std::pair(std::max(when, now_), ++last_serial_), std::move(action));
  }
  void after(Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }

  /// Runs everything that is due until `end`, and moves the clock there.
  void run_until(TimePoint end) {
    while (!queue_.empty() && queue_.begin()->first.first <= end) {
      const auto next = queue_.extract(queue_.begin());
      now_ = next.key().first;
      next.mapped()();
    }
    now_ = end;
  }

 private:
  TimePoint now_{};
  std::uint64_t last_serial_ = 0;
  // Ordered, not a heap: a heap moves its functions about, which was a fifth of a run.
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace sim
