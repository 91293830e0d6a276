#include "tests/sim/listed_crowd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/classic_datagram.hpp"
#include "common/netchat_message.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using common::Endpoint;
using common::Transport;
using common::UserName;

constexpr unsigned kLossPercent = 10;
/// What is on its way to a NetChat user when he leaves the room waits so long for its turn.
constexpr Duration kLateMax = 10s;

}  // namespace

ListedCrowd::ListedCrowd(Lab lab, Transport transport, std::size_t users)
    : lab_(std::move(lab)), transport_(transport), users_(users) {}

void ListedCrowd::begin() {
  for (std::size_t i = 0; i < users_.size(); ++i)
    lab_.scheduler.after(lab_.up_to(3000), [this, i] { act(i); });
}

void ListedCrowd::end() { is_ending_ = true; }

std::string ListedCrowd::name_of(std::size_t user) const {
  return fmt::format("{}{}", is_udp() ? 'c' : 'n', user);
}

bool ListedCrowd::is_ready(std::size_t user) const {
  return users_[user].is_listed && users_[user].is_up && users_[user].name == name_of(user);
}

Endpoint ListedCrowd::endpoint_of(std::size_t user, std::uint16_t port) const {
  return {machine_of(is_udp() ? 3 : 4, user), port};
}

std::size_t ListedCrowd::user_at(const Endpoint& endpoint) const {
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].is_up && endpoint_of(i, users_[i].port) == endpoint) return i;
  return users_.size();
}

// --- What they do --------------------------------------------------------------------------------

void ListedCrowd::act(std::size_t index) {
  User& user = users_[index];
  if (is_ending_ && !user.is_listed && user.change == 0) return;
  lab_.scheduler.after(20ms + lab_.up_to(is_ending_ ? 200 : 2000), [this, index] { act(index); });
  if (user.change != 0) return;
  if (is_ending_) return log_out(index);
  if (!user.is_listed) return claim(index);
  if (!user.is_up) return restart(index);
  if (lab_.is_calm) {
    if (user.name != name_of(index)) log_out(index);
    return;
  }
  switch (lab_.random.below(40)) {
    case 0:
      user.is_up = false;  // he dies, and stays listed
      return;
    case 1:
      return log_out(index);
    case 2:
      return restart(index);
    case 3:
      user.cut_until = lab_.now() + lab_.up_to(5000);
      return;
    case 4:
    case 5:
      return write_to_room(index);
    default:
      if (!is_cut(index)) write_to(index, lab_.any_name());
  }
}

// Sometimes for a name that others have, or want.
void ListedCrowd::claim(std::size_t index) {
  User& user = users_[index];
  user = {.name = lab_.is_calm || lab_.happens(80) ? name_of(index) : lab_.any_name(),
          .port = ++last_port_,
          .cut_until = user.cut_until};
  const auto name = UserName::parse(user.name);
  if (!name) return;  // the room's
  const auto outcome = lab_.node.directory().register_user(
      lab_.now(),
      {.name = *name,
       .endpoint = endpoint_of(index, user.port),
       .transport = transport_,
       .door = is_udp() ? common::Door::kClassic : common::Door::kNetchat},
      caller_of(index));
  if (const auto* pending = std::get_if<registry::Pending>(&outcome)) user.change = pending->change;
  lab_.settle();
}

// At another port; the registry may still send to the old one.
void ListedCrowd::restart(std::size_t index) {
  User& user = users_[index];
  user.is_up = false;
  user.port = ++last_port_;
  const auto outcome = lab_.node.directory().update_user(
      lab_.now(),
      {.name = *UserName::parse(user.name),
       .endpoint = endpoint_of(index, user.port),
       .transport = transport_,
       .door = is_udp() ? common::Door::kClassic : common::Door::kNetchat},
      caller_of(index));
  if (const auto* pending = std::get_if<registry::Pending>(&outcome)) {
    user.change = pending->change;
  } else if (std::holds_alternative<registry::Refusal>(outcome)) {
    lab_.fail(user.name + " may not move");
  }
  lab_.settle();
}

void ListedCrowd::log_out(std::size_t index) {
  User& user = users_[index];
  const auto name = *UserName::parse(user.name);
  const registry::Record* record = lab_.node.directory().find(name);
  if (record == nullptr) return lab_.fail(user.name + " is not listed any more");
  const auto outcome = lab_.node.directory().logout_user(
      lab_.now(), name, Endpoint(record->user.endpoint), caller_of(index));
  if (const auto* pending = std::get_if<registry::Pending>(&outcome)) {
    user.change = pending->change;
    user.is_leaving = true;
    lab_.ledger.release(user.name, name_of(index));
  }
  lab_.settle();
}

void ListedCrowd::handle_committed(registry::ChangeId change) {
  for (std::size_t i = 0; i < users_.size(); ++i) {
    User& user = users_[i];
    if (user.change != change) continue;
    user.change = 0;
    if (std::exchange(user.is_leaving, false)) {
      user.is_listed = user.is_up = false;
      return;
    }
    if (user.name[0] == 'u') lab_.fail(fmt::format("{} has an account's name", name_of(i)));
    user.is_listed = user.is_up = true;
    user.person = lab_.person_of(user.name);
    lab_.ledger.hold(user.name, name_of(i));
    return;
  }
}

// As a program of today would for him: old ones have no words for it.
void ListedCrowd::write_to_room(std::size_t index) {
  User& user = users_[index];
  const bool is_last = user.has_entered && lab_.happens(20);
  if (!is_last) user.has_entered = true;
  user.hears_until = is_last ? lab_.now() + kLateMax : TimePoint::max();
  const std::string text = is_last ? "/leave" : lab_.ledger.write(user.name, {.name = "room"});
  lab_.node.hub().deliver(
      registry::Asker::nobody(), 0,
      std::make_shared<const registry::Message>(registry::Message{user.name, text, false}),
      UserName::room());
  lab_.settle();
}

