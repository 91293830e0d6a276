#include "tests/sim/rendezvous_crowd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sim {
namespace {

using namespace std::chrono_literals;
using common::RendezvousKeyword;
using registry::doors::RendezvousRooms;

constexpr std::uint16_t kPort = 6234;

common::Endpoint endpoint_of(std::size_t user) { return {machine_of(5, user), 47'000}; }

/// What stands before `end`; empty if the text does not go on so.
std::string before(std::string_view text, std::string_view end) {
  const auto at = text.find(end);
  return at == text.npos ? std::string() : std::string(text.substr(0, at));
}

std::uint32_t number_behind(std::string_view text, std::string_view words) {
  return static_cast<std::uint32_t>(
      std::atoi(std::string(text.substr(text.find(words) + words.size())).c_str()));
}

}  // namespace

void RendezvousCrowd::begin() {
  for (std::size_t i = 0; i < users_.size(); ++i)
    lab_.scheduler.after(lab_.up_to(3000), [this, i] { act(i); });
}

void RendezvousCrowd::end() {
  is_ending_ = true;
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].stream != 0) lose(i, lab_.delay());
  // Connections that never said whose they are.
  for (const auto& [id, stream] : std::exchange(streams_, {}))
    lab_.scheduler.after(3s, [this, id = id] { door().handle_closed(lab_.now(), id); });
}

// --- What they do --------------------------------------------------------------------------------

void RendezvousCrowd::act(std::size_t index) {
  if (is_ending_) return;
  lab_.scheduler.after(20ms + lab_.up_to(2000), [this, index] { act(index); });
  User& user = users_[index];
  if (user.stream == 0) return connect(index);
  if (!user.is_in || user.is_going) return;
  door().handle_datagram(lab_.now(), endpoint_of(index).address,
                         common::encode_rendezvous_frame("&&HELLO&&|" + user.name));
  if (lab_.is_calm) {
    if (user.name != name_of(index)) lose(index, lab_.delay());
    return;
  }
  if (lab_.happens(3)) return leave_somehow(index);
  if (lab_.happens(3)) user.cut_until = lab_.now() + lab_.up_to(5000);
  if (!is_in_room(index)) return act_free(index);
  act_in_room(index);
}

void RendezvousCrowd::act_free(std::size_t index) {
  User& user = users_[index];
  if (!user.requests.empty() && lab_.happens(70)) {
    const std::string asker = *user.requests.begin();
    user.requests.erase(asker);
    if (lab_.happens(30)) return send(index, fmt::format("&&REJECT&&|{}|{}", user.name, asker));
    user.accepted.insert(asker);
    return send(index, fmt::format("&&OK&&|{}|{}|7000", user.name, asker));
  }
  // One at a time, since he is not told which of several he is in. What came when he was in a room
  // already has no answer.
  if (lab_.now() >= user.accepted_group_until) user.accepted_groups.clear();
  if (!user.invitations.empty() && user.accepted_groups.empty() && lab_.happens(70)) {
    const std::uint32_t group = *user.invitations.begin();
    user.invitations.erase(group);
    const bool is_yes = lab_.happens(70);
    if (is_yes) user.accepted_groups.insert(group);
    user.accepted_group_until = lab_.now() + 20s;
    return send(index,
                fmt::format("&&{}GROUP&&|{}|{}", is_yes ? "OK" : "REJECT", user.name, group));
  }
  if (lab_.happens(15)) {
    std::string data = fmt::format("&&GROUPCHAT&&|{}|", user.name);
    for (int i = 0; i < 3; ++i) data += name_of(lab_.random.below(users_.size())) + '|';
    return send(index, data);
  }
  if (lab_.happens(50)) return;  // waits for others
  ask(index, lab_.happens(20) ? "room" : lab_.any_name());
}

void RendezvousCrowd::act_in_room(std::size_t index) {
  User& user = users_[index];
  if (lab_.happens(15)) {
    if (user.relay_port != 0) write_late(index);
    return leave_room(index);
  }
  if (user.group != 0) {
    const std::string text = lab_.ledger.write(user.name, {.name = {}, .group = user.group});
    return send(index, fmt::format("&&MESSAGE&&|{}: {}", user.name, text));
  }
  if (user.relay_port == 0) return;  // two of this door talk without the registry
  write_to_partner(
      index, lab_.ledger.write(user.name, {.name = user.partner,
                                           .person = user.partner == "room" ? "" : user.person}));
}

