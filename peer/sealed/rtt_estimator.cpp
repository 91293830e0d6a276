#include "peer/sealed/rtt_estimator.hpp"

#include <algorithm>

#include "peer/sealed/limits.hpp"

namespace peer::sealed {

using common::Duration;

RttEstimator::RttEstimator() : smoothed_(kRtoInitial) {}

void RttEstimator::add_sample(Duration elapsed, Duration held) {
  elapsed = std::max(elapsed, Duration(1));
  doublings_ = 0;
  // The other side's word may not make a round trip shorter than the shortest we measured.
  latest_ =
      has_sample_ && elapsed - held < least_ ? elapsed : std::max(elapsed - held, Duration(1));
  if (!has_sample_) {
    has_sample_ = true;
    smoothed_ = latest_ = least_ = elapsed;
    variation_ = elapsed / 2;
    return;
  }
  least_ = std::min(least_, elapsed);
  const Duration error = smoothed_ > latest_ ? smoothed_ - latest_ : latest_ - smoothed_;
  variation_ = (3 * variation_ + error) / 4;
  smoothed_ = (7 * smoothed_ + latest_) / 8;
}

void RttEstimator::back_off() {
  if (rto() < kRtoMax) ++doublings_;
}

Duration RttEstimator::rto() const {
  const Duration base = has_sample_ ? smoothed_ + 4 * variation_ : kRtoInitial;
  return std::min(std::clamp(base, kRtoMin, kRtoMax) * (std::int64_t{1} << doublings_), kRtoMax);
}

}  // namespace peer::sealed
