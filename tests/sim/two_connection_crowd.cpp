#include "tests/sim/two_connection_crowd.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/doors/limits.hpp"
#include "tests/sim/room_crowd.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// Longest that an answer may take: the wait for a turn, the wait for a receipt, and the network's
/// own delays on the way there and back, several times over.
constexpr Duration kAnswerMax = registry::doors::kQueueTime + registry::doors::kReceiptTime + 1s;

std::string accounts_of(std::size_t users) {
  std::string text;
  for (std::size_t i = 0; i < users; ++i)
    text += fmt::format("{} p{}\n", TwoConnectionCrowd::name_of(i), i);
  return text;
}

}  // namespace

TwoConnectionCrowd::TwoConnectionCrowd(Lab lab, std::size_t users, Others others)
    : lab_(std::move(lab)), users_(users), others_(others) {
  std::vector<registry::BadAccountLine> bad_lines;
  door().set_accounts(registry::Accounts::parse(accounts_of(users), bad_lines));
  for (User& user : users_) {
    const auto draw = lab_.random.below(10);
    user.habit = draw == 0   ? Habit::kFrozen
                 : draw == 1 ? Habit::kSlow
                 : draw == 2 ? Habit::kSkipsBroadcasts
                             : Habit::kPrompt;
  }
}

void TwoConnectionCrowd::begin() {
  for (std::size_t i = 0; i < users_.size(); ++i)
    lab_.scheduler.after(lab_.up_to(3000), [this, i] { act(i); });
}

void TwoConnectionCrowd::end() {
  is_ending_ = true;
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].la != 0) kill(i);
}

void TwoConnectionCrowd::calm_down() {
  for (std::size_t i = 0; i < users_.size(); ++i) {
    if (users_[i].habit != Habit::kPrompt && users_[i].la != 0) kill(i);
    users_[i].habit = Habit::kPrompt;
  }
}

void TwoConnectionCrowd::check_bounds() {
  if (door().client_count() > streams_.size() + 64 * users_.size())
    lab_.fail("the door holds more clients than there ever were");
}

void TwoConnectionCrowd::act(std::size_t index) {
  if (is_ending_) return;
  User& user = users_[index];
  lab_.scheduler.after(std::chrono::milliseconds(20 + lab_.random.below(2000)),
                       [this, index] { act(index); });
  if (user.la == 0) return connect(index);
  if (lab_.is_calm) return;
  if (!user.is_reachable || user.awaited.size() > 2) return;
  if (!user.is_online) return;  // its login is on its way
  if (lab_.happens(2)) return leave_somehow(index);
  if (lab_.happens(5)) lab_.node.gateway()->prepare_all();
  if (others_.are_of_all && lab_.happens(50)) {
    write_to(index, lab_.any_name());
    return;
  }
  const auto other = lab_.random.below(users_.size());
  if (others_.room > 0 && lab_.happens(15)) {
    const bool is_last = lab_.happens(10);
    const std::string text = is_last ? "/leave" : fmt::format("g{}", ++last_message_);
    user.has_entered_room = true;
    return send_line(index, Command::Kind::kToRoom, "/to room " + text);
  }
  if (others_.room > 0 && lab_.happens(15)) {
    const std::string to = RoomCrowd::name_of(lab_.random.below(others_.room));
    return send_line(index, Command::Kind::kToRoom, fmt::format("/to {} m{}", to, ++last_message_));
  }
  switch (lab_.random.below(6)) {
    case 0:
      return send_line(index, Command::Kind::kList, "/list");
    case 1:
      return send_line(index, Command::Kind::kNonsense, lab_.happens(50) ? "/dance" : "/to nobody");
    case 2:
      return send_line(index, Command::Kind::kToAll, fmt::format("/toall m{}", ++last_message_));
    default:
      recipients_[++last_message_] = other;
      return send_line(index, Command::Kind::kTo, fmt::format("/to u{} m{}", other, last_message_));
  }
}

