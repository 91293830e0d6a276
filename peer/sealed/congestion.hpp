// How much may be on the way, and how fast it may leave: a window with slow start and a cut once a
// round trip on loss (NewReno as RFC 9002 gives it, with CUBIC's gentler cut), an early end of slow
// start when round trips grow (after HyStart), and pacing. A core; one per path.
//
// Why this: it shares a queue with TCP fairly, needs no clean timing (which answers in batches do
// not give, and a control by delay would need), and each rule is published with its numbers. Losses
// by chance hold it at its least window, which still fills a message's few datagrams; the messages
// themselves are repaired by their own timers.
#pragma once

#include <cstdint>

#include "common/time.hpp"
#include "peer/sealed/rtt_estimator.hpp"

namespace peer::sealed {

class Congestion {
 public:
  /// RFC 9002, 7.2: ten datagrams to begin with, two at least; at most what the receiver holds, and
  /// a little for datagrams' heads.
  static constexpr std::size_t kWindowInitial = 12'000;
  static constexpr std::size_t kWindowMin = 2'400;
  static constexpr std::size_t kWindowMax = 1'024 * 1024;

  /// A datagram with content may leave now; else ask next_send() when.
  bool may_send(common::TimePoint now) const { return in_flight_ < window_ && now >= next_send_; }
  /// When pacing lets the next one leave; meaningless while the window is full.
  common::TimePoint next_send() const { return next_send_; }
  bool is_window_full() const { return in_flight_ >= window_; }

  void handle_sent(common::TimePoint now, std::size_t bytes, const RttEstimator& rtt);
  /// A datagram of that size, sent then, has arrived.
  void handle_acked(common::TimePoint now, std::size_t bytes, common::TimePoint sent_at,
                    const RttEstimator& rtt);
  /// One is lost, by what came of later ones.
  void handle_lost(common::TimePoint now, std::size_t bytes, common::TimePoint sent_at);
  /// One no longer counts, and nothing is known of its fate.
  void handle_forgotten(std::size_t bytes);
  /// Nothing came back for a whole timeout: begin again from the least window.
  void handle_timeout(common::TimePoint now);
  /// Another path: nothing known of the old one holds.
  void reset();

  std::size_t window() const { return window_; }
  std::size_t in_flight() const { return in_flight_; }
  bool is_in_slow_start() const { return window_ < threshold_; }

 private:
  /// Of the timers of programs: what that long would have let go may go at once.
  static constexpr common::Duration kTimerCoarseness = std::chrono::milliseconds(1);

  void cut(common::TimePoint now, std::size_t window);

  std::size_t window_ = kWindowInitial;
  std::size_t threshold_ = kWindowMax;
  std::size_t in_flight_ = 0;
  std::size_t grown_ = 0;  // acked bytes that do not make a whole datagram of growth yet
  std::size_t peak_ = 0;   // most in flight in this round trip
  common::TimePoint round_began_{};
  common::TimePoint cut_at_ = common::TimePoint::min();  // losses of what left before are one event
  common::TimePoint next_send_{};
};

}  // namespace peer::sealed
