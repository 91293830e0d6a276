// One stream as it is sent: gives messages their numbers, cuts datagrams' content from them, and
// knows of each what was acknowledged, until it is delivered or given up
// (docs/protocol/sealed-datagram.md, "Delivery"). A core; memory of finished messages is used
// again.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/time.hpp"
#include "peer/sealed/retransmit_queue.hpp"

namespace peer::sealed {

class Outbox {
 public:
  explicit Outbox(StreamId stream) : stream_(stream) {}

  struct NewMessage {
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    MessageId id{};
    common::Bytes body;  // copied; as long as its kind may be
    common::TimePoint deadline;
    std::uint64_t tag = 0;  // the caller's own, comes back with what became of it
  };
  /// False when kUnfinishedMessagesMax or kQueuedBytesMax are reached: try again later.
  [[nodiscard]] bool try_push(const NewMessage& message);

  /// What became of a message.
  struct Finished {
    MessageId id{};
    std::uint64_t tag = 0;
    Level level = Level::kDelivered;  // that was wanted
    bool is_delivered = false;        // else its deadline passed
    bool was_sent = false;
    common::TimePoint sent_at{};  // first, if it was
    common::TimePoint deadline;
  };

  /// Something may be sent, for the first time or again.
  bool has_content() const;
  /// Writes STREAM and as much of what is to be sent as one datagram can carry into `out`; nothing,
  /// and no byte written, when has_content() is false or the room is too small for what comes next.
  std::optional<Carried> write_content(common::TimePoint now, SpanWriter& out);
  /// STREAM alone.
  void write_stream(SpanWriter& out) const;

  /// Datagrams that carried something arrived or were lost.
  void handle_acked(const Carried& carried);
  void handle_lost(const Carried& carried);
  /// The other side says that all below are delivered. Calls on_finished(const Finished&) for each
  /// that was not finished. False if the number was never sent.
  template <typename OnFinished>
  [[nodiscard]] bool handle_delivered(std::uint64_t below, OnFinished on_finished);
  /// Gives up what is due. True if the other side has to learn that it need not wait.
  template <typename OnFinished>
  bool handle_timeout(common::TimePoint now, OnFinished on_finished);
  /// Gives up everything.
  template <typename OnFinished>
  void fail_all(OnFinished on_finished);
  /// All that was ever sent and is not finished is sent again, in order: to a process that knows
  /// nothing of it.
  void resend_all();

  std::optional<common::TimePoint> next_timeout() const;
  /// Messages were sent that are neither delivered nor given up.
  bool is_awaiting() const { return unfinished_sent_ > 0; }
  bool is_idle() const { return unfinished_ == 0; }
  /// It was ever given a message.
  bool has_spoken() const { return end_ > 0; }
  std::size_t unfinished() const { return unfinished_; }
  StreamId stream() const { return stream_; }
  std::uint64_t floor() const { return floor_; }

  /// For measurements: at most so many messages in a datagram.
  void set_messages_per_datagram(std::uint16_t count) { per_datagram_max_ = count; }

  /// Bodies in the queue, sent or not.
  static constexpr std::size_t kQueuedBytesMax = 8 * 1024 * 1024;

 private:
  struct Outgoing {
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    bool is_finished = false;
    std::uint8_t fragments_sent = 0;  // of first transmissions
    std::uint64_t acked = 0;          // bit i: fragment i, or bit 0: the whole
    MessageId id{};
    std::uint64_t tag = 0;
    common::ByteVector body;
    common::TimePoint sent_at{};
    common::TimePoint deadline{};

    bool is_in_parts() const { return body.size() > kFragmentBytes; }
    std::size_t parts() const { return is_in_parts() ? fragment_count(body.size()) : 1; }
    bool was_sent() const { return fragments_sent > 0; }
    bool is_all_sent() const { return fragments_sent == parts(); }
  };

  Outgoing& at(std::uint64_t number) { return ring_[number & (ring_.size() - 1)]; }
  const Outgoing& at(std::uint64_t number) const { return ring_[number & (ring_.size() - 1)]; }
  void make_room();
  bool may_begin(const Outgoing& message) const;
  bool is_wanted(std::uint64_t number, std::uint8_t fragment) const;
  std::optional<Carried> next_resend();
  std::optional<Carried> write_whole(common::TimePoint now, std::uint64_t first, std::uint64_t end,
                                     SpanWriter& out);
  std::optional<Carried> write_fragment(common::TimePoint now, std::uint64_t number,
                                        std::uint8_t index, SpanWriter& out);
  void note_sent(common::TimePoint now, Outgoing& message, std::size_t parts);
  Finished finish(Outgoing& message, bool is_delivered);
  void raise_floor();

  StreamId stream_;
  // Numbers [floor_, end_) have a place in the ring, a power of two, kUnfinishedMessagesMax at
  // most.
  std::vector<Outgoing> ring_;
  std::uint64_t floor_ = 0;     // the oldest that is not finished
  std::uint64_t next_new_ = 0;  // the oldest that was not sent in whole
  std::uint64_t end_ = 0;
  std::deque<Carried> lost_;  // to be sent again, as far as it is still wanted
  std::size_t queued_bytes_ = 0;
  std::size_t under_way_bytes_ = 0;  // of messages begun and not finished: kUnfinishedBytesMax
  std::size_t under_way_parts_ = 0;  // of these, messages in fragments: kReassembliesMax
  std::size_t unfinished_ = 0;
  std::size_t unfinished_sent_ = 0;
  std::uint16_t per_datagram_max_ = 0xffff;
  std::optional<common::TimePoint> next_deadline_;  // or earlier than the earliest
};

template <typename OnFinished>
bool Outbox::handle_delivered(std::uint64_t below, OnFinished on_finished) {
  // What was not sent cannot be delivered; a message in parts not before its last part left.
  if (below > next_new_) return false;
  for (std::uint64_t number = floor_; number < below; ++number) {
    Outgoing& message = at(number);
    if (!message.is_finished) on_finished(finish(message, true));
  }
  raise_floor();
  return true;
}

template <typename OnFinished>
bool Outbox::handle_timeout(common::TimePoint now, OnFinished on_finished) {
  if (!next_deadline_ || now < *next_deadline_) return false;
  next_deadline_.reset();
  const std::uint64_t old_floor = floor_;
  for (std::uint64_t number = floor_; number < end_; ++number) {
    Outgoing& message = at(number);
    if (message.is_finished) continue;
    if (message.deadline <= now) {
      on_finished(finish(message, false));
    } else if (!next_deadline_ || message.deadline < *next_deadline_) {
      next_deadline_ = message.deadline;
    }
  }
  raise_floor();
  return floor_ != old_floor && is_awaiting();
}

template <typename OnFinished>
void Outbox::fail_all(OnFinished on_finished) {
  for (std::uint64_t number = floor_; number < end_; ++number)
    if (!at(number).is_finished) on_finished(finish(at(number), false));
  raise_floor();
  next_deadline_.reset();
}

}  // namespace peer::sealed
