// What users of the rendezvous door say to the registry, a frame each: docs/protocol/rendezvous.md,
// "To the registry".
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/limits.hpp"
#include "registry/doors/rendezvous.hpp"
#include "registry/doors/rendezvous_notices.hpp"

namespace registry::doors {

using common::Endpoint;
using common::IpAddress;
using common::RendezvousData;
using common::RendezvousKeyword;
using common::UserName;
using Kind = RoomEvent::Kind;

namespace {

template <typename Number>
Number parse_number(std::string_view digits) {
  Number number = 0;
  const auto end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? number : 0;
}

}  // namespace

void RendezvousDoor::run_frame(TimePoint now, Client& client, std::string_view data) {
  if (client.role == Role::kLink) return run_link_frame(client, data);
  const RendezvousData parsed = common::parse_rendezvous_data(data);
  if (client.role == Role::kNew) {
    if (parsed.keyword != RendezvousKeyword::kRegister) return drop("before_register");
    return run_register(now, client, parsed);
  }
  client.deadline = now + options_.lease;
  run_command(now, client, parsed);
}

void RendezvousDoor::run_register(TimePoint now, Client& client, const RendezvousData& data) {
  const auto name = UserName::parse(data.field(0));
  if (!name)
    return refuse(client, "malformed_name", kRegistryName, format_refused_name(name.error()));
  const std::string& text = name->text();
  const auto port = common::parse_port(data.field(1)).value_or(0);
  if (!may_have_port(client, port)) return refuse(client, "port", text, kPortRefused);
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  const auto refusal = directory_.attach({.name = *name,
                                          .door = common::Door::kRendezvous,
                                          .source = client.source.address,
                                          .since = {options_.wall_at_zero.unix_ms + since.count()},
                                          .session = client.stream});
  if (refusal == Refusal::kFull) return refuse(client, "full", text, kRegistryFull);
  if (refusal == Refusal::kAccountName) return refuse(client, "account_name", text, kAccountName);
  if (refusal == Refusal::kBoundName) return refuse(client, "bound_name", text, kBoundName);
  if (refusal) return refuse(client, "name_taken", text, kNameInUse);
  // A guest of that name was somebody else.
  if (const auto guest = guest_ids_.find(name->key()); guest != guest_ids_.end())
    end_guest(guest->second);
  ++counters_.registrations;
  client.role = Role::kUser;
  client.name = *name;
  client.port = port;
  client.deadline = now + options_.lease;
  arm(client);
  users_.emplace(name->key(), client.stream);
  rooms_.add(client.stream);
  rooms_.set_behind(client.stream, client.is_behind);
  note("accepted/registered new connection from", client);
}

// security: his partner's program would be made to speak to the registry.
bool RendezvousDoor::may_have_port(const Client& client, std::uint16_t port) const {
  if (port < common::kUserPortMin) return false;
  if (std::find(own_ports_.begin(), own_ports_.end(), port) == own_ports_.end()) return true;
  const IpAddress& source = client.source.address;
  return !source.is_loopback() && !(is_own_address_ && is_own_address_(source));
}

bool RendezvousDoor::is_own(const Client& client, std::string_view field) {
  if (field.empty()) return true;
  const auto name = UserName::parse(field);
  if (name && *name == *client.name) return true;
  drop("foreign_name");
  return false;
}

// What does not fit the state is not answered: old programs send commands that nobody typed.
void RendezvousDoor::run_command(TimePoint now, Client& client, const RendezvousData& data) {
  const bool is_in_room = rooms_.is_in_room(client.stream);
  switch (data.keyword) {
    case RendezvousKeyword::kSearch:
      if (is_in_room) return drop("in_room");
      if (is_own(client, data.field(1))) run_search(client, data.field(0));
      return;
    case RendezvousKeyword::kChatRequest:
      if (is_in_room) return drop("in_room");
      if (is_own(client, data.field(1))) run_chat_request(now, client, data.field(0));
      return;
    case RendezvousKeyword::kGroupChat:
      if (is_in_room) return drop("in_room");
      if (is_own(client, data.field(0))) run_group_chat(now, client, data);
      return;
    case RendezvousKeyword::kOk:
    case RendezvousKeyword::kReject:
    case RendezvousKeyword::kOkGroup:
    case RendezvousKeyword::kRejectGroup:
      if (is_in_room) return drop("in_room");
      if (is_own(client, data.field(0))) run_answer(client, data);
      return;
    case RendezvousKeyword::kExit:
    case RendezvousKeyword::kExitGroup:
      if (!is_in_room) return drop("in_no_room");
      if (is_own(client, data.field(0))) rooms_.leave_room(client.stream);
      return;
    case RendezvousKeyword::kMessage:
      if (!is_in_room) return drop("in_no_room");
      return run_message(client, data.text);
    case RendezvousKeyword::kLogout:
      return run_logout(now, client);
    default:
      return drop(data.keyword == RendezvousKeyword::kRegister ? "register_again" : "unknown");
  }
}

void RendezvousDoor::run_search(Client& client, std::string_view wanted) {
  const std::string& me = client.name->text();
  const auto name = UserName::parse_addressee(wanted);
  const Record* record = name ? directory_.find(*name) : nullptr;
  // Who has asked him for a chat is there, listed or not: he may only be sending.
  if (name && (is_open_room(*name) || (record == nullptr && has_asked(client, *name))))
    return say(client, me, format_found(name->text(), {client.local, relay_ports_.first()}));
  if (record == nullptr) return say(client, me, kUserNotFound);
  if (*name == *client.name) return say(client, me, kOwnSearch);
  Endpoint where = record->user.endpoint;
  if (record->session != 0) where = {record->source, relay_ports_.first()};
  if (const Client* found = find_user(*name)) where = found->source;
  say(client, me, format_found(record->user.name.text(), where));
}

bool RendezvousDoor::has_asked(const Client& client, const UserName& name) const {
  const auto guest = guest_ids_.find(name.key());
  return guest != guest_ids_.end() && rooms_.has_asked(guest->second, client.stream);
}

void RendezvousDoor::run_chat_request(TimePoint now, Client& client, std::string_view wanted) {
  const std::string& me = client.name->text();
  const auto name = UserName::parse_addressee(wanted);
  const bool is_room = name && is_open_room(*name);
  const Record* record = name ? directory_.find(*name) : nullptr;
  if ((record == nullptr && !is_room) || !relay_ports_.is_open())
    return say(client, me, kUserNotFound);
  if (*name == *client.name) return say(client, me, kOwnChat);
  if (const Client* other = find_user(*name)) return rooms_.ask(now, client.stream, other->stream);
  // He hears the room from now on; its "/leave", when the chat ends, is tell_guest_of_event's.
  if (is_room && !hub_.room().invite(directory_, *directory_.find(*client.name)))
    return say(client, me, format_room_notice(Kind::kBusy, {}, 0));
  rooms_.ask(now, client.stream, guest_of(is_room ? *name : record->user.name));
}

void RendezvousDoor::run_group_chat(TimePoint now, Client& client, const RendezvousData& data) {
  const std::string& me = client.name->text();
  std::vector<UserId> invited;
  std::vector<std::string> notices;
  const std::size_t count = std::min(data.fields.size(), RendezvousRooms::kGroupMax);
  for (std::size_t i = 1; i < count; ++i) {
    const auto name = UserName::parse(data.fields[i]);
    if (name && *name == *client.name) continue;
    const Client* other = name ? find_user(*name) : nullptr;
    if (other != nullptr) {
      invited.push_back(other->stream);
    } else if (!name) {
      notices.emplace_back(kUserNotFound);
    } else if (directory_.find(*name) == nullptr) {
      notices.push_back(fmt::format("&&NOTFOUND&&|{} not found", name->text()));
    } else {
      // He could not leave: his door knows no group chats.
      notices.push_back(fmt::format(
          "&&NOTFOUND&&|{} is at another door and cannot be in a group chat", name->text()));
    }
  }
  if (!invited.empty()) rooms_.make_group(now, client.stream, invited);
  run_room_events();
  for (const std::string& notice : notices) say(client, me, notice);
  if (data.fields.size() > count) say(client, me, format_room_notice(Kind::kGroupTooBig, {}, 0));
}

// Consent, given or refused, to a chat or to a group.
void RendezvousDoor::run_answer(Client& client, const RendezvousData& data) {
  const bool is_yes =
      data.keyword == RendezvousKeyword::kOk || data.keyword == RendezvousKeyword::kOkGroup;
  if (data.keyword == RendezvousKeyword::kOkGroup ||
      data.keyword == RendezvousKeyword::kRejectGroup) {
    const auto number = parse_number<RendezvousRooms::RoomNumber>(data.field(1));
    return is_yes ? rooms_.accept_group(client.stream, number)
                  : rooms_.reject_group(client.stream, number);
  }
  const auto name = UserName::parse_addressee(data.field(1));
  UserId asker = 0;
  if (const Client* other = name ? find_user(*name) : nullptr) {
    asker = other->stream;
  } else if (const auto guest = name ? guest_ids_.find(name->key()) : guest_ids_.end();
             guest != guest_ids_.end()) {
    asker = guest->second;
  }
  if (asker == 0) return say(client, client.name->text(), kUserNotFound);
  if (!is_yes) return rooms_.reject(client.stream, asker);
  // With any other he takes his partner's texts where he said first.
  const auto port = common::parse_port(data.field(2)).value_or(0);
  if (may_have_port(client, port)) client.port = port;
  rooms_.accept(client.stream, asker);
}

void RendezvousDoor::run_logout(TimePoint now, Client& client) {
  if (rooms_.is_in_room(client.stream)) return say(client, client.name->text(), kLogoutInRoom);
  say(client, client.name->text(), "&&LOGOUTSUCCESS&&");
  unlist(client);
  // An old program kills itself when it has read that, and need not find its connection closed.
  client.deadline = now + kLeaveTime;
  arm(client);
}

}  // namespace registry::doors
