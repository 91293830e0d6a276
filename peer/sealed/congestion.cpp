#include "peer/sealed/congestion.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {
namespace {

using common::Duration;
using common::TimePoint;

constexpr std::size_t kFullDatagram = 1200;

/// HyStart++ (RFC 9406): a queue is building when round trips take this much longer.
bool is_queue_building(const RttEstimator& rtt) {
  const Duration least = rtt.least();
  return rtt.latest() > least + std::clamp<Duration>(least / 8, std::chrono::milliseconds(4),
                                                     std::chrono::milliseconds(16));
}

}  // namespace

void Congestion::handle_sent(TimePoint now, std::size_t bytes, const RttEstimator& rtt) {
  in_flight_ += bytes;
  peak_ = std::max(peak_, in_flight_);
  if (!rtt.has_sample()) return;  // the first window goes as it comes
  // The window in one round trip, a little faster so that pacing does not itself hold it down;
  // twice as fast while it doubles.
  const std::int64_t gain_percent = is_in_slow_start() ? 200 : 125;
  const auto time_of = [&](std::size_t size) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(size) * rtt.smoothed().count() * 100 /
                                    (static_cast<std::int64_t>(window_) * gain_percent));
  };
  // Time that passed unused may be made up for, so that coarse timers do not cost speed.
  const Duration burst = std::max<Duration>(time_of(kWindowInitial), kTimerCoarseness);
  next_send_ = std::max(next_send_, now - burst) + time_of(bytes);
}

void Congestion::handle_acked(TimePoint now, std::size_t bytes, TimePoint sent_at,
                              const RttEstimator& rtt) {
  ENSURE(in_flight_ >= bytes);
  const std::size_t peak = peak_;
  if (sent_at >= round_began_) {  // what left since then was acked: a round trip is over
    round_began_ = now;
    peak_ = in_flight_;
  }
  in_flight_ -= bytes;
  if (sent_at <= cut_at_) return;
  if (is_in_slow_start()) {
    // RFC 9002, 7.8: a window that is not used does not grow.
    if (window_ < 2 * peak) window_ = std::min(window_ + bytes, kWindowMax);
    if (is_queue_building(rtt)) threshold_ = window_;
  } else if (window_ <= peak + kFullDatagram) {
    grown_ += bytes;
    if (grown_ < window_) return;
    grown_ -= window_;
    window_ = std::min(window_ + kFullDatagram, kWindowMax);
  }
}

void Congestion::handle_lost(TimePoint now, std::size_t bytes, TimePoint sent_at) {
  ENSURE(in_flight_ >= bytes);
  in_flight_ -= bytes;
  if (sent_at <= cut_at_) return;
  cut(now, window_ * 7 / 10);
}

void Congestion::handle_forgotten(std::size_t bytes) {
  ENSURE(in_flight_ >= bytes);
  in_flight_ -= bytes;
}

void Congestion::handle_timeout(TimePoint now) {
  cut(now, window_ / 2);
  window_ = kWindowMin;
}

void Congestion::reset() {
  const std::size_t in_flight = in_flight_;
  *this = Congestion();
  in_flight_ = in_flight;
}

void Congestion::cut(TimePoint now, std::size_t window) {
  window_ = threshold_ = std::max(window, kWindowMin);
  grown_ = 0;
  cut_at_ = now;
}

}  // namespace peer::sealed
