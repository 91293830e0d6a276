// Messages on their way to NetChat programs, which take each over a connection of its own: who is
// connected to next, and what came of it (docs/protocol/netchat.md, "From the registry"). A core.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/doors/stream_door.hpp"
#include "registry/hub.hpp"

namespace registry::doors {

class NetchatDialer {
 public:
  /// Deliveries that have come to their end, added to by the functions below.
  using Outcomes = std::vector<std::pair<DeliveryId, DeliveryOutcome>>;
  using Bytes = std::shared_ptr<const std::string>;

  /// Takes a message for whoever listens there, or says at once why not.
  void push(TimePoint now, const common::Endpoint& to, DeliveryId delivery, Bytes bytes,
            Outcomes& outcomes);
  /// The next connection to be made; none while enough are under way, or nothing waits. An endpoint
  /// has one at a time, so that its messages keep their order.
  std::optional<Dial> take_next(TimePoint now, Outcomes& outcomes);
  /// What a connection came to: the message to be written on it, which then counts as sent; null if
  /// there is none. A failure ends all that waits for that endpoint with `failed_as`.
  Bytes handle_dialed(StreamId dial, bool is_connected, DeliveryOutcome failed_as,
                      Outcomes& outcomes);
  /// Everything under way ends with this outcome.
  void fail_all(DeliveryOutcome outcome, Outcomes& outcomes);

  std::size_t waiting_count() const { return waiting_count_; }
  std::size_t dial_count() const { return dials_.size(); }

 private:
  struct Item {
    DeliveryId delivery = 0;
    Bytes bytes;
    TimePoint since;
  };
  struct Queue {
    std::deque<Item> items;
    bool is_dialing = false;
  };
  struct Dialing {
    common::Endpoint to;
    Item item;
  };

  Item take_front(Queue& queue);

  // An endpoint is in queues_ while something waits for it or it is being dialed, and in ready_
  // while something waits for it and it is not.
  std::map<common::Endpoint, Queue> queues_;
  std::deque<common::Endpoint> ready_;  // first come first served
  std::map<StreamId, Dialing> dials_;
  StreamId last_dial_ = 0;
  std::size_t waiting_count_ = 0;
};

}  // namespace registry::doors
