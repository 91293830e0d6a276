// How long a round trip takes, and how long to wait for an answer: RFC 6298 with bounds. A core;
// one per path.
#pragma once

#include <optional>

#include "common/time.hpp"

namespace peer::sealed {

class RttEstimator {
 public:
  RttEstimator();

  /// An answer came after `elapsed`, of which the other side says it held it for `held`. Every
  /// retransmission has a sequence of its own, so a sample is never ambiguous (Karn).
  void add_sample(common::Duration elapsed, common::Duration held);

  /// No answer came in time: the next wait is twice as long.
  void back_off();

  /// How long to wait for an answer: kRtoInitial before the first sample; kRtoMin to kRtoMax.
  common::Duration rto() const;

  bool has_sample() const { return has_sample_; }
  /// The smoothed round trip; kRtoInitial before the first sample.
  common::Duration smoothed() const { return smoothed_; }
  common::Duration latest() const { return latest_; }
  /// The shortest seen; zero before the first sample.
  common::Duration least() const { return least_; }

 private:
  common::Duration smoothed_;
  common::Duration variation_{};
  common::Duration latest_{};
  common::Duration least_{};
  bool has_sample_ = false;
  unsigned doublings_ = 0;  // 6 at most: kRtoMin to kRtoMax
};

}  // namespace peer::sealed
