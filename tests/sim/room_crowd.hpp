// The users of the room door in the lab of doors: they say lines in pieces, read or stop reading,
// break off, vanish without a word and come back.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/lab.hpp"

namespace sim {

class RoomCrowd {
 public:
  using StreamId = registry::doors::StreamId;
  RoomCrowd(Lab lab, std::size_t users);

  void begin();
  /// Everybody breaks off, and nobody comes any more.
  void end();
  /// Does what the door asks for; false if the stream is none of the room's.
  void carry_out(const registry::doors::StreamAction& action);

  std::size_t size() const { return users_.size(); }
  static std::string name_of(std::size_t user) { return "r" + std::to_string(user); }
  bool is_ready(std::size_t user) const {
    return users_[user].is_in_room && !users_[user].is_stalled;
  }
  /// Says a text of the ledger's.
  void say_text(std::size_t user, const std::string& text) {
    send_bytes(users_[user].stream, text + "\n");
  }
  /// A private message from another door was confirmed: it has to arrive.
  bool has_heard_private(int message) const { return private_.contains(message); }

  std::uint64_t said() const { return said_; }
  std::uint64_t heard() const { return heard_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct User {
    StreamId stream = 0;  // 0: not connected
    bool is_in_room = false;
    bool is_stalled = false;  // does not read
    bool is_behind = false;   // as the door was told
    std::string unread;       // written to him while he is stalled
    std::string in;           // read, no whole line yet
    std::set<int> heard;      // in this session
    std::map<std::string, int> last_from;
  };
  struct Stream {
    std::size_t user = 0;
    TimePoint to_door_free, to_user_free;  // bytes keep their order
  };
  struct Line {
    std::size_t speaker = 0;
    std::map<std::size_t, StreamId> present;  // those in the room when it was said
    bool is_checked = false;
  };

  registry::doors::MessageDoor& door() { return *lab_.node.doors().at(common::Door::kRoom); }
  bool happens(unsigned percent) { return lab_.happens(percent); }
  Duration delay() { return lab_.delay(); }

  void act(std::size_t index);
  void connect(std::size_t index);
  void say(std::size_t index);
  void send_bytes(StreamId stream, std::string bytes);
  void stall(std::size_t index);
  void leave_somehow(std::size_t index);
  void lose(std::size_t index, Duration after);
  void receive(StreamId stream, const std::string& bytes);
  void read(std::size_t index, std::string_view bytes);
  void hear(std::size_t index, const std::string& line);
  void check_heard(int number);

  Lab lab_;
  std::vector<User> users_;
  std::map<StreamId, Stream> streams_;
  std::map<int, Line> lines_;
  int last_line_ = 0;
  std::set<int> private_;
  bool is_ending_ = false;
  std::uint64_t said_ = 0;
  std::uint64_t heard_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace sim