std::string TwoConnectionCrowd::write_to(std::size_t index, const std::string& to) {
  User& user = users_[index];
  if (to == name_of(index)) return {};
  if (to == "room") user.has_entered_room = true;
  const std::string text = lab_.ledger.write(name_of(index), {.name = to});
  send_line(index, Command::Kind::kToOther, fmt::format("/to {} {}", to, text));
  user.awaited.back().text = text;
  // A text of which its sender was told that it failed is shown to nobody who was to be asked
  // first.
  user.awaited.back().message = to.starts_with('a') ? 1 : 0;
  return text;
}

void TwoConnectionCrowd::connect(std::size_t index) {
  User& user = users_[index];
  user = User{.habit = user.habit};
  user.la = user.session = ++lab_.last_stream;
  user.accepts = lab_.is_calm || !lab_.happens(5);
  streams_[user.la] = {.user = index};
  door().handle_accepted(lab_.now(), user.la, machine_of(1, index), {kRegistryAddress, 9000});
  lab_.settle();
  const bool is_wrong = lab_.happens(3);
  send_line(index, Command::Kind::kLogin,
            fmt::format("/login {} {}{}", name_of(index), is_wrong ? "x" : "p", index));
}

void TwoConnectionCrowd::send_line(std::size_t index, Command::Kind kind, const std::string& line) {
  User& user = users_[index];
  Command command{.kind = kind, .message = last_message_, .sent = lab_.now(), .online = {}};
  if (kind == Command::Kind::kToAll) {
    for (std::size_t i = 0; i < users_.size(); ++i)
      if (users_[i].is_online && i != index) command.online[i] = users_[i].session;
  }
  user.awaited.push_back(std::move(command));
  lab_.note(line);
  send_bytes(user.la, line + (lab_.happens(10) ? "\r\n" : "\n"));
}

// In up to three pieces, in order.
void TwoConnectionCrowd::send_bytes(StreamId stream, std::string bytes) {
  while (!bytes.empty()) {
    const std::size_t size = lab_.happens(70) ? bytes.size() : 1 + lab_.random.below(bytes.size());
    Stream& way = streams_.at(stream);
    way.to_door_free = std::max(way.to_door_free, lab_.now() + lab_.delay());
    lab_.scheduler.at(way.to_door_free, [this, stream, piece = bytes.substr(0, size)] {
      const auto it = streams_.find(stream);
      if (it == streams_.end() || !users_[it->second.user].is_reachable) return;
      door().handle_bytes(lab_.now(), stream, piece);
      lab_.settle();
    });
    bytes.erase(0, size);
  }
}

void TwoConnectionCrowd::leave_somehow(std::size_t index) {
  switch (lab_.random.below(4)) {
    case 0:
      return send_line(index, Command::Kind::kExit, "/exit");
    case 1:
      return kill(index);
    case 2:
      return vanish(index);
    default: {  // one of the two breaks
      User& user = users_[index];
      const StreamId stream = lab_.happens(50) && user.lb != 0 ? user.lb : user.la;
      lab_.scheduler.after(lab_.delay(), [this, stream] {
        if (!streams_.contains(stream)) return;
        if (lab_.happens(50)) {
          door().handle_end(lab_.now(), stream);
        } else {
          door().handle_closed(lab_.now(), stream);
        }
        lab_.settle();
      });
    }
  }
}

/// The program dies and its machine says so.
void TwoConnectionCrowd::kill(std::size_t index) {
  User& user = users_[index];
  for (const StreamId stream : {user.la, user.lb}) {
    if (stream == 0) continue;
    lab_.scheduler.after(lab_.delay(), [this, stream] {
      if (streams_.erase(stream) == 0) return;
      door().handle_closed(lab_.now(), stream);
      lab_.settle();
    });
  }
  user.la = user.lb = 0;
  user.is_online = false;
}

