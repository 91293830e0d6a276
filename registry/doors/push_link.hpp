// The messages on their way to one user of the two-connection door: one line at a time, then its
// receipt (docs/protocol/two-connection.md, "Receipts"). A core.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "common/time.hpp"
#include "registry/hub.hpp"

namespace registry::doors {

class PushLink {
 public:
  /// Deliveries that have come to their end, added to by the functions below.
  using Outcomes = std::vector<std::pair<DeliveryId, DeliveryOutcome>>;

  /// Takes a message, or says at once why not.
  void push(common::TimePoint now, DeliveryId delivery, MessagePtr message, Outcomes& outcomes);
  /// The message whose line is to be written now; null while a receipt is awaited or nothing waits.
  MessagePtr take_next(common::TimePoint now, Outcomes& outcomes);
  void handle_receipt(common::TimePoint now, Outcomes& outcomes);
  void handle_timeout(common::TimePoint now, Outcomes& outcomes);
  /// The link is gone: everything under way ends with this outcome.
  void fail_all(DeliveryOutcome outcome, Outcomes& outcomes);
  std::optional<common::TimePoint> next_timeout() const;

  /// Places for waiting messages that memory is held for.
  std::size_t waiting_room() const { return waiting_.capacity(); }
  /// A line was written, and its receipt may still come.
  bool is_awaiting() const { return line_.has_value(); }
  /// He owes the receipt of a private message: whatever else is sent would be lost or mistaken.
  bool is_frozen() const { return is_frozen_; }

 private:
  struct Item {
    DeliveryId delivery = 0;
    MessagePtr message;
    common::TimePoint since;  // queued, then written
  };

  bool is_empty() const { return first_ == waiting_.size(); }
  void drop_front();
  void end_line(DeliveryOutcome outcome, Outcomes& outcomes);

  std::optional<Item> line_;  // written, its receipt is awaited
  // A vector with a moving front: most links never have anything waiting, and an empty deque is
  // half a kilobyte.
  std::vector<Item> waiting_;
  std::size_t first_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::size_t owed_ = 0;      // receipts of lines that were given up
  std::size_t received_ = 0;  // receipts since line_ was written that could be those
  std::optional<common::TimePoint> grace_until_;
  bool is_frozen_ = false;
};

}  // namespace registry::doors
