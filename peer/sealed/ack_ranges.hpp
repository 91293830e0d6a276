// Which of one key's sequences have come, as an acknowledgement tells it: the newest ranges, within
// a bound. A core; beside the replay window, which refuses repeats, it knows only what was used.
#pragma once

#include <cstdint>

#include "common/time.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

class AckRanges {
 public:
  /// Notes a sequence that was not noted before. One so old that no acknowledgement reaches it is
  /// forgotten at once.
  void add(common::TimePoint now, std::uint64_t sequence);

  bool is_empty() const { return count_ == 0; }
  /// What to tell the other side now. Not when empty.
  Ack make_ack(common::TimePoint now) const;

 private:
  void remove(std::size_t index);

  // Descending and apart by one sequence at least, as in Ack.
  std::array<AckRange, kAckRangesMax> ranges_{};
  std::size_t count_ = 0;
  common::TimePoint largest_came_{};
};

}  // namespace peer::sealed
