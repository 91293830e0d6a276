#include "tests/sim/door_lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "common/classic_datagram.hpp"
#include "registry/doors/limits.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// Longest that an answer may take: the wait for a turn, the wait for a receipt, and the network's
/// own delays on the way there and back, several times over.
constexpr Duration kAnswerMax = registry::doors::kQueueTime + registry::doors::kReceiptTime + 1s;

/// Each user has a machine of his own.
common::IpAddress address_of(std::size_t user) {
  return common::IpAddress::v4(
      {10, 1, static_cast<std::uint8_t>(user / 256), static_cast<std::uint8_t>(user % 256)});
}

std::string accounts_of(std::size_t users) {
  std::string text;
  for (std::size_t i = 0; i < users; ++i) text += fmt::format("u{} p{}\n", i, i);
  return text;
}

}  // namespace

DoorLab::DoorLab(std::uint64_t seed, Sizes sizes)
    : random_(seed),
      node_({.two_connection = registry::doors::TwoConnectionOptions{},
             .room = registry::doors::RoomOptions{},
             .rendezvous = registry::doors::RendezvousOptions{},
             .gateway_ports = &ports_,
             .tcp_gateway_ports = &tcp_ports_},
            random_, [] { return std::string(); }),
      ledger_([this](std::string text) { fail(std::move(text)); }),
      users_(sizes.two_connection),
      room_(lend(), sizes.room),
      classic_(lend(), common::Transport::kUdp, sizes.classic),
      netchat_(lend(), common::Transport::kTcp, sizes.netchat),
      rendezvous_(lend(), sizes.rendezvous) {
  std::vector<std::uint16_t> relay_ports(RendezvousCrowd::kRelayPorts);
  std::iota(relay_ports.begin(), relay_ports.end(), RendezvousCrowd::kRelayPort);
  node_.rendezvous()->set_relay_ports(std::move(relay_ports));
  std::vector<registry::BadAccountLine> bad_lines;
  node_.two_connection()->set_accounts(
      registry::Accounts::parse(accounts_of(sizes.two_connection), bad_lines));
  for (std::size_t i = 0; i < users_.size(); ++i) {
    users_[i].name = fmt::format("u{}", i);
    const auto draw = random_.below(10);
    users_[i].habit = draw == 0   ? Habit::kFrozen
                      : draw == 1 ? Habit::kSlow
                      : draw == 2 ? Habit::kSkipsBroadcasts
                                  : Habit::kPrompt;
  }
}

void DoorLab::fail(std::string text) {
  constexpr std::size_t kToldMax = 10;
  if (failures_.size() < kToldMax)
    failures_.push_back(fmt::format(
        "{:.3f} s: {}", std::chrono::duration<double>(scheduler_.now().time_since_epoch()).count(),
        text));
}

// FNV-1a over everything that is said.
void DoorLab::note(std::string_view text) {
  for (const char c : text) {
    trace_ ^= static_cast<unsigned char>(c);
    trace_ *= 1099511628211ULL;
  }
}

Lab DoorLab::lend() {
  return {.scheduler = scheduler_,
          .random = random_,
          .node = node_,
          .last_stream = last_stream_,
          .ledger = ledger_,
          .is_calm = is_calm_,
          .settle = [this] { settle(); },
          .fail = [this](std::string text) { fail(std::move(text)); },
          .note = [this](std::string_view text) { note(text); },
          .any_name = [this] { return any_name(); }};
}

std::string DoorLab::any_name() {
  constexpr std::size_t kShared = 3;  // names that several users want
  const std::size_t classic = classic_.size(), netchat = netchat_.size();
  std::size_t n = random_.below(users_.size() + room_.size() + classic + netchat +
                                rendezvous_.size() + kShared + 1);
  if (n < users_.size()) return users_[n].name;
  if ((n -= users_.size()) < room_.size()) return RoomCrowd::name_of(n);
  if ((n -= room_.size()) < classic) return classic_.name_of(n);
  if ((n -= classic) < netchat) return netchat_.name_of(n);
  if ((n -= netchat) < rendezvous_.size()) return RendezvousCrowd::name_of(n);
  if ((n -= rendezvous_.size()) < kShared) return fmt::format("s{}", n);
  return "room";
}

