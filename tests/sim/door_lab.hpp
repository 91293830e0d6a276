// The doors with their users in one process: connections that delay and split what they carry,
// users who freeze, break off, vanish without a word and come back. Those of the two-connection
// door are here, those of the room, of the rendezvous door and those whose programs are listed in
// crowds of their own.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "registry/node.hpp"
#include "tests/sim/lab.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/listed_crowd.hpp"
#include "tests/sim/rendezvous_crowd.hpp"
#include "tests/sim/room_crowd.hpp"

namespace sim {

class DoorLab {
 public:
  /// How many users there are of each door.
  struct Sizes {
    std::size_t two_connection = 0;
    std::size_t room = 0;
    std::size_t classic = 0;
    std::size_t netchat = 0;
    std::size_t rendezvous = 0;
  };
  DoorLab(std::uint64_t seed, Sizes sizes);

  /// Runs `busy` of disorder, then lets everybody leave; before that, if `is_calmed`, has everybody
  /// come back, and one of each door reach one of each. Returns what went wrong; empty if nothing.
  std::vector<std::string> run(Duration busy, bool is_calmed = false);

  std::uint64_t confirmed() const { return confirmed_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t logins() const { return logins_; }
  const RoomCrowd& room() const { return room_; }
  const RendezvousCrowd& rendezvous() const { return rendezvous_; }
  const Ledger& ledger() const { return ledger_; }
  std::uint64_t reached() const { return reached_; }
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
    enum class Kind { kLogin, kPort, kList, kTo, kToAll, kToRoom, kToOther, kNonsense, kExit } kind;
    int message = 0;
    std::string text = {};  // of kToOther
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
    bool has_entered_room = false;
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
  void send_line(std::size_t index, Command::Kind kind, const std::string& line);
  void send_bytes(StreamId stream, std::string bytes);
  void leave_somehow(std::size_t index);
  void kill(std::size_t index);
  void vanish(std::size_t index);
  void hear(StreamId stream, std::string_view bytes);
  void hear_answer(std::size_t index, std::string_view line);
  void hear_push(std::size_t index, std::string_view line);
  void check_delivered(const Command& command);
  void handle_user_closed(StreamId stream);

  Lab lend();
  std::string any_name();
  void disturb();
  void calm_down();
  void check_reach();
  /// Names of those who are not there, and ready.
  std::string missing() const;
  void write_to(std::size_t index, const std::string& to);
  void check_nothing_left();

  void settle();
  void carry_out(const registry::doors::StreamAction& action);
  void finish_dial(StreamId client);
  void commit_later(registry::ChangeId change);
  void arm_timer();

  Scheduler scheduler_;
  SeededRandom random_;
  class Ports final : public registry::GatewayPorts {
   public:
    explicit Ports(std::uint16_t first) : last_(first) {}
    std::optional<std::uint16_t> open() override {
      ++open_;
      return ++last_;
    }
    void close(std::uint16_t) override { --open_; }

   private:
    std::uint16_t last_;
    int open_ = 0;
  } ports_{10'000}, tcp_ports_{20'000};
  registry::Node node_;
  bool is_calm_ = false;
  Ledger ledger_;
  std::vector<User> users_;
  RoomCrowd room_;
  ListedCrowd classic_;
  ListedCrowd netchat_;
  RendezvousCrowd rendezvous_;
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
  std::uint64_t reached_ = 0;
  std::uint64_t trace_ = 14695981039346656037ULL;
};

}  // namespace sim