void ListedCrowd::enter_room(std::size_t user) {
  users_[user].has_entered = false;
  write_to_room(user);
}

std::string ListedCrowd::write_to(std::size_t index, const std::string& to) {
  registry::Gateway& gateway = *(is_udp() ? lab_.node.gateway() : lab_.node.tcp_gateway());
  const auto name = UserName::parse(to);
  if (!name) return {};  // lists leave the room out
  gateway.prepare_all();
  const registry::Record* record = lab_.node.directory().find(*name);
  const std::uint16_t port =
      record == nullptr ? std::uint16_t{0} : record->gateway_ports[transport_];
  if (port == 0 || to == users_[index].name) return {};  // he is reached without the registry
  std::string text = lab_.ledger.write(users_[index].name, {.name = to});
  lab_.note(text);
  send(index, port, text);
  return text;
}

void ListedCrowd::send(std::size_t index, std::uint16_t port, const std::string& text) {
  const UserName me = *UserName::parse(users_[index].name);
  if (!is_udp()) return send_stream(index, port, *common::encode_netchat(me, text));
  if (!lab_.is_calm && lab_.happens(kLossPercent)) return;
  lab_.scheduler.after(
      lab_.delay(), [this, index, port, bytes = *common::encode_classic(me, text)] {
        lab_.node.gateway()->handle_datagram(port, endpoint_of(index, 0).address, bytes);
        lab_.settle();
      });
}

// In pieces, and sometimes broken off before the end.
void ListedCrowd::send_stream(std::size_t index, std::uint16_t port, const std::string& bytes) {
  const StreamId stream = ++lab_.last_stream;
  streams_[stream] = {.user = index, .to_door_free = lab_.now() + lab_.delay(), .to_user_free = {}};
  auto& door = lab_.node.netchat();
  Stream& way = streams_[stream];
  const auto later = [&](std::function<void()> what) {
    way.to_door_free += lab_.delay();
    lab_.scheduler.at(way.to_door_free, [this, stream, what = std::move(what)] {
      if (!streams_.contains(stream)) return;
      what();
      lab_.settle();
    });
  };
  later([this, &door, stream, index, port] {
    door.handle_accepted(lab_.now(), stream, endpoint_of(index, 0).address,
                         {kRegistryAddress, port});
  });
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = lab_.happens(70) ? bytes.size() - at : 1 + lab_.random.below(9);
    later([this, &door, stream, piece = bytes.substr(at, size)] {
      door.handle_bytes(lab_.now(), stream, piece);
    });
    at += size;
  }
  const bool is_broken = !lab_.is_calm && lab_.happens(5);
  later([this, &door, stream, is_broken] {
    if (!is_broken) return door.handle_end(lab_.now(), stream);
    streams_.erase(stream);
    door.handle_closed(lab_.now(), stream);
  });
}

// --- What comes to them --------------------------------------------------------------------------

void ListedCrowd::receive_datagram(const Endpoint& to, common::ByteVector datagram) {
  if (!lab_.is_calm && lab_.happens(kLossPercent)) return;
  lab_.scheduler.after(lab_.delay(), [this, to, bytes = std::move(datagram)] {
    const std::size_t index = user_at(to);
    if (index == users_.size() || is_cut(index)) return;
    const auto message = common::decode_classic(bytes);
    if (!message || !message->sender) return lab_.fail("a datagram without a sender");
    read(index, *message->sender, message->text);
  });
}

void ListedCrowd::carry_out(const registry::doors::StreamAction& action) {
  if (const auto* wanted = std::get_if<registry::doors::Dial>(&action)) return dial(*wanted);
  if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
    streams_.at(write->stream).bytes += *write->bytes;
    return;
  }
  const auto* closed = std::get_if<registry::doors::Close>(&action);
  const auto way = streams_.extract(closed->stream);
  if (way.empty() || way.mapped().bytes.empty()) return;  // a writer's
  const std::size_t index = way.mapped().user;
  const std::uint16_t port = users_[index].port;
  lab_.scheduler.after(lab_.delay(), [this, index, port, bytes = way.mapped().bytes] {
    if (!users_[index].is_up || users_[index].port != port) return;  // he died over it
    const auto signal = common::decode_netchat(bytes);
    const auto* message = signal ? std::get_if<common::NetchatMessage>(&*signal) : nullptr;
    if (message == nullptr || !message->sender) return lab_.fail("a connection without a message");
    read(index, *message->sender, message->text);
  });
}

void ListedCrowd::dial(const registry::doors::Dial& dial) {
  const std::size_t index = user_at(dial.to);
  const bool is_there = index < users_.size();
  const Duration wait = is_there && is_cut(index) ? dial.limit : lab_.delay();
  lab_.scheduler.after(wait, [this, dial] {
    const std::size_t callee = user_at(dial.to);
    std::optional<StreamId> made;
    if (callee < users_.size() && !is_cut(callee)) {
      made = ++lab_.last_stream;
      streams_[*made] = {.user = callee, .to_door_free = {}, .to_user_free = {}};
    }
    lab_.node.netchat().handle_dialed(lab_.now(), dial.client, made);
    lab_.settle();
  });
}

void ListedCrowd::read(std::size_t index, std::string_view from, std::string_view text) {
  const User& user = users_[index];
  lab_.note(text.substr(0, 20));
  if (Lab::is_notice(text)) return;
  lab_.ledger.read({.name = user.name,
                    .person = user.person,
                    .hears_room = user.has_entered && lab_.now() <= user.hears_until},
                   from, text);
}

}  // namespace sim
