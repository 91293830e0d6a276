// Time as values. Cores are given the time as an argument; only common/os/clock.hpp reads a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace common {

/// Names the time line that leases and timers live on: monotonic, and going on while the machine
/// is suspended. It deliberately has no now().
struct Monotonic {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;  // NOLINT(readability-identifier-naming): std's name
};

using Duration = std::chrono::nanoseconds;
using TimePoint = Monotonic::time_point;

/// The first of those that there are.
inline std::optional<TimePoint> earliest(std::initializer_list<std::optional<TimePoint>> times) {
  std::optional<TimePoint> first;
  for (const auto& time : times)
    if (time && (!first || *time < *first)) first = time;
  return first;
}

/// Wall-clock time in milliseconds since 1970-01-01 UTC: for people to read, never for decisions.
struct WallTime {
  std::int64_t unix_ms = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

/// RFC 3339 in UTC with milliseconds, e.g. "2026-11-20T22:50:21.407Z". Years outside 0 to 9999
/// are clamped to that range.
std::string format_wall_time(WallTime time);

}  // namespace common