// A stranger floods somebody who has to be asked first: with texts under one name, or under many;
// and he claims to be somebody with an account, which has to reach nobody.
void DoorLab::disturb() {
  if (is_calm_ || is_ending_) return;
  scheduler_.after(2s + std::chrono::milliseconds(random_.below(20'000)), [this] { disturb(); });
  constexpr std::size_t kTexts = 200;
  const common::IpAddress stranger = common::IpAddress::v4({10, 9, 0, 1});
  const std::string to = RendezvousCrowd::name_of(random_.below(rendezvous_.size()));
  node_.gateway()->prepare_all();
  const registry::Record* record = node_.directory().find(*common::UserName::parse(to));
  const auto port =
      record == nullptr ? std::uint16_t{0} : record->gateway_ports[common::Transport::kUdp];
  if (port == 0) return;
  const auto write = [&](const std::string& from, const std::string& text) {
    const auto datagram = common::encode_classic(*common::UserName::parse(from), text);
    node_.gateway()->handle_datagram(port, stranger, *datagram);
    settle();
  };
  const bool is_of_many = happens(50);
  for (std::size_t i = 0; i < kTexts; ++i) {
    const std::string from = fmt::format("z{}", is_of_many ? i : 0);
    write(from, ledger_.write(from, {.name = to}));
  }
  write(users_[random_.below(users_.size())].name, ledger_.write("nobody", {.name = to}));
}

std::vector<std::string> DoorLab::run(Duration busy, bool is_calmed) {
  for (std::size_t i = 0; i < users_.size(); ++i)
    scheduler_.after(std::chrono::milliseconds(random_.below(3000)), [this, i] { act(i); });
  room_.begin();
  classic_.begin();
  netchat_.begin();
  rendezvous_.begin();
  if (rendezvous_.size() > 0) scheduler_.after(5s, [this] { disturb(); });
  scheduler_.run_until(TimePoint{} + busy);
  if (is_calmed) {
    calm_down();
    if (failures_.empty()) check_reach();
  }
  is_ending_ = true;
  room_.end();
  classic_.end();
  netchat_.end();
  rendezvous_.end();
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].la != 0) kill(i);
  scheduler_.run_until(scheduler_.now() + kKeepalive + registry::doors::kLoginTime);
  check_nothing_left();
  return failures_;
}

void DoorLab::check_nothing_left() {
  const auto& door = *node_.two_connection();
  const auto& rendezvous = *node_.rendezvous();
  if (door.client_count() != 0) fail(fmt::format("{} clients are left", door.client_count()));
  if (rendezvous.client_count() + rendezvous.guest_count() + rendezvous.held_count() != 0)
    fail("somebody or something is left at the rendezvous door");
  if (node_.netchat().stream_count() != 0) fail("a NetChat connection is left");
  if (node_.hub().room().sessions().size() != 0) fail("somebody is still in the room");
  if (node_.directory().size() != 0) fail("somebody is still listed");
  if (node_.hub().under_way() != 0) fail("a delivery never ended");
  if (node_.gateway()->open_count() + node_.tcp_gateway()->open_count() != 0)
    fail("a gateway port is left open");
}

// --- After the disorder --------------------------------------------------------------------------

// Faults end; whoever is away comes back, when names of machines that vanished are free again.
void DoorLab::calm_down() {
  is_calm_ = true;
  for (std::size_t i = 0; i < users_.size(); ++i) {
    // Who owes receipts is given no more lines: his program is started anew.
    if (users_[i].habit != Habit::kPrompt && users_[i].la != 0) kill(i);
    users_[i].habit = Habit::kPrompt;
  }
  for (Duration waited{}; waited < 2 * kKeepalive && !missing().empty(); waited += 5s) {
    for (std::size_t i = 0; i < rendezvous_.size(); ++i)
      if (rendezvous_.is_in_room(i)) rendezvous_.leave_room(i);
    scheduler_.run_until(scheduler_.now() + 5s);
  }
  if (!missing().empty()) return fail("not everybody is back: " + missing());
  // Whose request waits still is not asked about again.
  scheduler_.run_until(scheduler_.now() + registry::doors::RendezvousRooms::kRequestTime + 1s);
}

std::string DoorLab::missing() const {
  std::string names;
  const auto look_at = [&](const auto& crowd) {
    for (std::size_t i = 0; i < crowd.size(); ++i)
      if (!crowd.is_ready(i)) names += crowd.name_of(i) + ' ';
  };
  look_at(room_);
  look_at(classic_);
  look_at(netchat_);
  look_at(rendezvous_);
  for (const User& user : users_)
    if (!user.is_online) names += user.name + ' ';
  return names;
}

// docs/protocol/doors.md, "Who reaches whom", for one user of each door. What goes from program to
// program has nothing to do with the registry.
void DoorLab::check_reach() {
  struct Seat {
    std::string name;
    std::function<std::string(const std::string& to)> write;
    std::function<void()> enter_room;
  };
  const std::size_t u = random_.below(users_.size()), r = random_.below(room_.size()),
                    c = random_.below(classic_.size()), n = random_.below(netchat_.size()),
                    a = random_.below(rendezvous_.size());
  const auto two_connection_writes = [this, u](const std::string& to) {
    write_to(u, to);
    return users_[u].awaited.back().text;
  };
  const std::vector<Seat> seats = {
      {users_[u].name, two_connection_writes, [&] { two_connection_writes("room"); }},
      {RoomCrowd::name_of(r), nullptr, nullptr},
      {classic_.name_of(c), [&](const std::string& to) { return classic_.write_to(c, to); },
       [&] { classic_.enter_room(c); }},
      {netchat_.name_of(n), [&](const std::string& to) { return netchat_.write_to(n, to); },
       [&] { netchat_.enter_room(n); }},
      {RendezvousCrowd::name_of(a),
       [&](const std::string& to) { return rendezvous_.ask_and_write(a, to); },
       [&] { rendezvous_.ask_and_write(a, "room"); }},
  };
  const auto expect = [&](const std::string& text, const Seat& from, const Seat& to) {
    ++reached_;
    if (text.empty() || !ledger_.is_read(text, to.name))
      fail(fmt::format("{} does not reach {}", from.name, to.name));
  };
  const auto pass = [&](bool ends_chat) {
    scheduler_.run_until(scheduler_.now() + 4s);
    if (!ends_chat) return;
    rendezvous_.leave_room(a);
    scheduler_.run_until(scheduler_.now() + 1s);
  };
  for (const Seat& from : seats) {
    if (from.write == nullptr) continue;
    for (const Seat& to : seats) {
      if (&from == &to) continue;
      const std::string text = from.write(to.name);
      pass(true);
      expect(text, from, to);
    }
  }
  for (const Seat& guest : seats) {
    if (guest.enter_room == nullptr) continue;
    guest.enter_room();
    pass(false);
    const std::string text = ledger_.write(seats[1].name, {.name = "room"});
    room_.say_text(r, text);
    pass(false);
    expect(text, seats[1], guest);
  }
  pass(true);
}

// --- Users
// ----------------------------------------------------------------------------------------

void DoorLab::act(std::size_t index) {
  if (is_ending_) return;
  User& user = users_[index];
  scheduler_.after(std::chrono::milliseconds(20 + random_.below(2000)),
                   [this, index] { act(index); });
  if (user.la == 0) return connect(index);
  if (is_calm_) return;
  if (!user.is_reachable || user.awaited.size() > 2) return;
  if (!user.is_online) return;  // its login is on its way
  if (happens(2)) return leave_somehow(index);
  if (happens(5)) node_.gateway()->prepare_all();
  if (rendezvous_.size() > 0 && happens(50)) return write_to(index, any_name());
  const auto other = random_.below(users_.size());
  if (room_.size() > 0 && happens(15)) {
    const bool is_last = happens(10);
    const std::string text = is_last ? "/leave" : fmt::format("g{}", ++last_message_);
    user.has_entered_room = true;
    return send_line(index, Command::Kind::kToRoom, "/to room " + text);
  }
  if (room_.size() > 0 && happens(15)) {
    const std::string to = RoomCrowd::name_of(random_.below(room_.size()));
    return send_line(index, Command::Kind::kToRoom, fmt::format("/to {} m{}", to, ++last_message_));
  }
  switch (random_.below(6)) {
    case 0:
      return send_line(index, Command::Kind::kList, "/list");
    case 1:
      return send_line(index, Command::Kind::kNonsense, happens(50) ? "/dance" : "/to nobody");
    case 2:
      return send_line(index, Command::Kind::kToAll, fmt::format("/toall m{}", ++last_message_));
    default:
      recipients_[++last_message_] = other;
      return send_line(index, Command::Kind::kTo, fmt::format("/to u{} m{}", other, last_message_));
  }
}

void DoorLab::write_to(std::size_t index, const std::string& to) {
  User& user = users_[index];
  if (to == user.name) return;
  if (to == "room") user.has_entered_room = true;
  const std::string text = ledger_.write(user.name, {.name = to});
  send_line(index, Command::Kind::kToOther, fmt::format("/to {} {}", to, text));
  user.awaited.back().text = text;
  // A text of which its sender was told that it failed is shown to nobody who was to be asked
  // first.
  user.awaited.back().message = to.starts_with('a') ? 1 : 0;
}

void DoorLab::connect(std::size_t index) {
  User& user = users_[index];
  const Habit habit = user.habit;
  std::string name = user.name;
  user = User{};
  user.name = std::move(name);
  user.habit = habit;
  user.la = user.session = ++last_stream_;
  user.accepts = is_calm_ || !happens(5);
  streams_[user.la] = {.user = index};
  node_.two_connection()->handle_accepted(scheduler_.now(), user.la, address_of(index),
                                          {*common::IpAddress::parse("10.0.0.1"), 9000});
  settle();
  const bool is_wrong = happens(3);
  send_line(index, Command::Kind::kLogin,
            fmt::format("/login {} {}{}", user.name, is_wrong ? "x" : "p", index));
}

void DoorLab::send_line(std::size_t index, Command::Kind kind, const std::string& line) {
  User& user = users_[index];
  Command command{.kind = kind, .message = last_message_, .sent = scheduler_.now(), .online = {}};
  if (kind == Command::Kind::kToAll) {
    for (std::size_t i = 0; i < users_.size(); ++i)
      if (users_[i].is_online && i != index) command.online[i] = users_[i].session;
  }
  user.awaited.push_back(std::move(command));
  note(line);
  send_bytes(user.la, line + (happens(10) ? "\r\n" : "\n"));
}

// In up to three pieces, in order.
void DoorLab::send_bytes(StreamId stream, std::string bytes) {
  while (!bytes.empty()) {
    const std::size_t size = happens(70) ? bytes.size() : 1 + random_.below(bytes.size());
    Stream& way = streams_.at(stream);
    way.to_door_free = std::max(way.to_door_free, scheduler_.now() + delay());
    scheduler_.at(way.to_door_free, [this, stream, piece = bytes.substr(0, size)] {
      const auto it = streams_.find(stream);
      if (it == streams_.end() || !users_[it->second.user].is_reachable) return;
      node_.two_connection()->handle_bytes(scheduler_.now(), stream, piece);
      settle();
    });
    bytes.erase(0, size);
  }
}

void DoorLab::leave_somehow(std::size_t index) {
  switch (random_.below(4)) {
    case 0:
      return send_line(index, Command::Kind::kExit, "/exit");
    case 1:
      return kill(index);
    case 2:
      return vanish(index);
    default: {  // one of the two breaks
      User& user = users_[index];
      const StreamId stream = happens(50) && user.lb != 0 ? user.lb : user.la;
      scheduler_.after(delay(), [this, stream] {
        if (!streams_.contains(stream)) return;
        if (happens(50)) {
          node_.two_connection()->handle_end(scheduler_.now(), stream);
        } else {
          node_.two_connection()->handle_closed(scheduler_.now(), stream);
        }
        settle();
      });
    }
  }
}

/// The program dies and its machine says so.
void DoorLab::kill(std::size_t index) {
  User& user = users_[index];
  for (const StreamId stream : {user.la, user.lb}) {
    if (stream == 0) continue;
    scheduler_.after(delay(), [this, stream] {
      if (streams_.erase(stream) == 0) return;
      node_.two_connection()->handle_closed(scheduler_.now(), stream);
      settle();
    });
  }
  user.la = user.lb = 0;
  user.is_online = false;
}

/// The machine is gone; only keepalive will tell. Its user comes back from another one.
void DoorLab::vanish(std::size_t index) {
  User& user = users_[index];
  for (const StreamId stream : {user.la, user.lb}) {
    if (stream == 0) continue;
    streams_.erase(stream);  // nothing passes any more, either way
    scheduler_.after(kKeepalive, [this, stream] {
      node_.two_connection()->handle_closed(scheduler_.now(), stream);
      settle();
    });
  }
  user.la = user.lb = 0;
  user.is_online = false;
}

void DoorLab::hear(StreamId stream, std::string_view bytes) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  const Stream way = it->second;
  User& user = users_[way.user];
  if ((way.is_push ? user.lb : user.la) != stream) return;  // of a session before
  std::string& in = way.is_push ? user.lb_in : user.la_in;
  in += bytes;
  for (auto end = in.find('\n'); end != in.npos; end = in.find('\n')) {
    const std::string line = in.substr(0, end);
    in.erase(0, end + 1);
    note(line);
    if (way.is_push) {
      hear_push(way.user, line);
    } else {
      hear_answer(way.user, line);
    }
    if (in.empty()) return;
  }
}

