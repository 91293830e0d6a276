#include "registry/doors/rendezvous.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/check.hpp"
#include "common/limits.hpp"
#include "registry/doors/rendezvous_notices.hpp"

namespace registry::doors {

using common::Endpoint;
using common::IpAddress;
using common::RendezvousData;
using common::RendezvousKeyword;
using common::UserName;
using Kind = RoomEvent::Kind;

namespace {

/// In front of notices that nobody caused; nobody can have that name.
constexpr std::string_view kRegistryName = "server";

IpAddress loopback() { return IpAddress::v4({127, 0, 0, 1}); }

template <typename Number>
Number parse_number(std::string_view digits) {
  Number number = 0;
  const auto end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? number : 0;
}

}  // namespace

void RendezvousDoor::handle_accepted(TimePoint now, StreamId stream, const IpAddress& source,
                                     const Endpoint& local) {
  handle_accepted_from(now, stream, {source, 0}, local);
}

void RendezvousDoor::handle_accepted_from(TimePoint now, StreamId stream, const Endpoint& source,
                                          const Endpoint& local) {
  const bool is_counted = !source.address.is_loopback();
  const auto count = per_source_.find(source.address);
  const char* full = nullptr;
  if (clients_.size() >= kStreamsMax) full = "too_many";
  if (count != per_source_.end() && count->second >= kStreamsPerSourceMax)
    full = "too_many_from_source";
  if (full != nullptr) {
    ++counters_.refused[full];
    actions_.push_back(Close{stream});
    return;
  }
  ++counters_.accepted;
  if (is_counted) ++per_source_[source.address];
  auto owned = std::make_unique<Client>();
  owned->stream = stream;
  owned->source = source;
  owned->local = local.address;
  Client& client = *clients_.emplace(stream, std::move(owned)).first->second;
  if (relay_ports_.contains(local.port)) {
    client.relay_port = local.port;
    return accept_link(client);
  }
  client.deadline = now + kLoginTime;
  arm(client);
}

bool RendezvousDoor::handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) {
  Client* client = find(stream);
  if (client == nullptr || client->role == Role::kLeaving) return true;
  client->input.push(bytes);
  while (const auto data = client->input.next()) {
    client->frame_deadline.reset();
    run_frame(now, *client, *data);
    run_room_events();
    client = find(stream);
    if (client == nullptr || client->role == Role::kLeaving) break;
  }
  if (client != nullptr && client->input.error()) {
    give_up(*client, to_string(*client->input.error()));
  } else if (client != nullptr && !client->input.is_idle() && !client->frame_deadline) {
    client->frame_deadline = now + kLineTime;
    arm(*client);
  }
  settle();
  return true;
}

// Whoever sends nothing more cannot answer anything either.
void RendezvousDoor::handle_end(TimePoint /*now*/, StreamId stream) {
  if (Client* client = find(stream)) end_client(*client, true);
  settle();
}

void RendezvousDoor::handle_closed(TimePoint /*now*/, StreamId stream) {
  if (Client* client = find(stream)) end_client(*client, false);
  settle();
}

void RendezvousDoor::handle_dialed(TimePoint /*now*/, StreamId /*client*/,
                                   std::optional<StreamId> stream) {
  if (stream) actions_.push_back(Close{*stream});  // this door dials nobody
}

void RendezvousDoor::handle_backlog(TimePoint now, StreamId stream, bool is_behind) {
  Client* client = find(stream);
  if (client == nullptr) return;
  client->is_behind = is_behind;
  client->bytes_behind = 0;
  client->catch_up_deadline.reset();
  if (client->role == Role::kUser) rooms_.set_behind(stream, is_behind);
  if (!is_behind) return;
  client->catch_up_deadline = now + kCatchUpTime;
  arm(*client);
}

