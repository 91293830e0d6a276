// One sender's stream as it is received: puts messages into the sender's order and delivers each
// once (docs/protocol/sealed-datagram.md, "Delivery"). A core; every session that the sender's
// process opens with us feeds the same inbox.
#pragma once

#include <map>
#include <variant>

#include "common/crypto.hpp"
#include "common/time.hpp"
#include "peer/sealed/incoming_queue.hpp"
#include "peer/sealed/message_ids.hpp"
#include "peer/sealed/reassembly.hpp"

namespace peer::sealed {

class Inbox {
 public:
  /// `floor` is of the first datagram that came of the stream: what lies below was finished before
  /// we knew the stream. Both references outlive the inbox.
  Inbox(common::IdentityKey sender, std::uint64_t floor, HeldBudget& budget, MessageIds& ids)
      : sender_(sender), next_(floor), budget_(budget), ids_(ids) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  /// Where what is delivered goes, and the circumstances of a datagram.
  struct Delivery {
    IncomingQueue& out;
    common::TimePoint now;
    std::uint64_t session = 0;
    bool is_early = false;
  };

  enum class Taken {
    kYes,     // delivered, or held until its turn, or known already
    kNoRoom,  // the sender has to send it again
    kBroken   // no honest sender says this
  };

  /// The sender has finished with everything below: nothing waits for it any longer.
  void handle_floor(std::uint64_t floor, const Delivery& delivery);
  Taken handle_message(std::uint64_t number, const Message& message, const Delivery& delivery);
  Taken handle_fragment(std::uint64_t number, const Fragment& fragment, const Delivery& delivery);

  /// Forgets what is held since kReassemblyTime without a new part: the sender is gone, or sends
  /// all of it again.
  void handle_timeout(common::TimePoint now);

  /// All below are delivered or will not come.
  std::uint64_t delivered_below() const { return next_; }
  const common::IdentityKey& sender() const { return sender_; }
  std::size_t held_bytes() const { return held_bytes_; }
  std::size_t held_count() const { return held_.size(); }
  std::size_t reassembly_count() const { return reassembly_count_; }

 private:
  struct Held {
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    MessageId id{};
    bool is_early = false;
    std::variant<common::ByteVector, Reassembly> body;
    std::size_t bytes = 0;  // that it counts for
    common::TimePoint touched{};
  };

  [[nodiscard]] bool try_hold(std::size_t bytes);
  void release(std::size_t bytes);
  void deliver(const Held& held, const Delivery& delivery);
  void deliver(MessageKind kind, Level level, const MessageId& id, common::Bytes body,
               const Delivery& delivery);
  void deliver_waiting(const Delivery& delivery);
  std::map<std::uint64_t, Held>::iterator erase(std::map<std::uint64_t, Held>::iterator it);

  common::IdentityKey sender_;
  std::uint64_t next_;
  HeldBudget& budget_;
  MessageIds& ids_;
  std::map<std::uint64_t, Held> held_;  // numbers of next_ and above; next_ itself only in parts
  std::size_t held_bytes_ = 0;          // kUnfinishedBytesMax at most
  std::size_t reassembly_count_ = 0;    // kReassembliesMax at most
};

}  // namespace peer::sealed