/// The machine is gone; only keepalive will tell. Its user comes back from another one.
void TwoConnectionCrowd::vanish(std::size_t index) {
  User& user = users_[index];
  for (const StreamId stream : {user.la, user.lb}) {
    if (stream == 0) continue;
    streams_.erase(stream);  // nothing passes any more, either way
    lab_.scheduler.after(kKeepalive, [this, stream] {
      door().handle_closed(lab_.now(), stream);
      lab_.settle();
    });
  }
  user.la = user.lb = 0;
  user.is_online = false;
}

// --- What they hear ------------------------------------------------------------------------------

void TwoConnectionCrowd::carry_out(const registry::doors::StreamAction& action) {
  if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
    const auto it = streams_.find(write->stream);
    if (it == streams_.end()) return;
    it->second.to_user_free = std::max(it->second.to_user_free, lab_.now() + lab_.delay());
    lab_.scheduler.at(it->second.to_user_free, [this, stream = write->stream,
                                                bytes = write->bytes] { hear(stream, *bytes); });
  } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
    const auto it = streams_.find(closed->stream);
    if (it == streams_.end()) return;
    const TimePoint when = std::max(it->second.to_user_free, lab_.now() + lab_.delay());
    lab_.scheduler.at(when, [this, stream = closed->stream] { handle_user_closed(stream); });
  } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
    lab_.scheduler.after(lab_.delay(), [this, client = dial->client] { finish_dial(client); });
  } else if (const auto* probe = std::get_if<registry::doors::Probe>(&action)) {
    lab_.scheduler.after(lab_.delay(), [this, stream = probe->stream] {
      const auto it = streams_.find(stream);
      if (it == streams_.end()) return;  // nobody answers
      door().handle_probed(lab_.now(), stream);
      lab_.settle();
    });
  }
}

void TwoConnectionCrowd::finish_dial(StreamId client) {
  const auto it = streams_.find(client);
  std::optional<StreamId> made;
  if (it != streams_.end() && users_[it->second.user].la == client &&
      users_[it->second.user].accepts) {
    made = ++lab_.last_stream;
    users_[it->second.user].lb = *made;
    streams_[*made] = {.user = it->second.user, .is_push = true};
  }
  door().handle_dialed(lab_.now(), client, made);
  lab_.settle();
}

void TwoConnectionCrowd::handle_user_closed(StreamId stream) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  User& user = users_[it->second.user];
  streams_.erase(it);
  if (user.la != stream && user.lb != stream) return;
  // Whatever of the two was closed, this program is at its end.
  for (const StreamId other : {user.la, user.lb}) {
    if (other == 0 || other == stream || streams_.erase(other) == 0) continue;
    door().handle_closed(lab_.now(), other);
  }
  user.la = user.lb = 0;
  user.is_online = false;
  lab_.settle();
}

void TwoConnectionCrowd::hear(StreamId stream, std::string_view bytes) {
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
    lab_.note(line);
    if (way.is_push) {
      hear_push(way.user, line);
    } else {
      hear_answer(way.user, line);
    }
    if (in.empty()) return;
  }
}