void RendezvousDoor::handle_datagram(TimePoint now, const IpAddress& source,
                                     std::string_view datagram) {
  const auto drop_hello = [&](const char* reason) { ++counters_.dropped_hellos[reason]; };
  const auto data = common::decode_rendezvous_datagram(datagram);
  if (!data) return drop_hello("malformed");
  const RendezvousData hello = common::parse_rendezvous_data(*data);
  if (hello.keyword != RendezvousKeyword::kHello) return drop_hello("not_hello");
  const auto name = UserName::parse(hello.field(0));
  Client* client = name ? find_user(*name) : nullptr;
  if (client == nullptr) return drop_hello("unknown_name");
  // security: anybody can write any name into a datagram; it counts from where he is.
  if (client->source.address != source) return drop_hello("foreign_address");
  ++counters_.hellos;
  client->deadline = now + options_.lease;
  note("resetting activity time from", *client);
}

RendezvousDoor::Client* RendezvousDoor::find(StreamId stream) {
  const auto it = clients_.find(stream);
  return it == clients_.end() ? nullptr : it->second.get();
}

RendezvousDoor::Client* RendezvousDoor::find_user(const UserName& name) {
  const auto it = users_.find(name.key());
  return it == users_.end() ? nullptr : find(it->second);
}

// Takes the user off lists and rooms; his connection stays.
void RendezvousDoor::unlist(Client& client) {
  ENSURE(client.role == Role::kUser);
  while (!client.links.empty()) end_client(*find(*client.links.begin()), true);
  fail_all_held(client.stream, DeliveryOutcome::kLeft);
  users_.erase(client.name->key());
  directory_.detach(*client.name, client.stream);
  client.role = Role::kLeaving;
  rooms_.remove(client.stream);
  run_room_events();  // while his name is known
}

void RendezvousDoor::end_client(Client& client, bool closes) {
  if (client.role == Role::kUser) unlist(client);
  if (client.role == Role::kLink) {
    unbound_links_.erase(client.stream);
    if (Client* owner = find(client.owner)) owner->links.erase(client.stream);
  }
  const auto count = per_source_.find(client.source.address);
  if (count != per_source_.end() && --count->second == 0) per_source_.erase(count);
  overfull_.erase(client.stream);
  if (closes) actions_.push_back(Close{client.stream});
  clients_.erase(client.stream);
}

void RendezvousDoor::give_up(Client& client, std::string_view reason) {
  ++counters_.closed[std::string(reason)];
  end_client(client, true);
}

void RendezvousDoor::refuse(Client& client, const char* reason, std::string_view cause,
                            std::string_view notice) {
  ++counters_.refused_registrations[reason];
  say(client, cause, notice);
  end_client(client, true);
}

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
  if (name && is_open_room(*name))
    return say(client, me, format_found(name->text(), {client.local, relay_ports_.first()}));
  const Record* record = name ? directory_.find(*name) : nullptr;
  // Who has asked him for a chat is there, listed or not: he may only be sending.
  if (record == nullptr && name && has_asked(client, *name))
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

// --- Rooms ---------------------------------------------------------------------------------------

void RendezvousDoor::run_room_events() {
  while (const auto event = rooms_.poll_event()) tell_event(*event);
}

void RendezvousDoor::tell_event(const RoomEvent& event) {
  if (event.about >= kFirstGuest) idle_guests_.push_back(event.about);
  if (event.to >= kFirstGuest) return tell_guest_of_event(event);
  Client& client = *find(event.to);
  const std::string cause = name_of(event.cause);
  const std::string about = name_of(event.about);
  switch (event.kind) {
    case Kind::kAccepted:
    case Kind::kEntered:
      if (event.about >= kFirstGuest) client.relay_port = next_relay_port(client);
      say(client, cause,
          format_chat_opened(event.kind == Kind::kAccepted, about,
                             partner_endpoint(client, event.about)));
      for (const Held& held : take_held(client.stream, event.about)) {
        show(client, *held.message);
        hub_.handle_outcome(held.delivery, DeliveryOutcome::kSent);
      }
      return;
    case Kind::kRejected:
      fail_held(event.about, client.stream, DeliveryOutcome::kRefused);
      break;
    case Kind::kBusy:  // who is to be answered, perhaps: his texts cannot be shown now
      fail_held(client.stream, event.about, DeliveryOutcome::kBusy);
      break;
    case Kind::kUnanswered:
      fail_held(event.about, client.stream, DeliveryOutcome::kTimedOut);
      break;
    default:
      break;
  }
  say(client, cause, format_room_notice(event.kind, about, event.group));
}

