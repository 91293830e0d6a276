// Messages at the two-connection door: what its users say, and the push connections (Lb) that
// others' texts reach them by, with their receipts.
#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/limits.hpp"
#include "registry/doors/two_connection.hpp"

namespace registry::doors {

using common::UserName;

void TwoConnectionDoor::run_message(Client& client, std::string_view content,
                                    std::optional<std::string_view> target) {
  std::optional<UserName> to;
  if (target) {
    auto name = UserName::parse_addressee(*target);
    if (!name) return reply(client, Reply::kNotDelivered);  // nobody can have that name
    to = *std::move(name);
  }
  const auto message = std::make_shared<const Message>(
      Message{client.name->text(), std::string(content), !target.has_value()});
  client.state = State::kDelivering;
  client.delivery =
      to ? hub_.deliver(Asker::at(common::Door::kTwoConnection), client.la, message, *to)
         : hub_.deliver_to_all(Asker::at(common::Door::kTwoConnection), client.la, message,
                               *client.name);
}

void TwoConnectionDoor::handle_result(TimePoint now, const Hub::Result& result) {
  Client* client = find(result.cookie);
  if (client == nullptr || client->state != State::kDelivering ||
      client->delivery != result.delivery) {
    return;  // he left before he could be told
  }
  client->state = State::kOnline;
  reply(*client, is_success(result.outcome) ? Reply::kDelivered : Reply::kNotDelivered);
  resume(now, *client);
}

void TwoConnectionDoor::run_port(TimePoint now, Client& client, const PortLine& line) {
  // security: a client could otherwise have the registry knock at a system service, or at its own
  // doors, and have lines written there.
  const bool is_here = client.source.is_loopback() || client.source == client.local;
  const bool is_own =
      is_here && std::find(own_ports_.begin(), own_ports_.end(), line.port) != own_ports_.end();
  const bool is_full = clients_.size() + links_.size() >= kStreamsMax;
  if (line.port < common::kUserPortMin || is_own || is_full) {
    ++counters_.failed_dials;
    return reply(client, Reply::kNotConnected);
  }
  set_state(now, client, State::kDialing);
  actions_.push_back(Dial{client.la, {client.source, line.port}, kDialTime});
}

void TwoConnectionDoor::handle_dialed(TimePoint now, StreamId id, std::optional<StreamId> stream) {
  Client* client = find(id);
  if (client == nullptr) {
    if (stream) actions_.push_back(Close{*stream});
    return;
  }
  ENSURE(client->state == State::kDialing);
  if (!stream) {
    ++counters_.failed_dials;
    set_state(now, *client, State::kLoggedIn);
    reply(*client, Reply::kNotConnected);
    return resume(now, *client);
  }
  client->lb = *stream;
  links_.emplace(*stream, client);
  set_state(now, *client, State::kOnline);
  reply(*client, Reply::kConnected);
  resume(now, *client);
}

void TwoConnectionDoor::handle_push(TimePoint now, Hub::Push push) {
  Client* client = find(push.session);
  if (client == nullptr || client->lb == 0 || client->state == State::kExiting || is_stopping_) {
    hub_.handle_outcome(push.delivery, push.message->is_broadcast ? DeliveryOutcome::kSkipped
                                                                  : DeliveryOutcome::kUnknown);
    return;
  }
  PushLink::Outcomes outcomes;
  client->push.push(now, push.delivery, std::move(push.message), outcomes);
  report(outcomes);
  push_next(now, *client);
}

void TwoConnectionDoor::push_next(TimePoint now, Client& client) {
  if (client.lb == 0 || client.state == State::kExiting) return arm(client);
  PushLink::Outcomes outcomes;
  if (const MessagePtr message = client.push.take_next(now, outcomes))
    write(client.lb, push_line(message));
  report(outcomes);
  arm(client);
}

// A broadcast is one text for a thousand receivers: it is rendered once.
std::shared_ptr<const std::string> TwoConnectionDoor::push_line(const MessagePtr& message) {
  if (!message->is_broadcast) return std::make_shared<const std::string>(format_push(*message));
  if (message != last_message_) {
    last_message_ = message;
    last_line_ = std::make_shared<const std::string>(format_push(*message));
  }
  return last_line_;
}

void TwoConnectionDoor::handle_receipts(TimePoint now, Client& client, std::string_view bytes) {
  std::string joined;
  if (!client.receipts.empty()) {
    joined = std::exchange(client.receipts, {});
    joined += bytes;
    bytes = joined;
  }
  PushLink::Outcomes outcomes;
  for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
    if (is_receipt(bytes.substr(0, end))) client.push.handle_receipt(now, outcomes);
    bytes.remove_prefix(end + 1);
  }
  client.receipts = bytes;
  report(outcomes);
  if (client.receipts.size() > kLineBytesMax) return give_up(now, client, "endless_receipt");
  if (client.state == State::kExiting && !client.push.is_awaiting())
    return finish_exit(now, client);
  push_next(now, client);
}

void TwoConnectionDoor::report(const PushLink::Outcomes& outcomes) {
  for (const auto& [delivery, outcome] : outcomes) hub_.handle_outcome(delivery, outcome);
}

void TwoConnectionDoor::fail_deliveries() {
  is_stopping_ = true;
  for (const auto& [id, client] : clients_) {
    PushLink::Outcomes outcomes;
    client->push.fail_all(DeliveryOutcome::kLeft, outcomes);
    report(outcomes);
  }
}

}  // namespace registry::doors