void RendezvousCrowd::leave_room(std::size_t index) {
  const User& user = users_[index];
  if (user.stream == 0) return;
  send(index, fmt::format("&&{}&&|{}", user.group != 0 ? "EXITGROUP" : "EXIT", user.name));
}

void RendezvousCrowd::ask(std::size_t index, const std::string& name) {
  User& user = users_[index];
  user.asked.insert(name);
  send(index, fmt::format("&&CHATREQUEST&&|{}|{}", name, user.name));
}

std::string RendezvousCrowd::ask_and_write(std::size_t index, const std::string& name) {
  User& user = users_[index];
  user.calm_text = lab_.ledger.write(user.name, {.name = name});
  ask(index, name);
  return user.calm_text;
}

void RendezvousCrowd::write_to_partner(std::size_t index, const std::string& text) {
  User& user = users_[index];
  const std::string data = fmt::format("&&MESSAGE&&|{}: {}", user.name, text);
  if (lab_.happens(10)) return send(index, data);
  if (user.link == 0 || !streams_.contains(user.link))
    user.link = open(index, user.relay_port, true, lab_.delay());
  send_bytes(user.link, common::encode_rendezvous_frame(data));
}

// A text for the partner of now, which leaves when he may have another: on the connection that
// there is, or on one that is made for it.
void RendezvousCrowd::write_late(std::size_t index) {
  User& user = users_[index];
  const std::string text = lab_.ledger.write(
      user.name, {.name = user.partner, .person = user.partner == "room" ? "" : user.person});
  const std::string bytes =
      common::encode_rendezvous_frame(fmt::format("&&MESSAGE&&|{}: {}", user.name, text));
  const StreamId known = user.link;
  lab_.scheduler.after(lab_.up_to(8000), [this, index, known, bytes, port = user.relay_port] {
    if (is_ending_) return;
    ++late_;
    const bool is_new = lab_.happens(50) || !streams_.contains(known);
    send_bytes(is_new ? open(index, port, true, lab_.delay()) : known, bytes);
  });
}

void RendezvousCrowd::connect(std::size_t index) {
  User& user = users_[index];
  const TimePoint cut_until = user.cut_until;
  user = User{};
  user.cut_until = cut_until;
  user.name = lab_.is_calm || lab_.happens(80) ? name_of(index) : lab_.any_name();
  user.stream = open(index, kPort, false, {});
  send_bytes(user.stream, common::encode_rendezvous_register(user.name, 7000));
  send(index, fmt::format("&&SEARCH&&|{}|{}", user.name, user.name));  // is he in?
}

RendezvousCrowd::StreamId RendezvousCrowd::open(std::size_t index, std::uint16_t port, bool is_link,
                                                Duration after) {
  const StreamId stream = ++lab_.last_stream;
  const TimePoint when = std::max(lab_.now() + after, users_[index].cut_until);
  streams_[stream] = {
      .user = index, .is_link = is_link, .to_door_free = when, .to_user_free = when};
  lab_.scheduler.at(when, [this, stream, index, port] {
    if (!streams_.contains(stream)) return;
    door().handle_accepted_from(lab_.now(), stream, endpoint_of(index), {kRegistryAddress, port});
    lab_.settle();
  });
  return stream;
}

void RendezvousCrowd::send_bytes(StreamId stream, std::string bytes) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  while (!bytes.empty()) {
    const std::size_t size = lab_.happens(70) ? bytes.size() : 1 + lab_.random.below(bytes.size());
    TimePoint& free = it->second.to_door_free;
    free = std::max({free, lab_.now() + lab_.delay(), users_[it->second.user].cut_until});
    lab_.scheduler.at(free, [this, stream, piece = bytes.substr(0, size)] {
      if (!streams_.contains(stream)) return;
      door().handle_bytes(lab_.now(), stream, piece);
      lab_.settle();
    });
    bytes.erase(0, size);
  }
}

