#include "registry/doors/rendezvous.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/check.hpp"
#include "common/take_front.hpp"
#include "registry/doors/rendezvous_notices.hpp"

namespace registry::doors {

using common::Endpoint;
using common::IpAddress;
using common::RendezvousData;
using common::RendezvousKeyword;
using common::UserName;
using Kind = RoomEvent::Kind;

namespace {

IpAddress loopback() { return IpAddress::v4({127, 0, 0, 1}); }

}  // namespace

void RendezvousDoor::handle_accepted(TimePoint now, StreamId stream, const IpAddress& source,
                                     const Endpoint& local) {
  handle_accepted_from(now, stream, {source, 0}, local);
}

void RendezvousDoor::handle_accepted_from(TimePoint now, StreamId stream, const Endpoint& source,
                                          const Endpoint& local) {
  const char* full = nullptr;
  if (clients_.size() >= kStreamsMax) full = "too_many";
  if (per_source_.count(source.address) >= kStreamsPerSourceMax) full = "too_many_from_source";
  if (full != nullptr) {
    ++counters_.refused[full];
    actions_.push_back(Close{stream});
    return;
  }
  ++counters_.accepted;
  per_source_.add(source.address);
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
  per_source_.remove(client.source.address);
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

void RendezvousDoor::arm(Client& client) {
  timers_.watch(
      client.stream, client,
      common::earliest({client.frame_deadline, client.catch_up_deadline, client.deadline}));
}

std::optional<TimePoint> RendezvousDoor::next_timeout() const {
  std::optional<TimePoint> of_held;
  if (!held_deadlines_.empty()) of_held = std::get<TimePoint>(*held_deadlines_.begin());
  return common::earliest({rooms_.next_timeout(), timers_.next(), of_held});
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
  while (Client* client = timers_.take_due(now)) {
    const StreamId id = client->stream;
    run_deadlines(now, *client);
    if (Client* still = find(id)) arm(*still);
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

std::optional<StreamAction> RendezvousDoor::poll_action() { return common::take_front(actions_); }

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

std::optional<DoorNotice> RendezvousDoor::poll_notice() { return common::take_front(notices_); }

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
