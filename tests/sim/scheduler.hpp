// The simulator's only clock and its queue of things to come, ordered by time and then by the order
// they were put in, so that a run depends on nothing but its seed.
#pragma once

#include <functional>
#include <queue>
#include <vector>

#include "common/time.hpp"

namespace sim {

using common::Duration;
using common::TimePoint;

class Scheduler {
 public:
  TimePoint now() const { return now_; }

  /// Runs `action` at `when`; in the past means now, after what is already due.
  void at(TimePoint when, std::function<void()> action) {
    queue_.push({std::max(when, now_), ++last_serial_, std::move(action)});
  }
  void after(Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }

  /// Runs everything that is due until `end`, and moves the clock there.
  void run_until(TimePoint end) {
    while (!queue_.empty() && queue_.top().when <= end) {
      Event event = queue_.top();
      queue_.pop();
      now_ = event.when;
      event.action();
    }
    now_ = end;
  }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t serial;
    std::function<void()> action;
    friend bool operator>(const Event& a, const Event& b) {
      return std::pair(a.when, a.serial) > std::pair(b.when, b.serial);
    }
  };

  TimePoint now_{};
  std::uint64_t last_serial_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<Event>> queue_;
};

}  // namespace sim
