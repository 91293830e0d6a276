#include "peer/sealed/replay_window.hpp"

#include <algorithm>

#include "common/check.hpp"
#include "peer/sealed/session_keys.hpp"

namespace peer::sealed {

bool ReplayWindow::has_seen(std::uint64_t sequence) const {
  if (sequence >= kSequenceEnd) return true;
  if (sequence >= end_) return false;
  if (end_ - sequence > kSize) return true;
  const std::uint64_t word = words_[(sequence / kWordBits) % kWords];
  return ((word >> (sequence % kWordBits)) & 1) != 0;
}

void ReplayWindow::mark(std::uint64_t sequence) {
  ENSURE(!has_seen(sequence));
  if (sequence >= end_) {
    // Words between the old highest and the new one are of an earlier lap: forget them.
    const std::uint64_t old_word = end_ == 0 ? 0 : (end_ - 1) / kWordBits;
    const std::uint64_t new_word = sequence / kWordBits;
    const std::uint64_t stale = std::min(new_word - old_word, kWords);
    for (std::uint64_t i = 1; i <= stale; ++i) words_[(old_word + i) % kWords] = 0;
    end_ = sequence + 1;
  }
  words_[(sequence / kWordBits) % kWords] |= std::uint64_t{1} << (sequence % kWordBits);
}

}  // namespace peer::sealed
