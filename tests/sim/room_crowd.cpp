#include "tests/sim/room_crowd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sim {
namespace {

using namespace std::chrono_literals;
using registry::doors::kRoomPrompt;
using registry::doors::kRoomWelcome;

/// What the shell lets wait for a reader before it tells the door.
constexpr std::size_t kBehindBytes = 64 * 1024;
/// A line that anybody has heard is heard by everybody who reads by then.
constexpr Duration kHeardBy = 10s;

}  // namespace

RoomCrowd::RoomCrowd(Lab lab, std::size_t users) : lab_(std::move(lab)), users_(users) {}

void RoomCrowd::begin() {
  for (std::size_t i = 0; i < users_.size(); ++i)
    lab_.scheduler.after(std::chrono::milliseconds(lab_.random.below(3000)), [this, i] { act(i); });
}

void RoomCrowd::end() {
  is_ending_ = true;
  for (std::size_t i = 0; i < users_.size(); ++i)
    if (users_[i].stream != 0) lose(i, delay());
}

void RoomCrowd::act(std::size_t index) {
  if (is_ending_) return;
  lab_.scheduler.after(std::chrono::milliseconds(20 + lab_.random.below(2000)),
                       [this, index] { act(index); });
  const User& user = users_[index];
  if (user.stream == 0) return connect(index);
  if (lab_.is_calm) {
    if (!user.is_in_room && happens(10)) lose(index, delay());  // he has never said his name
    return;
  }
  if (happens(2)) return leave_somehow(index);
  if (!user.is_in_room) return;  // a silent newcomer, or one whose name is not free yet
  if (happens(3) && !user.is_stalled) return stall(index);
  say(index);
}

void RoomCrowd::connect(std::size_t index) {
  users_[index] = {};
  users_[index].stream = ++lab_.last_stream;
  const StreamId stream = users_[index].stream;
  streams_[stream] = {.user = index, .to_door_free = {}, .to_user_free = {}};
  door().handle_accepted(lab_.scheduler.now(), stream, machine_of(2, index),
                         {kRegistryAddress, 12'000});
  lab_.settle();
}

// A line, sometimes two of them in one segment, some long; the number is what it is known by.
void RoomCrowd::say(std::size_t index) {
  std::string bytes;
  for (int i = happens(20) ? 2 : 1; i > 0; --i) {
    Line line{.speaker = index, .present = {}};
    for (std::size_t k = 0; k < users_.size(); ++k)
      if (users_[k].is_in_room && k != index) line.present[k] = users_[k].stream;
    lines_[++last_line_] = std::move(line);
    bytes += fmt::format("r{} {}{}", last_line_, std::string(lab_.random.below(1500), 'x'),
                         happens(20) ? "\r\n" : "\n");
    ++said_;
  }
  lab_.note(bytes.substr(0, 8));
  send_bytes(users_[index].stream, std::move(bytes));
}

void RoomCrowd::send_bytes(StreamId stream, std::string bytes) {
  while (!bytes.empty()) {
    const std::size_t size = happens(70) ? bytes.size() : 1 + lab_.random.below(bytes.size());
    Stream& way = streams_.at(stream);
    way.to_door_free = std::max(way.to_door_free, lab_.scheduler.now() + delay());
    lab_.scheduler.at(way.to_door_free, [this, stream, piece = bytes.substr(0, size)] {
      if (!streams_.contains(stream)) return;
      // The kernel holds what the door does not take now; here it has room for all of it.
      door().handle_bytes(lab_.scheduler.now(), stream, piece);
      lab_.settle();
    });
    bytes.erase(0, size);
  }
}

void RoomCrowd::stall(std::size_t index) {
  users_[index].is_stalled = true;
  const StreamId stream = users_[index].stream;
  lab_.scheduler.after(std::chrono::milliseconds(lab_.random.below(20'000)), [this, index, stream] {
    User& user = users_[index];
    if (user.stream != stream) return;
    user.is_stalled = false;
    read(index, std::exchange(user.unread, {}));
    if (!std::exchange(user.is_behind, false) || !streams_.contains(stream)) return;
    door().handle_backlog(lab_.scheduler.now(), stream, false);
    lab_.settle();
  });
}

void RoomCrowd::leave_somehow(std::size_t index) {
  switch (lab_.random.below(3)) {
    case 0: {  // ends his side; the door closes
      const StreamId stream = users_[index].stream;
      lab_.scheduler.after(delay(), [this, stream] {
        if (!streams_.contains(stream)) return;
        door().handle_end(lab_.scheduler.now(), stream);
        lab_.settle();
      });
      return;
    }
    case 1:
      return lose(index, delay());
    default:  // his machine is gone; only keepalive will tell
      return lose(index, kKeepalive);
  }
}

void RoomCrowd::lose(std::size_t index, Duration after) {
  const StreamId stream = users_[index].stream;
  streams_.erase(stream);  // nothing passes any more, either way
  users_[index] = {};
  lab_.ledger.release(name_of(index), "room");
  lab_.scheduler.after(after, [this, stream] {
    door().handle_closed(lab_.scheduler.now(), stream);
    lab_.settle();
  });
}

void RoomCrowd::carry_out(const registry::doors::StreamAction& action) {
  if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
    const auto it = streams_.find(write->stream);
    if (it == streams_.end()) return;
    if (write->bytes->ends_with(kRoomWelcome)) lab_.ledger.hold(name_of(it->second.user), "room");
    it->second.to_user_free = std::max(it->second.to_user_free, lab_.scheduler.now() + delay());
    lab_.scheduler.at(it->second.to_user_free, [this, stream = write->stream,
                                                bytes = write->bytes] { receive(stream, *bytes); });
  } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
    const auto it = streams_.find(closed->stream);
    if (it == streams_.end()) return;
    const std::size_t index = it->second.user;
    if (users_[index].is_behind) ++dropped_;
    streams_.erase(it);
    lab_.ledger.release(name_of(index), "room");
    if (users_[index].stream == closed->stream) users_[index] = {};
  } else if (!std::holds_alternative<registry::doors::Resume>(action)) {
    lab_.fail("the room's door dials or probes");
  }
}

void RoomCrowd::receive(StreamId stream, const std::string& bytes) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  const std::size_t index = it->second.user;
  User& user = users_[index];
  if (!user.is_stalled) return read(index, bytes);
  user.unread += bytes;
  if (user.unread.size() <= kBehindBytes || std::exchange(user.is_behind, true)) return;
  door().handle_backlog(lab_.scheduler.now(), stream, true);
  lab_.settle();
}