// A program may write what is for the new partner on a connection that it has kept to that port;
// and that is an earlier chat's for ever.
std::uint16_t RendezvousDoor::next_relay_port(const Client& client) {
  static_assert(kLinksPerUserMax < RelayPorts::kCount);
  std::set<std::uint16_t> kept;
  for (const StreamId link : client.links) kept.insert(find(link)->relay_port);
  return relay_ports_.next(client.name->key(), kept);
}

/// Where the client's program has to connect to for its partner.
Endpoint RendezvousDoor::partner_endpoint(const Client& client, UserId partner) {
  // Old programs know 127.0.0.1 alone, so it is named wherever it leads there.
  const bool is_local = client.source.address.is_loopback();
  const Client* other = find(partner);
  if (other == nullptr) {
    const bool is_v4 = is_local && !client.local.is_v6();
    return {is_v4 ? loopback() : client.local, client.relay_port};
  }
  if (!other->source.address.is_loopback()) return {other->source.address, other->port};
  return {is_local ? loopback() : client.local, other->port};
}

std::string RendezvousDoor::name_of(UserId user) const {
  if (user == 0) return std::string(kRegistryName);
  if (const auto guest = guests_.find(user); guest != guests_.end())
    return guest->second.name.text();
  return clients_.at(user)->name->text();
}

// --- Bytes and time ------------------------------------------------------------------------------

void RendezvousDoor::say(Client& client, std::string_view cause, std::string_view data) {
  write(client, std::make_shared<const std::string>(common::encode_rendezvous_pair(cause, data)));
}

// Both frames are one write: an old program reads its four pieces without waiting.
void RendezvousDoor::write(Client& client, std::shared_ptr<const std::string> bytes) {
  if (client.is_behind) {
    client.bytes_behind += bytes->size();
    if (client.bytes_behind > kBytesBehindMax) {
      overfull_.insert(client.stream);
      return;
    }
  }
  actions_.push_back(Write{client.stream, std::move(bytes)});
}

void RendezvousDoor::settle() {
  run_room_events();
  while (!overfull_.empty()) {
    give_up(*find(*overfull_.begin()), "does_not_read");
    run_room_events();
  }
  for (const UserId id : std::exchange(idle_guests_, {}))
    if (guests_.contains(id) && !rooms_.is_involved(id)) end_guest(id);
  run_room_events();
}

std::optional<TimePoint> RendezvousDoor::next_timeout_of(const Client& client) {
  std::optional<TimePoint> next;
  for (const auto& deadline : {client.frame_deadline, client.catch_up_deadline, client.deadline})
    if (deadline && (!next || *deadline < *next)) next = deadline;
  return next;
}

// One entry a client, not one a deadline: most deadlines are moved before they pass.
void RendezvousDoor::arm(Client& client) {
  const auto next = next_timeout_of(client);
  if (!next || (client.checked_at && *client.checked_at <= *next)) return;
  client.checked_at = next;
  timers_.push({*next, client.stream});
  // Those who come and go leave entries behind. Before they outnumber the living, the queue is
  // built anew.
  constexpr std::size_t kSlack = 1024;
  if (timers_.size() <= 4 * clients_.size() + kSlack) return;
  std::vector<Timer> living;
  for (const auto& [id, held] : clients_)
    if (held->checked_at) living.push_back({*held->checked_at, id});
  timers_ = decltype(timers_)(std::greater<Timer>(), std::move(living));
}

std::optional<TimePoint> RendezvousDoor::next_timeout() const {
  std::optional<TimePoint> next = rooms_.next_timeout();
  if (!timers_.empty() && (!next || timers_.top().when < *next)) next = timers_.top().when;
  if (held_deadlines_.empty()) return next;
  const TimePoint held_until = std::get<TimePoint>(*held_deadlines_.begin());
  return next ? std::min(*next, held_until) : held_until;
}