void DoorLab::hear_answer(std::size_t index, std::string_view line) {
  User& user = users_[index];
  if (user.awaited.empty()) return fail(fmt::format("{} is told {} unasked", user.name, line));
  const Command command = user.awaited.front();
  user.awaited.pop_front();
  const TimePoint begun = std::max(command.sent, user.answered_at);
  user.answered_at = scheduler_.now();
  if (scheduler_.now() - begun > kAnswerMax)
    fail(fmt::format("{} waited too long for {}", user.name, line));
  const std::string_view code = line.substr(0, 3);
  using Kind = Command::Kind;
  const auto expect = [&](std::initializer_list<std::string_view> codes) {
    if (std::find(codes.begin(), codes.end(), code) == codes.end())
      fail(fmt::format("{} is told {} for command {}", user.name, line,
                       static_cast<int>(command.kind)));
  };
  switch (command.kind) {
    case Kind::kLogin:
      expect({"101", "102"});
      if (code == "102") {
        return send_line(index, Kind::kLogin, fmt::format("/login {} p{}", user.name, index));
      }
      ++logins_;
      return send_line(index, Kind::kPort, "/port 50000");
    case Kind::kPort:
      expect({"201", "202"});
      user.is_online = code == "201";
      if (!user.is_online) kill(index);
      break;
    case Kind::kList:
      expect({"301"});
      if (fmt::format("{} ", line).find(fmt::format(" {} ", user.name)) == std::string::npos)
        fail(fmt::format("{} is not in his own list", user.name));
      break;
    case Kind::kTo:
    case Kind::kToAll:
      expect({"303", "304"});
      if (code == "303") {
        ++confirmed_;
        check_delivered(command);
      } else {
        ++failed_;
      }
      break;
    case Kind::kToRoom:
      expect({"303", "304"});
      break;
    case Kind::kToOther:
      expect({"303", "304"});
      if (code == "304" && command.message == 1) ledger_.forbid(command.text);
      break;
    case Kind::kNonsense:
      expect({"401"});
      break;
    case Kind::kExit:
      expect({"310"});
      break;
  }
}

