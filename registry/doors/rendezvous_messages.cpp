// The rendezvous door's texts: within group chats, to users of other doors, and from them to users
// who have to consent first.
#include <fmt/format.h>

#include <utility>

#include "registry/doors/rendezvous.hpp"
#include "registry/doors/rendezvous_notices.hpp"
#include "registry/message_text.hpp"

namespace registry::doors {

using common::RendezvousKeyword;
using common::UserName;

namespace {

struct SaidText {
  std::string_view sender;  // empty: nobody is named
  std::string_view text;
};

/// `ali: hello` as old programs write it.
SaidText split_sender(std::string_view content) {
  const auto colon = content.find(": ");
  if (colon == content.npos) return {{}, content};
  return {content.substr(0, colon), content.substr(colon + 2)};
}

}  // namespace

void RendezvousDoor::run_message(Client& client, std::string_view content) {
  // Whatever name stands before it, it is his own that the others are shown.
  SaidText said = split_sender(content);
  const auto sender = UserName::parse(said.sender);
  if (!sender || !(*sender == *client.name)) said.text = content;
  auto text = one_line_text(said.text);
  if (!text) return say(client, client.name->text(), kTextRefused);
  if (rooms_.group_of(client.stream) != nullptr) return send_to_group(client, *text);
  const auto partner = rooms_.partner_of(client.stream);
  // Two users of this door talk without the registry.
  if (!partner || *partner < kFirstGuest) return drop("private_text");
  send_to_guest(client, *partner, *std::move(text));
}

// Everybody has the same bytes, the sender too: his program shows nothing of what it sends.
void RendezvousDoor::send_to_group(const Client& client, std::string_view text) {
  ++counters_.group_messages;
  const std::string& sender = client.name->text();
  const auto bytes = std::make_shared<const std::string>(
      common::encode_rendezvous_pair(sender, format_rendezvous_message(sender, text)));
  for (const UserId member : *rooms_.group_of(client.stream)) write(*find(member), bytes);
}

void RendezvousDoor::send_to_guest(Client& client, UserId guest, std::string text) {
  const Guest held = guests_.at(guest);
  if (!is_current(held)) return end_guest(guest);  // says that he left
  if (client.under_way >= kUnderWayMax) return say(client, client.name->text(), kTextBusy);
  ++client.under_way;
  ++counters_.relayed;
  const DeliveryId delivery = hub_.deliver(
      Asker::at(common::Door::kRendezvous), client.stream,
      std::make_shared<const Message>(Message{client.name->text(), std::move(text), false}),
      held.name);
  sent_to_.emplace(delivery, guest);
}

void RendezvousDoor::handle_result(TimePoint /*now*/, const Hub::Result& result) {
  const auto sent = sent_to_.extract(result.delivery);
  if (sent.empty()) return;
  const UserId guest = sent.mapped();
  Client* client = find(result.cookie);
  if (client != nullptr) --client->under_way;
  if (is_success(result.outcome) || !guests_.contains(guest)) return;
  if (result.outcome == DeliveryOutcome::kUnknown) {
    end_guest(guest);
  } else if (client != nullptr && client->role == Role::kUser) {
    const UserName& name = guests_.at(guest).name;
    say(*client, name.text(), format_undelivered(name, to_string(result.outcome)));
  }
  settle();
}

// --- Links: connections to relay ports -----------------------------------------------------------

// An old program connects as soon as it is told the port, and its user may type an hour later. It
// does not survive that the connection is gone by then; so links have no time limit but a number.
void RendezvousDoor::accept_link(Client& link) {
  link.role = Role::kLink;
  link.newest_chat = rooms_.newest_private();
  unbound_links_.insert(link.stream);
  if (unbound_links_.size() > kUnboundLinksMax)
    give_up(*find(*unbound_links_.begin()), "made_room");
}

void RendezvousDoor::run_link_frame(Client& link, std::string_view data) {
  const auto parsed = common::parse_rendezvous_data(data);
  if (parsed.keyword != RendezvousKeyword::kMessage) return drop("link_not_message");
  const SaidText said = split_sender(parsed.text);
  Client* user = link_user(link, said.sender);
  if (user == nullptr) return drop("link_foreign_name");
  if (!bind_link(link, *user)) {
    drop("link_of_no_chat");
    return say(*user, user->name->text(), kTextLate);
  }
  auto text = one_line_text(said.text);
  if (!text) return say(*user, user->name->text(), kTextRefused);
  send_to_guest(*user, *rooms_.partner_of(user->stream), *std::move(text));
}

// security: a link is the user's who is named in its first text, if it comes from where he is; from
// then on it is nobody else's. Null: it is not his who is named.
RendezvousDoor::Client* RendezvousDoor::link_user(const Client& link, std::string_view sender) {
  const auto name = UserName::parse(sender);
  Client* user = name ? find_user(*name) : nullptr;
  const bool is_his = user != nullptr && user->source.address == link.source.address &&
                      (link.owner == 0 || link.owner == user->stream);
  return is_his ? user : nullptr;
}

// security: and it leads to one partner, him of the chat that it was made for: the user's present
// one when he named himself, if it came to that chat's port and after its beginning. What comes
// when the chat is over is for nobody, whoever the user talks with then. False: so it is.
bool RendezvousDoor::bind_link(Client& link, Client& user) {
  const ChatId chat = rooms_.private_room_of(user.stream);
  if (link.owner != 0) return chat != 0 && link.chat == chat;
  const bool is_with_guest = chat != 0 && *rooms_.partner_of(user.stream) >= kFirstGuest;
  if (!is_with_guest || link.relay_port != user.relay_port || link.newest_chat < chat) return false;
  link.owner = user.stream;
  link.chat = chat;
  unbound_links_.erase(link.stream);
  user.links.insert(link.stream);
  if (user.links.size() > kLinksPerUserMax) give_up(*find(*user.links.begin()), "made_room");
  return true;
}

// --- From other doors ----------------------------------------------------------------------------

void RendezvousDoor::handle_push(TimePoint now, Hub::Push push) {
  const auto finish = [&](DeliveryOutcome outcome) {
    hub_.handle_outcome(push.delivery, outcome);
    settle();
  };
  const bool is_broadcast = push.message->is_broadcast;
  Client* client = find(push.session);
  if (client == nullptr || client->role != Role::kUser || is_stopping_)
    return finish(is_broadcast ? DeliveryOutcome::kSkipped : DeliveryOutcome::kUnknown);
  const auto name = UserName::parse_addressee(push.message->from);
  if (!name) return finish(DeliveryOutcome::kRefused);
  const Client* here = find_user(*name);
  const UserId sender = here != nullptr ? here->stream : guest_of(*name);
  const auto* group = rooms_.group_of(client->stream);
  const bool is_in_group = group != nullptr && rooms_.group_of(sender) == group;
  if (is_in_group || rooms_.are_together(client->stream, sender)) {
    if (client->is_behind) return finish(DeliveryOutcome::kBusy);
    show(*client, *push.message);
    return finish(DeliveryOutcome::kSent);
  }
  // He is no recipient of what strangers say to all: they would all be asking him.
  if (is_broadcast) return finish(DeliveryOutcome::kSkipped);
  if (sender == client->stream || rooms_.is_in_room(client->stream) || rooms_.is_in_room(sender)) {
    return finish(DeliveryOutcome::kBusy);
  }
  if (!rooms_.has_asked(sender, client->stream)) rooms_.ask(now, sender, client->stream);
  run_room_events();
  if (!rooms_.has_asked(sender, client->stream)) return finish(DeliveryOutcome::kBusy);
  hold(now, *client, sender, std::move(push));
  settle();
}

void RendezvousDoor::hold(TimePoint now, const Client& client, UserId sender, Hub::Push push) {
  const HeldKey key{client.stream, sender};
  auto& queue = held_[key];
  if (queue.size() >= kHeldMessagesMax)
    return hub_.handle_outcome(push.delivery, DeliveryOutcome::kBusy);
  const TimePoint deadline = now + kConsentTime;
  held_deadlines_.emplace(deadline, push.delivery, key);
  queue.push_back({push.delivery, std::move(push.message), deadline});
}

std::deque<RendezvousDoor::Held> RendezvousDoor::take_held(StreamId client, UserId sender) {
  auto taken = held_.extract({client, sender});
  if (taken.empty()) return {};
  for (const Held& held : taken.mapped())
    held_deadlines_.erase({held.deadline, held.delivery, taken.key()});
  return std::move(taken.mapped());
}

void RendezvousDoor::fail_held(StreamId client, UserId sender, DeliveryOutcome outcome) {
  for (const Held& held : take_held(client, sender)) hub_.handle_outcome(held.delivery, outcome);
}

void RendezvousDoor::fail_all_held(StreamId client, DeliveryOutcome outcome) {
  for (auto it = held_.lower_bound({client, 0}); it != held_.end() && it->first.first == client;
       it = held_.lower_bound({client, 0})) {
    fail_held(client, it->first.second, outcome);
  }
}

void RendezvousDoor::fail_deliveries() {
  is_stopping_ = true;
  while (!held_.empty()) fail_all_held(held_.begin()->first.first, DeliveryOutcome::kLeft);
}

// As a group's texts come: a program shows those whatever room it is in.
void RendezvousDoor::show(Client& client, const Message& message) {
  say(client, message.from, format_rendezvous_message(message.from, message.text));
}

// --- Guests --------------------------------------------------------------------------------------

RendezvousDoor::UserId RendezvousDoor::guest_of(const UserName& name) {
  if (const auto known = guest_ids_.find(name.key()); known != guest_ids_.end()) {
    if (is_current(guests_.at(known->second))) return known->second;
    end_guest(known->second);
  }
  const UserId id = ++last_guest_;
  const Record* record = directory_.find(name);
  guests_.emplace(id, Guest{name, record == nullptr ? 0 : record->order});
  guest_ids_.emplace(name.key(), id);
  using RoomRole = RendezvousRooms::Role;
  const bool is_listed = record != nullptr || is_open_room(name);
  rooms_.add(id, is_listed ? RoomRole::kGuest : RoomRole::kStranger);
  idle_guests_.push_back(id);
  return id;
}

// security: consent is given to a person, not to whoever has his name later.
bool RendezvousDoor::is_current(const Guest& guest) const {
  const Record* record = directory_.find(guest.name);
  return (record == nullptr ? 0 : record->order) == guest.order;
}

void RendezvousDoor::end_guest(UserId guest) {
  rooms_.remove(guest);
  run_room_events();  // while his name is known
  guest_ids_.erase(guests_.at(guest).name.key());
  guests_.erase(guest);
}

// A guest's program knows no requests. Of what he asked by writing he hears by the result of his
// message, and by a message if that was told before the answer came.
void RendezvousDoor::tell_guest_of_event(const RoomEvent& event) {
  idle_guests_.push_back(event.to);
  // The room is told that he does not hear it any more.
  if (event.kind == RoomEvent::Kind::kClosed && guests_.at(event.to).name.is_room())
    tell_guest(event.to, *find(event.about), "/leave");
  const bool is_accepted = event.kind == RoomEvent::Kind::kAccepted;
  const bool is_rejected = event.kind == RoomEvent::Kind::kRejected;
  if (!is_accepted && !is_rejected) return;
  const bool is_awaited = held_.contains({event.about, event.to});
  if (is_rejected) fail_held(event.about, event.to, DeliveryOutcome::kRefused);
  if (is_awaited || guests_.at(event.to).name.is_room()) return;  // there everybody would be told
  tell_guest(event.to, *find(event.about),
             is_accepted ? "accepted the chat request. you can send your message now!"
                         : "rejected the chat request!");
}

void RendezvousDoor::tell_guest(UserId guest, const Client& about, std::string_view text) {
  hub_.deliver(
      Asker::nobody(), 0,
      std::make_shared<const Message>(Message{about.name->text(), std::string(text), false}),
      guests_.at(guest).name);
}

}  // namespace registry::doors