void RendezvousDoor::handle_timeout(TimePoint now) {
  while (!held_deadlines_.empty() && std::get<TimePoint>(*held_deadlines_.begin()) <= now) {
    const HeldKey key = std::get<HeldKey>(*held_deadlines_.begin());
    // The oldest of its sender's: they came in their order.
    auto& queue = held_.at(key);
    const DeliveryId delivery = queue.front().delivery;
    held_deadlines_.erase(held_deadlines_.begin());
    queue.pop_front();
    if (queue.empty()) held_.erase(key);
    hub_.handle_outcome(delivery, DeliveryOutcome::kTimedOut);
  }
  rooms_.handle_timeout(now);
  run_room_events();
  while (!timers_.empty() && timers_.top().when <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    Client* client = find(timer.client);
    if (client == nullptr || client->checked_at != timer.when) continue;
    client->checked_at.reset();
    run_deadlines(now, *client);
    if (Client* still = find(timer.client)) arm(*still);
  }
  settle();
}

void RendezvousDoor::run_deadlines(TimePoint now, Client& client) {
  const auto is_past = [now](const std::optional<TimePoint>& deadline) {
    return deadline && now >= *deadline;
  };
  if (is_past(client.frame_deadline)) return give_up(client, "slow_frame");
  if (is_past(client.catch_up_deadline)) return give_up(client, "does_not_read");
  if (!is_past(client.deadline)) return;
  if (client.role == Role::kLeaving) return end_client(client, true);
  if (client.role == Role::kNew) return give_up(client, "no_registration");
  note("terminating", client);
  say(client, kRegistryName, kSilent);
  give_up(client, "silent");
}

std::optional<StreamAction> RendezvousDoor::poll_action() {
  if (actions_.empty()) return std::nullopt;
  StreamAction action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

void RendezvousDoor::shut_down(TimePoint /*now*/) {
  is_stopping_ = true;
  while (!clients_.empty()) {
    Client& client = *clients_.begin()->second;
    if (client.role == Role::kUser) say(client, kRegistryName, kClosing);
    end_client(client, true);
  }
  settle();
}

// As the original has it: the address as a pair, and its port again.
void RendezvousDoor::note(std::string_view what, const Client& client) {
  constexpr std::size_t kUntoldMax = 1000;
  if (notices_.size() >= kUntoldMax) return;
  DoorNotice notice;
  notice.classic =
      fmt::format("{} ('{}', {}):{} username: {}", what, client.source.address.to_string(),
                  client.source.port, client.source.port, client.name->text());
  notices_.push_back(std::move(notice));
}

std::optional<DoorNotice> RendezvousDoor::poll_notice() {
  if (notices_.empty()) return std::nullopt;
  DoorNotice notice = std::move(notices_.front());
  notices_.pop_front();
  return notice;
}

std::vector<DoorMetric> RendezvousDoor::metrics() const {
  const auto gauge = [](const char* name, const char* help, std::size_t value) {
    return DoorMetric{name, help, true, {}, {{"", value}}};
  };
  const auto counter = [](const char* name, const char* help, std::uint64_t value) {
    return DoorMetric{name, help, false, {}, {{"", value}}};
  };
  return {
      gauge("clients", "Connections, those to relay ports too.", clients_.size()),
      gauge("users", "Users that are registered here.", users_.size()),
      gauge("guests", "Users of other doors who talk with users here, or want to.", guests_.size()),
      gauge("private_rooms", "Private chats.", rooms_.private_count()),
      gauge("groups", "Group chats.", rooms_.group_count()),
      gauge("requests", "Requests without an answer.", rooms_.request_count()),
      gauge("held_messages", "Messages that wait for a user's consent.", held_count()),
      counter("accepted_total", "Connections taken.", counters_.accepted),
      counts_by_reason("refused_total", "Connections closed at once.", counters_.refused),
      counter("registrations_total", "Users who came.", counters_.registrations),
      counts_by_reason("refused_registrations_total", "Users who were refused.",
                       counters_.refused_registrations),
      counter("hellos_total", "HELLO datagrams that counted.", counters_.hellos),
      counts_by_reason("dropped_hellos_total", "Datagrams that did not.", counters_.dropped_hellos),
      counts_by_reason("dropped_frames_total", "Frames without an answer.",
                       counters_.dropped_frames),
      counter("group_messages_total", "Messages said in group chats.", counters_.group_messages),
      counter("relayed_total", "Messages to users of other doors.", counters_.relayed),
      counts_by_reason("closed_total", "Connections given up.", counters_.closed),
  };
}

}  // namespace registry::doors