// 303 says that it was shown: to the recipient, or to everybody who was and stayed there.
void DoorLab::check_delivered(const Command& command) {
  if (command.kind == Command::Kind::kTo) {
    const std::size_t to = recipients_.at(command.message);
    if (!shown_.contains({command.message, to}))
      fail(fmt::format("m{} is confirmed, and {} has not shown it", command.message,
                       users_[to].name));
    return;
  }
  // Who breaks off, or has said /exit and still owes a receipt, may not have heard of it yet.
  scheduler_.after(1s, [this, command] {
    for (const auto& [i, session] : command.online) {
      const User& to = users_[i];
      if (to.session == session && to.is_online && !shown_.contains({command.message, i}))
        fail(fmt::format("m{} is confirmed, and {} has not shown it", command.message, to.name));
    }
  });
}

void DoorLab::hear_push(std::size_t index, std::string_view line) {
  User& user = users_[index];
  const bool is_broadcast = line.starts_with("/broadcastfrom ");
  if (!is_broadcast && !line.starts_with("/from "))
    return fail(fmt::format("{} is pushed {}", user.name, line));
  ++user.lines;
  constexpr std::string_view kFromRoom = "/from room <";
  const bool is_from_room = line.starts_with(kFromRoom);
  if (is_from_room && line.substr(kFromRoom.size()).starts_with(user.name + "> "))
    fail(fmt::format("{} hears himself in the room", user.name));
  const auto from = line.find(' ') + 1;
  const auto text_at = line.find(' ', from) + 1;
  const std::string_view text = line.substr(text_at);
  if (rendezvous_.size() > 0 && (is_from_room || ledger_.is_crossing(text))) {
    ledger_.read({.name = user.name,
                  .person = Lab::person_of(user.session),
                  .hears_room = user.has_entered_room},
                 line.substr(from, text_at - from - 1), text);
  } else if (!is_from_room && !Lab::is_notice(text)) {
    const int message = std::atoi(std::string(line.substr(line.rfind('m') + 1)).c_str());
    if (!shown_.insert({message, index}).second)
      fail(fmt::format("{} is shown m{} twice", user.name, message));
    if (!is_broadcast && recipients_.at(message) != index)
      fail(fmt::format("{} is shown m{}, which is not for him", user.name, message));
  }
  // One line at a time: the next comes after the receipt, or after it was given up.
  const TimePoint now = scheduler_.now();
  if (user.unconfirmed > 0 && now < user.last_line + registry::doors::kReceiptTime - 50ms)
    fail(fmt::format("{} is pushed a line before the receipt of the last", user.name));
  user.last_line = now;
  const bool confirms = user.habit == Habit::kPrompt || user.habit == Habit::kSlow ||
                        (user.habit == Habit::kSkipsBroadcasts && !is_broadcast) ||
                        (user.habit == Habit::kFrozen && user.lines < 10);
  user.unconfirmed = 1;
  if (!confirms) return;
  const Duration thought = user.habit == Habit::kSlow
                               ? Duration(std::chrono::milliseconds(random_.below(2000)))
                               : Duration(std::chrono::microseconds(random_.below(500)));
  const StreamId lb = user.lb;
  scheduler_.after(thought, [this, index, lb] {
    if (users_[index].lb != lb || !streams_.contains(lb)) return;
    users_[index].unconfirmed = 0;
    send_bytes(lb, "302 Message receipt successful\n");
  });
}

