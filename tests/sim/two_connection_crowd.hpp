// The users of the two-connection door in the lab of doors: they log in, write to each other and to
// users of other doors, confirm what is pushed to them promptly, late or never, break off, vanish
// without a word and come back.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/lab.hpp"

namespace sim {

class TwoConnectionCrowd {
 public:
  using StreamId = Lab::StreamId;
  /// Whom they write to beside each other.
  struct Others {
    std::size_t room = 0;     // users of the room door
    bool are_of_all = false;  // any name at all, with texts of the ledger's
  };

  /// Gives each of them an account at the door.
  TwoConnectionCrowd(Lab lab, std::size_t users, Others others);

  void begin();
  /// Everybody breaks off, and nobody comes any more.
  void end();
  /// Who owes receipts is given no more lines: his program is started anew.
  void calm_down();
  void carry_out(const registry::doors::StreamAction& action);
  /// The bound of the door's table.
  void check_bounds();

  std::size_t size() const { return users_.size(); }
  static std::string name_of(std::size_t user) { return "u" + std::to_string(user); }
  bool is_ready(std::size_t user) const { return users_[user].is_online; }
  /// Sends a text of the ledger's; what was sent, or nothing if he is that user himself.
  std::string write_to(std::size_t user, const std::string& name);

  std::uint64_t confirmed() const { return confirmed_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t logins() const { return logins_; }

 private:
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

  registry::doors::TwoConnectionDoor& door() { return *lab_.node.two_connection(); }
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
  void finish_dial(StreamId client);

  Lab lab_;
  std::vector<User> users_;
  Others others_;
  std::map<StreamId, Stream> streams_;  // those that the door still knows or whose user does
  int last_message_ = 0;
  std::map<int, std::size_t> recipients_;        // of private messages
  std::set<std::pair<int, std::size_t>> shown_;  // message, user
  bool is_ending_ = false;
  std::uint64_t confirmed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t logins_ = 0;
};

}  // namespace sim
