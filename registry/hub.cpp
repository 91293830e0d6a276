#include "registry/hub.hpp"

#include "common/check.hpp"
#include "common/classic_datagram.hpp"
#include "common/take_front.hpp"

namespace registry {
namespace {

/// The datagram for a classic listener, or null if he cannot be given this text.
std::shared_ptr<const common::ByteVector> make_datagram(const Message& message) {
  const auto sender = common::UserName::parse_addressee(message.from);  // also the room's messages
  if (!sender) return nullptr;
  auto datagram = common::encode_classic(*sender, message.text);
  if (!datagram) return nullptr;
  return std::make_shared<const common::ByteVector>(*std::move(datagram));
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
  if (to.is_room()) {
    if (const auto sender = common::UserName::parse(message->from))
      return deliver_to_room(asker, cookie, message, *sender);
  }
  const DeliveryId id = begin(asker, cookie, 1);
  const Record* record = directory_.find(to);
  if (record == nullptr) {
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
    if (record.user.name == sender) return;
    ++delivery.left;
    route(id, record, message, datagram);
  });
  end_share(id);
  return id;
}

DeliveryId Hub::deliver_to_room(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                                const common::UserName& sender) {
  const DeliveryId id = begin(asker, cookie, 1);
  if (const auto outcome = greet(sender, message->text)) {
    handle_outcome(id, *outcome);
    return id;
  }
  // Who is in the room need not wait for the receipts of those who are elsewhere.
  const DeliveryId receipts =
      asker == Asker::at(common::Door::kRoom) ? begin(Asker::nobody(), 0, 1) : id;
  const Record* own = directory_.find(sender);
  const SessionId own_session = own != nullptr ? own->session : 0;
  const auto inside = std::make_shared<const Message>(
      Message{message->from, message->text, false, true, message->line_end});
  for (const SessionId session : room_.sessions()) {
    if (session == own_session) continue;
    ++deliveries_.at(id).left;
    pushes_.push_back({id, common::Door::kRoom, session, inside});
  }
  MessagePtr outside;
  Datagram datagram;
  room_.for_each_guest(directory_, [&](const Record& record) {
    if (record.user.name == sender) return;
    if (outside == nullptr) {
      outside = std::make_shared<const Message>(Message{
          common::UserName::room().text(), '<' + message->from + "> " + message->text, false});
    }
    const bool is_datagram =
        record.session == 0 && record.user.transport == common::Transport::kUdp;
    const DeliveryId share = is_datagram ? id : receipts;
    ++deliveries_.at(share).left;
    route(share, record, outside, datagram);
  });
  if (receipts != id) end_share(receipts);
  end_share(id);
  return id;
}

// What a message to the room does before it is passed on; an outcome if it goes no further.
std::optional<DeliveryOutcome> Hub::greet(const common::UserName& sender, std::string_view text) {
  if (!room_.is_open()) return DeliveryOutcome::kUnknown;
  const Record* record = directory_.find(sender);
  if (record != nullptr && record->user.door == common::Door::kRoom) return std::nullopt;
  if (text == "/leave") {
    room_.dismiss(sender);
    return DeliveryOutcome::kDelivered;
  }
  if (record == nullptr) return std::nullopt;
  if (!room_.invite(directory_, *record)) return DeliveryOutcome::kBusy;
  return std::nullopt;
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
    pushes_.push_back({.delivery = id,
                       .door = record.user.door,
                       .session = record.session,
                       .message = message,
                       .to = {}});
    return;
  }
  // Whoever has a TCP endpoint speaks NetChat's dialect there.
  if (record.user.transport == common::Transport::kTcp) {
    pushes_.push_back({.delivery = id,
                       .door = common::Door::kNetchat,
                       .session = 0,
                       .message = message,
                       .to = record.user.endpoint});
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

// The share of the delivery's own, once all its recipients have theirs.
void Hub::end_share(DeliveryId id) {
  Delivery& delivery = deliveries_.at(id);
  if (--delivery.left == 0) end(id, delivery);
}

void Hub::end(DeliveryId id, const Delivery& delivery) {
  results_.push_back({delivery.asker, delivery.cookie, id, delivery.outcome});
  deliveries_.erase(id);
}

std::optional<Hub::Push> Hub::poll_push() { return common::take_front(pushes_); }
std::optional<Hub::Transmit> Hub::poll_transmit() { return common::take_front(transmits_); }
std::optional<Hub::Result> Hub::poll_result() { return common::take_front(results_); }

}  // namespace registry
