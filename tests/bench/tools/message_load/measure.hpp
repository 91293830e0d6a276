// What every run sends and what it finds: the message, the time that counts, the figures.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/tools/support.hpp"

namespace bench {

inline constexpr std::size_t kBodyBytes = 100;

/// What is sent: ends with the mark by which messages are counted.
inline std::string body() { return std::string(kBodyBytes - 1, 'x') + '|'; }

struct Found {
  long deliveries = 0;
  double seconds = 0;
  std::vector<double> round_trips;  // microseconds

  void print() {
    std::printf("{\"per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
                static_cast<double>(deliveries) / seconds, percentile(round_trips, 0.5),
                percentile(round_trips, 0.99));
  }
};

/// Counts only what comes after a tenth of the time: by then nothing is cold.
class Watch {
 public:
  explicit Watch(double seconds) : seconds_(seconds), begun_(Clock::now()) {}

  bool goes_on() {
    const double passed = seconds_since(begun_);
    if (!counted_from_ && passed > seconds_ / 10) counted_from_ = Clock::now();
    return passed < seconds_ * 1.1;
  }
  bool counts() const { return counted_from_.has_value(); }
  double counted_seconds() const { return seconds_since(*counted_from_); }

 private:
  double seconds_;
  Clock::time_point begun_;
  std::optional<Clock::time_point> counted_from_;
};

inline double microseconds_since(Clock::time_point begun) { return seconds_since(begun) * 1e6; }

}  // namespace bench