void RoomCrowd::read(std::size_t index, std::string_view bytes) {
  User& user = users_[index];
  user.in += bytes;
  if (!user.is_in_room) {
    for (bool is_asked = user.in.starts_with(kRoomPrompt); is_asked;
         is_asked = user.in.starts_with(kRoomPrompt)) {
      user.in.erase(0, kRoomPrompt.size());
      if (!lab_.is_calm && happens(5)) continue;  // says nothing: a silent newcomer
      // Somebody may have the name still: himself, on a machine that is gone.
      lab_.scheduler.after(std::chrono::milliseconds(lab_.random.below(5000)),
                           [this, index, stream = user.stream] {
                             if (users_[index].stream != stream || stream == 0) return;
                             send_bytes(stream, name_of(index) + "\n");
                           });
    }
    if (!user.in.starts_with(kRoomWelcome)) {
      if (!user.in.empty()) lab_.fail(fmt::format("{} is told {}", name_of(index), user.in));
      return;
    }
    user.in.erase(0, kRoomWelcome.size());
    user.is_in_room = true;
  }
  for (auto end = user.in.find('\n'); end != user.in.npos; end = user.in.find('\n')) {
    std::string line = user.in.substr(0, end);
    user.in.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    hear(index, line);
  }
}

void RoomCrowd::hear(std::size_t index, const std::string& line) {
  lab_.note(line.substr(0, 20));
  ++heard_;
  User& user = users_[index];
  const auto end = line.find("> ");
  if (!line.starts_with('<') || end == line.npos)
    return lab_.fail(fmt::format("{} hears {}", name_of(index), line));
  const std::string from = line.substr(1, end - 1);
  const std::string text = line.substr(end + 2);
  const int number = std::atoi(text.c_str() + 1);
  if (Lab::is_notice(text)) return;
  if (lab_.ledger.is_crossing(text)) {
    const bool is_private = from.ends_with(" to you");
    const std::string sender = is_private ? from.substr(0, from.size() - 7) : from;
    return lab_.ledger.read(
        {.name = name_of(index), .person = Lab::person_of(user.stream), .hears_room = true},
        is_private ? sender : "room", is_private ? text : line);
  }
  if (from == name_of(index)) lab_.fail(fmt::format("{} hears himself", from));
  if (text[0] == 'm') {
    if (from.ends_with(" to you")) private_.insert(number);
    return;
  }
  if (text[0] == 'g') return;  // a guest's
  const auto said = lines_.find(number);
  if (text[0] != 'r' || said == lines_.end() || name_of(said->second.speaker) != from)
    return lab_.fail(fmt::format("{} hears {}", name_of(index), line.substr(0, 40)));
  if (!user.heard.insert(number).second)
    lab_.fail(fmt::format("{} hears r{} twice", name_of(index), number));
  if (number < user.last_from[from])
    lab_.fail(fmt::format("{} hears r{} out of order", name_of(index), number));
  user.last_from[from] = number;
  if (std::exchange(said->second.is_checked, true)) return;
  lab_.scheduler.after(kHeardBy, [this, number] { check_heard(number); });
}

void RoomCrowd::check_heard(int number) {
  const Line line = std::move(lines_.at(number));
  lines_[number] = {.speaker = line.speaker, .present = {}, .is_checked = true};
  for (const auto& [index, stream] : line.present) {
    const User& user = users_[index];
    if (user.stream == stream && !user.is_stalled && !user.heard.contains(number))
      lab_.fail(fmt::format("{} has not heard r{}", name_of(index), number));
  }
}

}  // namespace sim