void RendezvousCrowd::leave_somehow(std::size_t index) {
  User& user = users_[index];
  switch (lab_.random.below(3)) {
    case 0:
      if (is_in_room(index)) return leave_room(index);
      user.is_going = true;
      lab_.ledger.release(user.name, name_of(index));
      return send(index, "&&LOGOUT&&");
    case 1:
      return lose(index, lab_.delay());
    default:  // his machine is gone; only keepalive will tell
      return lose(index, kKeepalive);
  }
}

// His links stay, and what is on its way over them.
void RendezvousCrowd::lose(std::size_t index, Duration after) {
  User& user = users_[index];
  const StreamId stream = user.stream;
  lab_.ledger.release(user.name, name_of(index));
  user.stream = 0;
  user.is_in = false;
  if (streams_.erase(stream) == 0) return;
  lab_.scheduler.after(after, [this, stream] {
    door().handle_closed(lab_.now(), stream);
    lab_.settle();
  });
}

// --- What they hear ------------------------------------------------------------------------------

void RendezvousCrowd::carry_out(const registry::doors::StreamAction& action) {
  if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
    const auto it = streams_.find(write->stream);
    if (it == streams_.end()) return;
    const std::size_t index = it->second.user;
    User& user = users_[index];
    if (it->second.is_link) return lab_.fail("the registry writes on a link");
    // Whoever has the name at this moment is the partner, whatever comes before this is read.
    common::RendezvousSplitter splitter;
    splitter.push(*write->bytes);
    const std::string cause = *splitter.next();
    const std::string data = *splitter.next();
    const common::RendezvousData parsed = common::parse_rendezvous_data(data);
    std::string person;
    if (parsed.keyword == RendezvousKeyword::kClientOk)
      person = lab_.person_of(cause == user.name
                                  ? parsed.field(0).substr(parsed.field(0).find("with ") + 5,
                                                           parsed.field(0).find(". you can") -
                                                               parsed.field(0).find("with ") - 5)
                                  : std::string_view(cause));
    if (parsed.keyword == RendezvousKeyword::kInvalidSearch && user.stream == write->stream)
      lab_.ledger.hold(user.name, name_of(index));
    TimePoint& free = it->second.to_user_free;
    free = std::max({free, lab_.now() + lab_.delay(), user.cut_until});
    lab_.scheduler.at(free, [this, index, stream = write->stream, cause, data, person] {
      if (users_[index].stream == stream && streams_.contains(stream))
        hear(index, cause, data, person);
    });
    return;
  }
  const auto* closed = std::get_if<registry::doors::Close>(&action);
  if (closed == nullptr) return lab_.fail("the rendezvous door dials or probes");
  const auto it = streams_.find(closed->stream);
  if (it == streams_.end()) return;
  const std::size_t index = it->second.user;
  streams_.erase(it);
  if (users_[index].stream != closed->stream) return;
  lab_.ledger.release(users_[index].name, name_of(index));
  users_[index].stream = 0;
  users_[index].is_in = false;
}

void RendezvousCrowd::hear(std::size_t index, const std::string& cause, const std::string& data,
                           const std::string& person) {
  lab_.note(data);
  User& user = users_[index];
  const common::RendezvousData parsed = common::parse_rendezvous_data(data);
  switch (parsed.keyword) {
    case RendezvousKeyword::kInvalidSearch:
      user.is_in = true;
      if (user.name[0] == 'u') lab_.fail(name_of(index) + " has an account's name");
      return;
    case RendezvousKeyword::kClientOk:
      return enter_chat(index, parsed, person);
    case RendezvousKeyword::kClientExit:
      user.partner.clear();
      user.link = 0;
      user.relay_port = 0;
      return;
    case RendezvousKeyword::kMessage:
      return hear_message(index, cause, parsed.text);
    case RendezvousKeyword::kNone:
      return hear_notice(index, data);
    default:
      return;
  }
}

