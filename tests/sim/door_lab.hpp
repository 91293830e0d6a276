// The doors with their users in one process: connections that delay and split what they carry,
// users who freeze, break off, vanish without a word and come back. Those of the two-connection
// door are here, those of the room in room_crowd.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "registry/node.hpp"
#include "tests/sim/room_crowd.hpp"
#include "tests/sim/scheduler.hpp"
#include "tests/sim/seeded_random.hpp"

namespace sim {

class DoorLab {
 public:
  DoorLab(std::uint64_t seed, std::size_t users, std::size_t room_users = 0);

  /// Runs `busy` of disorder, then lets everybody leave. Returns what went wrong; empty if nothing.
  std::vector<std::string> run(Duration busy);

  std::uint64_t confirmed() const { return confirmed_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t logins() const { return logins_; }
  const RoomCrowd& room() const { return room_; }
  /// Everything that was said, in order: the same seed gives the same.
  std::uint64_t trace() const { return trace_; }

 private:
  using StreamId = registry::doors::StreamId;

  /// How a user's program treats what is pushed to it.
  enum class Habit {
    kPrompt,
    kSlow,             // up to two seconds a line
    kFrozen,           // confirms nothing after a while
    kSkipsBroadcasts,  // shows them, and confirms private messages only
  };
  struct Command {
    enum class Kind { kLogin, kPort, kList, kTo, kToAll, kToRoom, kNonsense, kExit } kind;
    int message = 0;
    TimePoint sent;
    /// Of a broadcast: the sessions that were there when it was sent.
    std::map<std::size_t, StreamId> online;
  };
  struct User {
    std::string name;
    Habit habit = Habit::kPrompt;
    StreamId la = 0;  // 0: not connected
    StreamId lb = 0;
    bool is_online = false;    // has been told 201
    bool is_reachable = true;  // false: his machine is gone without a word
    bool accepts = true;       // the connection from the registry
    std::deque<Command> awaited;
    std::string la_in, lb_in;
    TimePoint answered_at;
    int lines = 0;                // pushed in this session
    std::size_t unconfirmed = 0;  // lines that he owes a receipt for
    TimePoint last_line;
    StreamId session = 0;  // la of this session, also after it has gone
  };
  struct Stream {
    std::size_t user = 0;
    bool is_push = false;
    TimePoint to_door_free, to_user_free;  // bytes keep their order
  };

  void fail(std::string text);
  void note(std::string_view text);
  bool happens(unsigned percent) { return random_.below(100) < percent; }
  Duration delay() { return std::chrono::microseconds(random_.below(20'000)); }

  void act(std::size_t index);
  void connect(std::size_t index);
  void send_line(std::size_t index, Command::Kind kind, std::string line);
  void send_bytes(StreamId stream, std::string bytes);
  void leave_somehow(std::size_t index);
  void kill(std::size_t index);
  void vanish(std::size_t index);
  void hear(StreamId stream, std::string_view bytes);
  void hear_answer(std::size_t index, std::string_view line);
  void hear_push(std::size_t index, std::string_view line);
  void check_delivered(const Command& command);
  void handle_user_closed(StreamId stream);

  void settle();
  void carry_out(const registry::doors::StreamAction& action);
  void finish_dial(StreamId client);
  void arm_timer();

  Scheduler scheduler_;
  SeededRandom random_;
  class Ports final : public registry::GatewayPorts {
   public:
    std::optional<std::uint16_t> open() override {
      ++open_;
      return ++last_;
    }
    void close(std::uint16_t) override { --open_; }

   private:
    std::uint16_t last_ = 20'000;
    int open_ = 0;
  } ports_;
  registry::Node node_;
  std::vector<User> users_;
  RoomCrowd room_;
  std::map<StreamId, Stream> streams_;  // those that the door still knows or whose user does
  StreamId last_stream_ = 0;
  int last_message_ = 0;
  std::map<int, std::size_t> recipients_;        // of private messages
  std::set<std::pair<int, std::size_t>> shown_;  // message, user
  std::optional<TimePoint> timer_;
  bool is_ending_ = false;
  std::vector<std::string> failures_;
  std::uint64_t confirmed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t logins_ = 0;
  std::uint64_t trace_ = 14695981039346656037ULL;
};

}  // namespace sim
