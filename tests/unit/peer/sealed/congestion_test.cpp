// How much may be on the way: the window's growth and cuts, and pacing.
#include "peer/sealed/congestion.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::Duration;
using common::TimePoint;
using peer::sealed::Congestion;
using peer::sealed::RttEstimator;

/// A path with a fixed round trip on which a sender always has something to send.
class BusyPath {
 public:
  explicit BusyPath(Duration round_trip) : round_trip_(round_trip) {}

  /// Sends what may leave now; how many datagrams that were.
  int send_all() {
    int sent = 0;
    while (congestion.may_send(now)) {
      congestion.handle_sent(now, 1200, rtt);
      flying_.push_back(now);
      ++sent;
    }
    return sent;
  }
  void round_trip() {
    const TimePoint end = now + round_trip_;
    while (now < end) {
      now += 1ms;
      while (!flying_.empty() && flying_.front() + round_trip_ <= now) {
        rtt.add_sample(now - flying_.front(), 0ms);
        congestion.handle_acked(now, 1200, flying_.front(), rtt);
        flying_.pop_front();
      }
      send_all();
    }
  }
  void lose_one() {
    congestion.handle_lost(now, 1200, flying_.front());
    flying_.pop_front();
  }
  void stretch(Duration round_trip) { round_trip_ = round_trip; }
  std::size_t flying() const { return flying_.size(); }

  TimePoint now{1h};
  Congestion congestion;
  RttEstimator rtt;

 private:
  Duration round_trip_;
  std::deque<TimePoint> flying_;
};

TEST_CASE("ten datagrams leave before anything is known") {
  BusyPath path(50ms);
  CHECK(path.send_all() == 10);
  CHECK_FALSE(path.congestion.may_send(path.now));
  path.now += 10s;
  CHECK(path.send_all() == 0);
}

TEST_CASE("slow start doubles the window each round trip, up to its bound") {
  BusyPath path(50ms);
  path.send_all();
  CHECK(path.congestion.window() == Congestion::kWindowInitial);
  path.round_trip();
  CHECK(path.congestion.window() == 2 * Congestion::kWindowInitial);
  for (int i = 0; i < 4; ++i) path.round_trip();
  CHECK(path.congestion.window() >= 16 * Congestion::kWindowInitial);
  CHECK(path.congestion.window() <= 32 * Congestion::kWindowInitial);
  for (int i = 0; i < 10; ++i) path.round_trip();
  CHECK(path.congestion.window() == Congestion::kWindowMax);
  CHECK(path.congestion.in_flight() <= Congestion::kWindowMax + 1200);
}

TEST_CASE("losses of one round trip cut the window once") {
  BusyPath path(50ms);
  path.send_all();
  for (int i = 0; i < 3; ++i) path.round_trip();
  const std::size_t before = path.congestion.window();
  for (int i = 0; i < 5; ++i) path.lose_one();
  CHECK(path.congestion.window() == before * 7 / 10);
  CHECK_FALSE(path.congestion.is_in_slow_start());
  path.round_trip();
  path.round_trip();
  const std::size_t later = path.congestion.window();
  path.lose_one();
  CHECK(path.congestion.window() == later * 7 / 10);
}

TEST_CASE("after a cut the window grows by one datagram a round trip") {
  BusyPath path(50ms);
  path.send_all();
  for (int i = 0; i < 4; ++i) path.round_trip();
  path.lose_one();
  path.round_trip();  // what left before the cut does not count
  const std::size_t before = path.congestion.window();
  for (int i = 0; i < 10; ++i) path.round_trip();
  CHECK(path.congestion.window() >= before + 7 * 1200);
  CHECK(path.congestion.window() <= before + 12 * 1200);
}

TEST_CASE("the window never falls below two datagrams") {
  BusyPath path(50ms);
  for (int i = 0; i < 20; ++i) {
    path.send_all();
    path.lose_one();
    path.now += 1s;
    if (path.flying() > 0) path.round_trip();
  }
  CHECK(path.congestion.window() >= Congestion::kWindowMin);
  path.congestion.handle_timeout(path.now);
  CHECK(path.congestion.window() == Congestion::kWindowMin);
}

TEST_CASE("a timeout begins again from the least window, up to half of the old one in slow start") {
  BusyPath path(50ms);
  path.send_all();
  for (int i = 0; i < 4; ++i) path.round_trip();
  const std::size_t before = path.congestion.window();
  path.congestion.handle_timeout(path.now);
  CHECK(path.congestion.window() == Congestion::kWindowMin);
  CHECK(path.congestion.is_in_slow_start());
  for (int i = 0; i < 4; ++i) path.round_trip();
  CHECK(path.congestion.window() > 2 * Congestion::kWindowMin);
  for (int i = 0; i < 20; ++i) path.round_trip();
  CHECK_FALSE(path.congestion.is_in_slow_start());
  CHECK(path.congestion.window() >= before / 2);
}

TEST_CASE("a window that is not used does not grow") {
  BusyPath path(50ms);
  for (int i = 0; i < 20; ++i) {
    path.congestion.handle_sent(path.now, 200, path.rtt);
    path.now += 50ms;
    path.rtt.add_sample(50ms, 0ms);
    path.congestion.handle_acked(path.now, 200, path.now - 50ms, path.rtt);
  }
  CHECK(path.congestion.window() == Congestion::kWindowInitial);
}

TEST_CASE("slow start ends when round trips grow: a queue is filling") {
  BusyPath path(50ms);
  path.send_all();
  path.round_trip();
  path.round_trip();
  path.stretch(100ms);
  path.round_trip();
  path.round_trip();
  CHECK_FALSE(path.congestion.is_in_slow_start());
  CHECK(path.congestion.window() < Congestion::kWindowMax / 4);
}

TEST_CASE("a window is spread over its round trip") {
  BusyPath path(100ms);
  path.send_all();
  for (int i = 0; i < 4; ++i) path.round_trip();
  path.lose_one();
  // Nothing is on its way, so that a whole window could leave; ten datagrams do.
  path.congestion.handle_forgotten(path.congestion.in_flight());
  path.now += 1s;
  const int window = static_cast<int>(path.congestion.window() / 1200);
  CHECK(window > 50);
  const int burst = path.send_all();
  CHECK(burst >= 10);
  CHECK(burst <= 12);
  CHECK_FALSE(path.congestion.is_window_full());
  CHECK(path.congestion.next_send() > path.now);
  CHECK(path.congestion.next_send() <= path.now + 100ms);
  int sent = burst;
  for (int i = 0; i < 100; ++i) {
    path.now += 1ms;
    sent += path.send_all();
  }
  CHECK(sent >= window);
}

TEST_CASE("another path begins anew, with what is still on the way") {
  BusyPath path(50ms);
  path.send_all();
  path.round_trip();
  path.round_trip();
  path.congestion.reset();
  CHECK(path.congestion.window() == Congestion::kWindowInitial);
  CHECK(path.congestion.in_flight() == path.flying() * 1200);
}

}  // namespace