void TwoConnectionCrowd::hear_answer(std::size_t index, std::string_view line) {
  User& user = users_[index];
  if (user.awaited.empty())
    return lab_.fail(fmt::format("{} is told {} unasked", name_of(index), line));
  const Command command = user.awaited.front();
  user.awaited.pop_front();
  const TimePoint begun = std::max(command.sent, user.answered_at);
  user.answered_at = lab_.now();
  if (lab_.now() - begun > kAnswerMax)
    lab_.fail(fmt::format("{} waited too long for {}", name_of(index), line));
  const std::string_view code = line.substr(0, 3);
  using Kind = Command::Kind;
  const auto expect = [&](std::initializer_list<std::string_view> codes) {
    if (std::find(codes.begin(), codes.end(), code) == codes.end())
      lab_.fail(fmt::format("{} is told {} for command {}", name_of(index), line,
                            static_cast<int>(command.kind)));
  };
  switch (command.kind) {
    case Kind::kLogin:
      expect({"101", "102"});
      if (code == "102") {
        return send_line(index, Kind::kLogin, fmt::format("/login {} p{}", name_of(index), index));
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
      if (fmt::format("{} ", line).find(fmt::format(" {} ", name_of(index))) == std::string::npos)
        lab_.fail(fmt::format("{} is not in his own list", name_of(index)));
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
      if (code == "304" && command.message == 1) lab_.ledger.forbid(command.text);
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
void TwoConnectionCrowd::check_delivered(const Command& command) {
  if (command.kind == Command::Kind::kTo) {
    const std::size_t to = recipients_.at(command.message);
    if (!shown_.contains({command.message, to}))
      lab_.fail(
          fmt::format("m{} is confirmed, and {} has not shown it", command.message, name_of(to)));
    return;
  }
  // Who breaks off, or has said /exit and still owes a receipt, may not have heard of it yet.
  lab_.scheduler.after(1s, [this, command] {
    for (const auto& [i, session] : command.online) {
      const User& to = users_[i];
      if (to.session == session && to.is_online && !shown_.contains({command.message, i}))
        lab_.fail(
            fmt::format("m{} is confirmed, and {} has not shown it", command.message, name_of(i)));
    }
  });
}

void TwoConnectionCrowd::hear_push(std::size_t index, std::string_view line) {
  User& user = users_[index];
  const bool is_broadcast = line.starts_with("/broadcastfrom ");
  if (!is_broadcast && !line.starts_with("/from "))
    return lab_.fail(fmt::format("{} is pushed {}", name_of(index), line));
  ++user.lines;
  constexpr std::string_view kFromRoom = "/from room <";
  const bool is_from_room = line.starts_with(kFromRoom);
  if (is_from_room && line.substr(kFromRoom.size()).starts_with(name_of(index) + "> "))
    lab_.fail(fmt::format("{} hears himself in the room", name_of(index)));
  const auto from = line.find(' ') + 1;
  const auto text_at = line.find(' ', from) + 1;
  const std::string_view text = line.substr(text_at);
  if (others_.are_of_all && (is_from_room || lab_.ledger.is_crossing(text))) {
    lab_.ledger.read({.name = name_of(index),
                      .person = Lab::person_of(user.session),
                      .hears_room = user.has_entered_room},
                     line.substr(from, text_at - from - 1), text);
  } else if (!is_from_room && !Lab::is_notice(text)) {
    const int message = std::atoi(std::string(line.substr(line.rfind('m') + 1)).c_str());
    if (!shown_.insert({message, index}).second)
      lab_.fail(fmt::format("{} is shown m{} twice", name_of(index), message));
    if (!is_broadcast && recipients_.at(message) != index)
      lab_.fail(fmt::format("{} is shown m{}, which is not for him", name_of(index), message));
  }
  // One line at a time: the next comes after the receipt, or after it was given up.
  const TimePoint now = lab_.now();
  if (user.unconfirmed > 0 && now < user.last_line + registry::doors::kReceiptTime - 50ms)
    lab_.fail(fmt::format("{} is pushed a line before the receipt of the last", name_of(index)));
  user.last_line = now;
  const bool confirms = user.habit == Habit::kPrompt || user.habit == Habit::kSlow ||
                        (user.habit == Habit::kSkipsBroadcasts && !is_broadcast) ||
                        (user.habit == Habit::kFrozen && user.lines < 10);
  user.unconfirmed = 1;
  if (!confirms) return;
  const Duration thought = user.habit == Habit::kSlow
                               ? Duration(std::chrono::milliseconds(lab_.random.below(2000)))
                               : Duration(std::chrono::microseconds(lab_.random.below(500)));
  const StreamId lb = user.lb;
  lab_.scheduler.after(thought, [this, index, lb] {
    if (users_[index].lb != lb || !streams_.contains(lb)) return;
    users_[index].unconfirmed = 0;
    send_bytes(lb, "302 Message receipt successful\n");
  });
}

}  // namespace sim
