#include "registry/hub.hpp"

#include "common/check.hpp"
#include "common/classic_datagram.hpp"

namespace registry {
namespace {

template <typename T>
std::optional<T> take(std::deque<T>& queue) {
  if (queue.empty()) return std::nullopt;
  std::optional<T> front(std::move(queue.front()));
  queue.pop_front();
  return front;
}

/// The datagram for a classic listener, or null if he cannot be given this text.
std::shared_ptr<const common::ByteVector> make_datagram(const Message& message) {
  const auto sender = common::UserName::parse(message.from);
  if (!sender) return nullptr;
  auto datagram = common::encode_classic(*sender, message.text);
  if (!datagram) return nullptr;
  return std::make_shared<const common::ByteVector>(*std::move(datagram));
}

bool can_be_reached(const Record& record) {
  return record.session != 0 || record.user.transport == common::Transport::kUdp;
}

}  // namespace

std::string_view to_string(DeliveryOutcome outcome) {
  switch (outcome) {
    case DeliveryOutcome::kDelivered:
      return "delivered";
    case DeliveryOutcome::kSent:
      return "sent";
    case DeliveryOutcome::kUnknown:
      return "unknown";
    case DeliveryOutcome::kRefused:
      return "refused";
    case DeliveryOutcome::kBusy:
      return "busy";
    case DeliveryOutcome::kTimedOut:
      return "timed out";
    case DeliveryOutcome::kLeft:
      return "left";
    case DeliveryOutcome::kSkipped:
      return "skipped";
  }
  return "unknown";
}

bool is_success(DeliveryOutcome outcome) {
  return outcome == DeliveryOutcome::kDelivered || outcome == DeliveryOutcome::kSent;
}

DeliveryId Hub::deliver(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                        const common::UserName& to) {
  const DeliveryId id = begin(asker, cookie, 1);
  const Record* record = directory_.find(to);
  if (record == nullptr || !can_be_reached(*record)) {
    handle_outcome(id, DeliveryOutcome::kUnknown);
    return id;
  }
  Datagram datagram;
  route(id, *record, message, datagram);
  return id;
}

DeliveryId Hub::deliver_to_all(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                               const common::UserName& sender) {
  // The sender's own share keeps the delivery open while its recipients are counted.
  const DeliveryId id = begin(asker, cookie, 1);
  Delivery& delivery = deliveries_.at(id);
  Datagram datagram;
  directory_.for_each([&](const Record& record) {
    if (record.user.name == sender || !can_be_reached(record)) return;
    ++delivery.left;
    route(id, record, message, datagram);
  });
  if (--delivery.left == 0) end(id, delivery);
  return id;
}

DeliveryId Hub::begin(Asker asker, std::uint64_t cookie, std::size_t recipients) {
  const DeliveryId id = ++last_delivery_;
  deliveries_.emplace(id, Delivery{asker, cookie, recipients});
  return id;
}

// `datagram` is made once for all who share it.
void Hub::route(DeliveryId id, const Record& record, const MessagePtr& message,
                Datagram& datagram) {
  if (record.session != 0) {
    pushes_.push_back({id, record.user.door, record.session, message});
    return;
  }
  if (datagram == nullptr) datagram = make_datagram(*message);
  if (datagram == nullptr) return handle_outcome(id, DeliveryOutcome::kRefused);
  transmits_.push_back({id, record.user.endpoint, datagram});
}

void Hub::handle_outcome(DeliveryId id, DeliveryOutcome outcome) {
  const auto it = deliveries_.find(id);
  ENSURE(it != deliveries_.end());
  ++counters_.outcomes[static_cast<std::size_t>(outcome)];
  Delivery& delivery = it->second;
  const bool counts = outcome != DeliveryOutcome::kSkipped;
  // A failure outlasts successes; among successes, the weaker word.
  if (counts && is_success(delivery.outcome) && outcome != DeliveryOutcome::kDelivered)
    delivery.outcome = outcome;
  if (--delivery.left == 0) end(id, delivery);
}

void Hub::end(DeliveryId id, const Delivery& delivery) {
  results_.push_back({delivery.asker, delivery.cookie, id, delivery.outcome});
  deliveries_.erase(id);
}

std::optional<Hub::Push> Hub::poll_push() { return take(pushes_); }
std::optional<Hub::Transmit> Hub::poll_transmit() { return take(transmits_); }
std::optional<Hub::Result> Hub::poll_result() { return take(results_); }

}  // namespace registry
