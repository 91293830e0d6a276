// Logins whose passwords are to be checked: whose turn it is, and how long a wrong one is told late
// (docs/protocol/two-connection.md, "Logins"). A core.
//
// Addresses take turns, so that one that floods does not keep others waiting. What a wrong password
// costs is the address's, not the connection's: hanging up saves nothing.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/endpoint.hpp"
#include "common/time.hpp"
#include "registry/doors/login_throttle.hpp"
#include "registry/doors/stream_door.hpp"

namespace registry::doors {

class LoginQueue {
 public:
  /// Logins of one address that may wait: a room that starts at once.
  static constexpr std::size_t kWaitingPerSourceMax = 512;
  /// Checks with the checker at once: enough to keep its threads busy, few enough that another
  /// address's turn comes soon.
  static constexpr std::size_t kCheckingMax = 8;
  /// Of an address that has failed too often: checks that may be under way or held back at once.
  static constexpr std::size_t kSuspectMax = 5;

  /// False: too many of that address wait.
  bool add(StreamId client, const common::IpAddress& source, std::string account);
  /// The client has gone. A check that is under way counts all the same.
  void remove(StreamId client);
  /// Whose password is to be checked now; finish() follows. Only clients that are still here.
  std::optional<StreamId> take_next(TimePoint now);
  /// How long the answer is to be held back; zero if the password is right.
  Duration finish(TimePoint now, StreamId client, bool is_right);
  /// A held-back answer's time passes whether its client waits for it or not.
  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    common::IpAddress source;
    std::string account;
    bool is_checking = false;
  };
  struct Source {
    std::deque<StreamId> waiting;
    std::size_t checking = 0;
    std::size_t held_back = 0;
    bool is_in_turn = false;  // stands in turns_
  };
  struct HeldBack {
    TimePoint until;
    common::IpAddress source;
    friend bool operator>(const HeldBack& a, const HeldBack& b) { return a.until > b.until; }
  };

  void take_turn(const common::IpAddress& address, Source& source);
  void forget_if_idle(const common::IpAddress& address);

  LoginThrottle throttle_;
  std::unordered_map<StreamId, Entry> entries_;
  std::map<common::IpAddress, Source> sources_;
  std::deque<common::IpAddress> turns_;
  std::size_t checking_ = 0;
  std::priority_queue<HeldBack, std::vector<HeldBack>, std::greater<HeldBack>> held_back_;
};

}  // namespace registry::doors
