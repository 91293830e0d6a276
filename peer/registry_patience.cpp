#include "peer/registry_patience.hpp"

#include <algorithm>

namespace peer {

using common::TimePoint;

void RegistryPatience::begin(TimePoint now) {
  give_up_at_ = now + time_;
  deadline_.reset();
}

std::optional<TimePoint> RegistryPatience::handle_failure(TimePoint tried, TimePoint now,
                                                          const ExchangeFailure& failure) {
  if (!failure.is_silent || is_given_up_) return std::nullopt;
  const TimePoint next = std::max(now, tried + kRetryTime);
  if (next + kTryTime > give_up_at_) {
    is_given_up_ = true;
    return std::nullopt;
  }
  deadline_ = give_up_at_;
  return next;
}

}  // namespace peer