void DoorLab::handle_user_closed(StreamId stream) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  User& user = users_[it->second.user];
  streams_.erase(it);
  if (user.la != stream && user.lb != stream) return;
  // Whatever of the two was closed, this program is at its end.
  for (const StreamId other : {user.la, user.lb}) {
    if (other == 0 || other == stream || streams_.erase(other) == 0) continue;
    node_.two_connection()->handle_closed(scheduler_.now(), other);
  }
  user.la = user.lb = 0;
  user.is_online = false;
  settle();
}

// --- The registry's side
// ----------------------------------------------------------------------------

void DoorLab::settle() {
  auto& door = *node_.two_connection();
  for (bool is_quiet = false; !is_quiet;) {
    is_quiet = true;
    node_.run_hub(scheduler_.now());
    while (const auto verify = door.poll_verification(scheduler_.now())) {
      is_quiet = false;
      scheduler_.after(
          std::chrono::milliseconds(random_.below(users_.size() > 100 ? 5 : 150)), [this, verify] {
            node_.two_connection()->handle_verified(scheduler_.now(), common::WallTime{1},
                                                    verify->client,
                                                    verify->secret == verify->password);
            settle();
          });
    }
    while (const auto action = door.poll_action()) {
      is_quiet = false;
      carry_out(*action);
    }
    while (const auto action = node_.doors().at(common::Door::kRoom)->poll_action()) {
      is_quiet = false;
      room_.carry_out(*action);
    }
    while (const auto action = node_.netchat().poll_action()) {
      is_quiet = false;
      netchat_.carry_out(*action);
    }
    while (const auto action = node_.rendezvous()->poll_action()) {
      is_quiet = false;
      rendezvous_.carry_out(*action);
    }
    while (const auto transmit = node_.hub().poll_transmit()) {
      is_quiet = false;
      classic_.receive_datagram(transmit->to, *transmit->datagram);
      node_.handle_transmitted(transmit->delivery, true);
    }
    while (const auto change = node_.poll_change()) commit_later(change->id);
    // A holder who does not answer counts as alive.
    while (const auto probe = node_.poll_probe())
      node_.handle_probe_result(scheduler_.now(), probe->key, false);
  }
  while (node_.poll_event() || door.poll_notice()) {
  }
  if (door.client_count() > streams_.size() + 64 * users_.size())
    fail("the door holds more clients than there ever were");
  if (rendezvous_.size() > 0) rendezvous_.check_bounds();
  arm_timer();
}