// Nobody is in a chat that he has not asked for, or said yes to.
void RendezvousCrowd::enter_chat(std::size_t index, const common::RendezvousData& data,
                                 const std::string& person) {
  User& user = users_[index];
  const std::string body(data.field(0));
  const std::string asked = before(body, " accepted the chat request");
  const std::string accepted =
      before(body.substr(std::min(body.size(), body.find("with ") + 5)), ". you can");
  const std::string partner = asked.empty() ? accepted : asked;
  if (asked.empty() ? user.accepted.erase(partner) == 0 : user.asked.erase(partner) == 0)
    lab_.fail(fmt::format("{} is in a chat with {} without consent", user.name, partner));
  if (is_in_room(index)) lab_.fail(fmt::format("{} is in two rooms", user.name));
  ++chats_;
  user.partner = partner;
  user.person = person;
  const auto port = static_cast<std::uint16_t>(std::atoi(std::string(data.fields.back()).c_str()));
  const bool is_relay = port >= kRelayPort && port < kRelayPort + kRelayPorts;
  user.relay_port = is_relay ? port : std::uint16_t{0};
  user.link = 0;
  if (!user.calm_text.empty() && is_relay) {
    write_to_partner(index, std::exchange(user.calm_text, {}));
  } else if (is_relay && lab_.happens(50)) {  // an old program connects at once
    user.link = open(index, port, true, lab_.delay());
  }
}

void RendezvousCrowd::hear_notice(std::size_t index, const std::string& text) {
  User& user = users_[index];
  if (const auto asker = before(text, " would like to chat with you?"); !asker.empty()) {
    if (!lab_.is_calm) {
      user.requests.insert(asker);
      return;
    }
    user.accepted.insert(asker);
    send(index, fmt::format("&&OK&&|{}|{}|7000", user.name, asker));
  } else if (!before(text, " would like to add you to group").empty()) {
    user.invitations.insert(number_behind(text, "group chat room "));
  } else if (text.starts_with("you have added yourself to group chat ")) {
    user.group = number_behind(text, "group chat ");
  } else if (before(text, " joined the group chat") == user.name) {
    // He has said yes to one of these; which, he sees by what he reads there.
    if (user.accepted_groups.empty()) lab_.fail(user.name + " is in a group without consent");
    if (user.group == 0) user.group = *user.accepted_groups.rbegin();
    user.accepted_groups.clear();
  } else if (text == "you left the chat room.") {
    user.group = 0;
  } else if (text.starts_with("you are in a chat room.") && user.is_going) {
    user.is_going = false;
    lab_.ledger.hold(user.name, name_of(index));
  } else if (text.starts_with("there is no request for group")) {
    user.accepted_groups.erase(number_behind(text, "group chat "));
  }
}

void RendezvousCrowd::hear_message(std::size_t index, const std::string& cause,
                                   std::string_view text) {
  const User& user = users_[index];
  const std::string from = before(text, ": ");
  if (from != cause)
    lab_.fail(fmt::format("{} hears {} in the name of {}", user.name, text, cause));
  if (user.group == 0 && user.partner != from)
    return lab_.fail(fmt::format("{} hears {} without consent", user.name, text));
  lab_.ledger.read({.name = user.name,
                    .person = Lab::person_of(user.stream),
                    .hears_room = user.partner == "room",
                    .group = user.group},
                   from, text.substr(from.size() + 2));
}

void RendezvousCrowd::check_bounds() {
  using namespace registry::doors;
  std::size_t n = 0;  // those of machines that vanished, too
  lab_.node.directory().for_each_attached([&n](const registry::Record& record) {
    if (record.user.door == common::Door::kRendezvous) ++n;
    return true;
  });
  const std::size_t requests = door().rooms().request_count();
  const auto check = [&](const char* what, std::size_t count, std::size_t max) {
    if (count > max) lab_.fail(fmt::format("{} {} at the rendezvous door", count, what));
  };
  check("requests", requests, n * RendezvousRooms::kRequestsToMax);
  // Those of a sender who has gone since wait for their time.
  constexpr std::size_t kGone = 8;
  check("texts wait", door().held_count(), (requests + kGone) * kHeldMessagesMax);
  check("guests", door().guest_count(), n * (RendezvousRooms::kRequestsToMax + 1));
  // A user, his links, and at a time a newcomer or one who has been told to go.
  check("connections", door().client_count(),
        kUnboundLinksMax + n * (kLinksPerUserMax + 1) + 8 * users_.size());
}

}  // namespace sim
