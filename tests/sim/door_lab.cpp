#include "tests/sim/door_lab.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/doors/limits.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// Longest that an answer may take: the wait for a turn, the wait for a receipt, and the network's
/// own delays on the way there and back, several times over.
constexpr Duration kAnswerMax = registry::doors::kQueueTime + registry::doors::kReceiptTime + 1s;
/// A silent machine is noticed by keepalive.
constexpr Duration kKeepalive = 90s;

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

DoorLab::DoorLab(std::uint64_t seed, std::size_t users, std::size_t room_users)
    : random_(seed),
      node_({.two_connection = registry::doors::TwoConnectionOptions{},
             .room = registry::doors::RoomOptions{},
             .gateway_ports = &ports_},
            random_, [] { return std::string(); }),
      users_(users),
      room_({.scheduler = scheduler_,
             .random = random_,
             .node = node_,
             .last_stream = last_stream_,
             .settle = [this] { settle(); },
             .fail = [this](std::string text) { fail(std::move(text)); },
             .note = [this](std::string_view text) { note(text); }},
            room_users) {
  std::vector<registry::BadAccountLine> bad_lines;
  node_.two_connection()->set_accounts(registry::Accounts::parse(accounts_of(users), bad_lines));
  for (std::size_t i = 0; i < users; ++i) {
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

std::vector<std::string> DoorLab::run(Duration busy) {
  for (std::size_t i = 0; i < users_.size(); ++i)
    scheduler_.after(std::chrono::milliseconds(random_.below(3000)), [this, i] { act(i); });
  room_.begin();
  scheduler_.run_until(TimePoint{} + busy);
  is_ending_ = true;
  room_.end();
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].la != 0) kill(i);
  scheduler_.run_until(scheduler_.now() + kKeepalive + registry::doors::kLoginTime);
  auto& door = *node_.two_connection();
  if (door.client_count() != 0) fail(fmt::format("{} clients are left", door.client_count()));
  if (node_.hub().room().sessions().size() != 0) fail("somebody is still in the room");
  if (node_.directory().size() != 0) fail("somebody is still listed");
  if (node_.hub().under_way() != 0) fail("a delivery never ended");
  if (node_.gateway()->open_count() != 0) fail("a gateway port is left open");
  return failures_;
}

// --- Users
// ----------------------------------------------------------------------------------------

void DoorLab::act(std::size_t index) {
  if (is_ending_) return;
  User& user = users_[index];
  scheduler_.after(std::chrono::milliseconds(20 + random_.below(2000)),
                   [this, index] { act(index); });
  if (user.la == 0) return connect(index);
  if (!user.is_reachable || user.awaited.size() > 2) return;
  if (!user.is_online) return;  // its login is on its way
  if (happens(2)) return leave_somehow(index);
  if (happens(5)) node_.gateway()->prepare_all();
  const auto other = random_.below(users_.size());
  if (room_.size() > 0 && happens(15)) {
    const bool is_last = happens(10);
    const std::string text = is_last ? "/leave" : fmt::format("g{}", ++last_message_);
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

void DoorLab::connect(std::size_t index) {
  User& user = users_[index];
  const Habit habit = user.habit;
  std::string name = user.name;
  user = User{};
  user.name = std::move(name);
  user.habit = habit;
  user.la = user.session = ++last_stream_;
  user.accepts = !happens(5);
  streams_[user.la] = {.user = index};
  node_.two_connection()->handle_accepted(scheduler_.now(), user.la, address_of(index),
                                          {*common::IpAddress::parse("10.0.0.1"), 9000});
  settle();
  const bool is_wrong = happens(3);
  send_line(index, Command::Kind::kLogin,
            fmt::format("/login {} {}{}", user.name, is_wrong ? "x" : "p", index));
}

void DoorLab::send_line(std::size_t index, Command::Kind kind, std::string line) {
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
  const auto m = line.rfind('m');
  const int message = is_from_room ? 0 : std::atoi(std::string(line.substr(m + 1)).c_str());
  if (!is_from_room && !shown_.insert({message, index}).second)
    fail(fmt::format("{} is shown m{} twice", user.name, message));
  if (!is_from_room && !is_broadcast && recipients_.at(message) != index)
    fail(fmt::format("{} is shown m{}, which is not for him", user.name, message));
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
  }
  while (node_.poll_event() || door.poll_notice()) {
  }
  if (door.client_count() > streams_.size() + 64 * users_.size())
    fail("the door holds more clients than there ever were");
  arm_timer();
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
