// One key's datagrams that wait for their acknowledgement: what each carried, until it is acked or
// lost. What is lost is sent again under a new sequence; the message keeps its id. A core; the
// memory is one ring that grows with what is in flight.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/check.hpp"
#include "common/time.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

/// What of the sender's stream a datagram carries: a run of whole messages, or one fragment, or
/// nothing.
struct Carried {
  static constexpr std::uint8_t kWhole = 0xff;

  std::uint64_t first = 0;         // number of the first message
  std::uint16_t count = 0;         // of messages; 0: nothing of the stream
  std::uint8_t fragment = kWhole;  // or the index of the fragment of the one message
  friend bool operator==(const Carried&, const Carried&) = default;
};

struct SentDatagram {
  common::TimePoint sent_at{};
  Carried carried;
  std::uint32_t bytes = 0;
  enum class State : std::uint8_t { kNotAwaited, kInFlight, kLost, kAcked };
  State state = State::kNotAwaited;
};

class RetransmitQueue {
 public:
  /// A sequence above all earlier ones went out, and an acknowledgement is awaited. Calls
  /// on_lost(const SentDatagram&) for what no acknowledgement can reach any more.
  template <typename OnLost>
  void add(std::uint64_t sequence, common::TimePoint now, std::size_t bytes, Carried carried,
           OnLost on_lost);

  struct AckResult {
    bool has_news = false;  // something that was awaited has arrived
    /// When the largest was sent, if it is among the news: what a round trip is measured by.
    std::optional<common::TimePoint> sample;
  };
  /// Calls on_acked(const SentDatagram&) for each datagram that arrived, with its state before.
  /// Nothing if a sequence is acknowledged that was never sent.
  template <typename OnAcked>
  std::optional<AckResult> handle_ack(const Ack& ack, std::uint64_t sent_end, OnAcked on_acked);

  /// Calls on_lost(const SentDatagram&) for each in flight that was sent `patience` ago or earlier
  /// and that something sent later has overtaken.
  template <typename OnLost>
  void detect_lost(common::TimePoint now, common::Duration patience, OnLost on_lost);
  /// When detect_lost would find the next one.
  std::optional<common::TimePoint> next_loss(common::Duration patience) const;

  /// Gives up all that is in flight.
  template <typename OnLost>
  void lose_all(OnLost on_lost);

  std::size_t in_flight() const { return in_flight_; }

 private:
  using State = SentDatagram::State;
  static constexpr std::size_t kPlacesMin = 16;
  static constexpr std::uint64_t kLateMax = 256;

  SentDatagram& at(std::uint64_t sequence) { return ring_[sequence & (ring_.size() - 1)]; }
  const SentDatagram& at(std::uint64_t sequence) const {
    return ring_[sequence & (ring_.size() - 1)];
  }
  void put(std::uint64_t sequence, const SentDatagram& sent);
  /// Lost ones are remembered for a while: some are only late, and need not be sent again.
  void forget_finished() {
    while (begin_ < end_ && at(begin_).state != State::kInFlight &&
           (at(begin_).state != State::kLost || end_ - begin_ > kLateMax))
      ++begin_;
  }

  // Sequences [begin_, end_) have a place in the ring, which is a power of two, kAckReach at most.
  std::vector<SentDatagram> ring_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t overtaken_end_ = 0;  // one above the highest sequence that was acked
  std::size_t in_flight_ = 0;
};

template <typename OnLost>
void RetransmitQueue::add(std::uint64_t sequence, common::TimePoint now, std::size_t bytes,
                          Carried carried, OnLost on_lost) {
  forget_finished();
  while (begin_ < end_ && sequence - begin_ >= kAckReach) {
    SentDatagram& sent = at(begin_);
    if (sent.state == State::kInFlight) {
      sent.state = State::kLost;
      --in_flight_;
      on_lost(sent);
    }
    ++begin_;
  }
  put(sequence, {.sent_at = now,
                 .carried = carried,
                 .bytes = static_cast<std::uint32_t>(bytes),
                 .state = State::kInFlight});
  ++in_flight_;
}

template <typename OnAcked>
std::optional<RetransmitQueue::AckResult> RetransmitQueue::handle_ack(const Ack& ack,
                                                                      std::uint64_t sent_end,
                                                                      OnAcked on_acked) {
  if (ack.largest() >= sent_end) return std::nullopt;
  AckResult result;
  for (const AckRange& range : ack.used()) {
    if (range.last < begin_) break;  // this and all further ones are known
    const std::uint64_t end = std::min(range.last + 1, end_);
    for (std::uint64_t sequence = std::max(range.first, begin_); sequence < end; ++sequence) {
      SentDatagram& sent = at(sequence);
      if (sent.state != State::kInFlight && sent.state != State::kLost) continue;
      on_acked(sent);
      if (sent.state == State::kInFlight) --in_flight_;
      sent.state = State::kAcked;
      result.has_news = true;
      if (sequence == ack.largest()) result.sample = sent.sent_at;
      overtaken_end_ = std::max(overtaken_end_, sequence + 1);
    }
  }
  forget_finished();
  return result;
}

template <typename OnLost>
void RetransmitQueue::detect_lost(common::TimePoint now, common::Duration patience,
                                  OnLost on_lost) {
  const std::uint64_t end = std::min(overtaken_end_, end_);
  for (std::uint64_t sequence = begin_; sequence < end; ++sequence) {
    SentDatagram& sent = at(sequence);
    if (sent.state != State::kInFlight) continue;
    if (sent.sent_at + patience > now) break;  // sent in order: so are all behind it
    sent.state = State::kLost;
    --in_flight_;
    on_lost(sent);
  }
  forget_finished();
}

template <typename OnLost>
void RetransmitQueue::lose_all(OnLost on_lost) {
  for (std::uint64_t sequence = begin_; sequence < end_; ++sequence) {
    SentDatagram& sent = at(sequence);
    if (sent.state != State::kInFlight) continue;
    sent.state = State::kLost;
    --in_flight_;
    on_lost(sent);
  }
}

}  // namespace peer::sealed
