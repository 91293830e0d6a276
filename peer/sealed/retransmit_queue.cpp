#include "peer/sealed/retransmit_queue.hpp"

#include <algorithm>
#include <bit>

namespace peer::sealed {

void RetransmitQueue::put(std::uint64_t sequence, const SentDatagram& sent) {
  ENSURE(sequence >= end_);
  if (begin_ == end_) begin_ = end_ = sequence;
  const std::size_t needed = sequence - begin_ + 1;
  ENSURE(needed <= kAckReach);
  if (needed > ring_.size()) {
    std::vector<SentDatagram> larger(std::max(std::bit_ceil(needed), kPlacesMin));
    for (std::uint64_t i = begin_; i < end_; ++i) larger[i & (larger.size() - 1)] = at(i);
    ring_ = std::move(larger);
  }
  for (; end_ < sequence; ++end_) at(end_) = SentDatagram{};  // sequences that nobody awaits
  at(sequence) = sent;
  end_ = sequence + 1;
}

std::optional<common::TimePoint> RetransmitQueue::next_loss(common::Duration patience) const {
  const std::uint64_t end = std::min(overtaken_end_, end_);
  for (std::uint64_t sequence = begin_; sequence < end; ++sequence)
    if (at(sequence).state == State::kInFlight) return at(sequence).sent_at + patience;
  return std::nullopt;
}

}  // namespace peer::sealed
