// Round trips and timeouts: RFC 6298 between its bounds.
#include "peer/sealed/rtt_estimator.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::Duration;
using peer::sealed::RttEstimator;

RttEstimator after(const std::vector<Duration>& samples) {
  RttEstimator rtt;
  for (const Duration sample : samples) rtt.add_sample(sample, 0ms);
  return rtt;
}

TEST_CASE("timeouts follow RFC 6298 between 20 ms and a second") {
  struct Row {
    const char* name;
    std::vector<Duration> samples;
    Duration smoothed;
    Duration rto;
  };
  const Row rows[] = {
      {"before the first sample", {}, 200ms, 200ms},
      // SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 RTTVAR
      {"the first sample", {100ms}, 100ms, 300ms},
      // RTTVAR = 3/4 50 + 1/4 |100 - 200| = 62.5, SRTT = 7/8 100 + 1/8 200 = 112.5
      {"a second, longer one", {100ms, 200ms}, 112500us, 362500us},
      // RTTVAR = 3/4 50 + 1/4 0 = 37.5
      {"a second, equal one", {100ms, 100ms}, 100ms, 250ms},
      {"the shortest timeout", {50us}, 50us, 20ms},
      {"the longest timeout", {900ms}, 900ms, 1s},
      {"a clock that stands still", {0ns}, 1ns, 20ms},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const RttEstimator rtt = after(row.samples);
    CHECK(rtt.smoothed() == row.smoothed);
    CHECK(rtt.rto() == row.rto);
  }
}

TEST_CASE("each silence doubles the timeout up to a second, and a sample ends that") {
  RttEstimator rtt = after({10ms});
  std::vector<Duration> timeouts;
  for (int i = 0; i < 8; ++i) {
    timeouts.push_back(rtt.rto());
    rtt.back_off();
  }
  CHECK(timeouts == std::vector<Duration>{30ms, 60ms, 120ms, 240ms, 480ms, 960ms, 1s, 1s});
  for (int i = 0; i < 1000; ++i) rtt.back_off();
  CHECK(rtt.rto() == 1s);
  rtt.add_sample(10ms, 0ms);
  CHECK(rtt.rto() == 25ms);
}

TEST_CASE("time that the other side held an answer is not the path's") {
  RttEstimator rtt = after({100ms});
  rtt.add_sample(300ms, 200ms);
  CHECK(rtt.smoothed() == 100ms);
  CHECK(rtt.latest() == 100ms);
}

TEST_CASE("the other side's word makes no round trip shorter than the shortest measured") {
  RttEstimator rtt = after({100ms});
  rtt.add_sample(120ms, 65s);
  CHECK(rtt.latest() == 120ms);
  CHECK(rtt.least() == 100ms);
  rtt.add_sample(80ms, 0ms);
  CHECK(rtt.least() == 80ms);
}

}  // namespace