// The store takes its time.
void DoorLab::commit_later(registry::ChangeId change) {
  scheduler_.after(delay(), [this, change] {
    node_.handle_committed(scheduler_.now(), {{change, node_.directory().version() + 1}});
    for (ListedCrowd* crowd : {&classic_, &netchat_}) crowd->handle_committed(change);
    settle();
  });
}

void DoorLab::carry_out(const registry::doors::StreamAction& action) {
  if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
    const auto it = streams_.find(write->stream);
    if (it == streams_.end()) return;
    it->second.to_user_free = std::max(it->second.to_user_free, scheduler_.now() + delay());
    scheduler_.at(it->second.to_user_free,
                  [this, stream = write->stream, bytes = write->bytes] { hear(stream, *bytes); });
  } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
    const auto it = streams_.find(closed->stream);
    if (it == streams_.end()) return;
    const TimePoint when = std::max(it->second.to_user_free, scheduler_.now() + delay());
    scheduler_.at(when, [this, stream = closed->stream] { handle_user_closed(stream); });
  } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
    scheduler_.after(delay(), [this, client = dial->client] { finish_dial(client); });
  } else if (const auto* probe = std::get_if<registry::doors::Probe>(&action)) {
    scheduler_.after(delay(), [this, stream = probe->stream] {
      const auto it = streams_.find(stream);
      if (it == streams_.end()) return;  // nobody answers
      node_.two_connection()->handle_probed(scheduler_.now(), stream);
      settle();
    });
  }
}

void DoorLab::finish_dial(StreamId client) {
  const auto it = streams_.find(client);
  std::optional<StreamId> made;
  if (it != streams_.end() && users_[it->second.user].la == client &&
      users_[it->second.user].accepts) {
    made = ++last_stream_;
    users_[it->second.user].lb = *made;
    streams_[*made] = {.user = it->second.user, .is_push = true};
  }
  node_.two_connection()->handle_dialed(scheduler_.now(), client, made);
  settle();
}

void DoorLab::arm_timer() {
  const auto due = node_.next_timeout();
  if (!due || (timer_ && *timer_ <= *due)) return;
  timer_ = due;
  scheduler_.at(*due, [this, when = *due] {
    if (timer_ != when) return;
    timer_.reset();
    node_.handle_timeout(scheduler_.now());
    settle();
    arm_timer();
  });
}

}  // namespace sim
