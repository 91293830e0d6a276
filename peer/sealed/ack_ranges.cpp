#include "peer/sealed/ack_ranges.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {

void AckRanges::add(common::TimePoint now, std::uint64_t sequence) {
  if (count_ == 0 || sequence > ranges_[0].last) largest_came_ = now;
  if (count_ > 0 && sequence == ranges_[0].last + 1) {  // as almost always
    ranges_[0].last = sequence;
  } else {
    std::size_t at = 0;  // the first range that does not lie wholly above the sequence
    while (at < count_ && ranges_[at].first > sequence + 1) ++at;
    ENSURE(at == count_ || sequence < ranges_[at].first || sequence > ranges_[at].last);
    const bool joins_above = at < count_ && ranges_[at].first == sequence + 1;
    const std::size_t below = joins_above ? at + 1 : at;
    const bool joins_below = below < count_ && ranges_[below].last + 1 == sequence;
    if (joins_above && joins_below) {
      ranges_[at].first = ranges_[below].first;
      remove(below);
    } else if (joins_above) {
      ranges_[at].first = sequence;
    } else if (joins_below) {
      ranges_[at].last = sequence;
    } else if (at < kAckRangesMax) {
      // A full list loses its oldest range: the sender sends that again, for nothing.
      count_ = std::min(count_ + 1, kAckRangesMax);
      for (std::size_t i = count_ - 1; i > at; --i) ranges_[i] = ranges_[i - 1];
      ranges_[at] = {sequence, sequence};
    }
  }
  // What lies out of reach is of no use to the sender.
  const std::uint64_t largest = ranges_[0].last;
  const std::uint64_t reach = largest < kAckReach ? 0 : largest - (kAckReach - 1);
  while (ranges_[count_ - 1].last < reach) --count_;
  ranges_[count_ - 1].first = std::max(ranges_[count_ - 1].first, reach);
}

Ack AckRanges::make_ack(common::TimePoint now) const {
  ENSURE(count_ > 0);
  Ack ack;
  const auto held = std::chrono::duration_cast<std::chrono::milliseconds>(now - largest_came_);
  ack.held_ms = static_cast<std::uint16_t>(std::clamp<std::int64_t>(held.count(), 0, 0xffff));
  ack.range_count = static_cast<std::uint8_t>(count_);
  std::copy_n(ranges_.begin(), count_, ack.ranges.begin());
  return ack;
}

void AckRanges::remove(std::size_t index) {
  for (std::size_t i = index; i + 1 < count_; ++i) ranges_[i] = ranges_[i + 1];
  --count_;
}

}  // namespace peer::sealed
