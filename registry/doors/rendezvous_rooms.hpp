// Requests and rooms of the rendezvous dialect (docs/protocol/rendezvous.md, "Rooms"): who asked
// whom, who talks with whom, and who is told what about it. A core of its own: users are numbers,
// and what they are told are events, which the door turns into frames.
//
// A user is in one room at most, private or group. A guest is a user of another door: he is asked
// nothing, since his door knows no such question, and any number of users may be in a private room
// with him. A stranger is a guest who is listed nowhere: anybody can write under any number of such
// names.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/time.hpp"

namespace registry::doors {

using common::Duration;
using common::TimePoint;

struct RoomEvent {
  enum class Kind {
    kAsked,            // `about` would like to chat
    kAlreadyAsked,     // of `about`, who has not answered yet
    kTooManyRequests,  // that nobody has answered yet
    kBusy,             // `about` is, and cannot be asked or be answered
    kAccepted,         // by `about`: both are in a room now
    kEntered,          // the other side of that
    kYouRejected,
    kRejected,    // by `about`
    kNoRequest,   // of `about`'s to answer, or none any more
    kUnanswered,  // by `about` within the time, or he has left
    kYouLeft,     // the private room
    kClosed,      // `about` left it
    kGroupMade,
    kInvited,      // by `about`
    kGuestBusy,    // `about` is, and was not invited
    kGroupTooBig,  // some were not invited
    kJoined,       // `about` did
    kYouRejectedGroup,
    kRejectedGroup,    // by `about`
    kNoGroup,          // of that number that he is invited to
    kUnansweredGroup,  // by `about`
    kYouLeftGroup,
    kLeftGroup,  // `about` did
  } kind;
  std::uint64_t to = 0;
  std::uint64_t about = 0;  // 0: nobody
  std::uint64_t cause = 0;  // whose doing it is
  std::uint32_t group = 0;

  friend bool operator==(const RoomEvent&, const RoomEvent&) = default;
};
constexpr std::size_t kRoomEventKindCount = 23;

class RendezvousRooms {
 public:
  using UserId = std::uint64_t;
  using RoomNumber = std::uint32_t;

  /// How long a request or an invitation waits for its answer: a person may be looking elsewhere,
  /// and whoever asked wants to know.
  static constexpr Duration kRequestTime = std::chrono::seconds(60);
  /// Requests of one user that nobody has answered yet.
  static constexpr std::size_t kRequestsFromMax = 16;
  /// Requests and invitations that wait for one user; more find him busy.
  static constexpr std::size_t kRequestsToMax = 64;
  /// Of these, strangers' requests: the other places are for those who had to take a name.
  static constexpr std::size_t kRequestsOfStrangersMax = kRequestsToMax / 2;
  /// Members and invited of a group: each message goes to all of them.
  static constexpr std::size_t kGroupMax = 64;

  enum class Role { kUser, kGuest, kStranger };
  void add(UserId user, Role role = Role::kUser);
  /// While he is behind in reading, he is busy for whoever asks or invites him.
  void set_behind(UserId user, bool is_behind);
  /// He is gone: his room is left, his requests end. Unknown users are nobody.
  void remove(UserId user);

  /// CHATREQUEST. What a user in a room asks for is not heard; nor are the next three, from one.
  void ask(TimePoint now, UserId user, UserId other);
  /// OK and REJECT.
  void accept(UserId user, UserId other);
  void reject(UserId user, UserId other);
  /// GROUPCHAT. Guests cannot be invited: they could not leave.
  void make_group(TimePoint now, UserId user, const std::vector<UserId>& invited);
  void accept_group(UserId user, RoomNumber number);
  void reject_group(UserId user, RoomNumber number);
  /// EXIT and EXITGROUP: leaves the room there is, of whichever kind.
  void leave_room(UserId user);

  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  std::optional<RoomEvent> poll_event();

  bool is_in_room(UserId user) const;
  /// Both are in one private room.
  bool are_together(UserId user, UserId other) const;
  /// The other one of the private room he is in. Not for guests.
  std::optional<UserId> partner_of(UserId user) const;
  /// The number of that room, which no other has had or will have; 0: none. Not for guests.
  RoomNumber private_room_of(UserId user) const;
  /// The number of the latest private room of all.
  RoomNumber newest_private() const { return last_private_; }
  /// All of his group, himself too; null if he is in none. Valid until the next change.
  const std::vector<UserId>* group_of(UserId user) const;
  bool has_asked(UserId user, UserId other) const { return requests_.contains({other, 0, user}); }
  /// In a room, or party to a request.
  bool is_involved(UserId user) const;

  std::size_t private_count() const { return private_rooms_.size(); }
  std::size_t group_count() const { return groups_.size(); }
  std::size_t request_count() const { return requests_.size(); }

 private:
  struct User {
    bool is_guest = false;
    bool is_stranger = false;            // then a guest, too
    bool is_behind = false;              // in reading
    std::set<RoomNumber> private_rooms;  // one at most, but for guests
    RoomNumber group = 0;                // 0: in none
    std::set<UserId> asked;              // to chat in private, without an answer yet
    std::size_t requests_to = 0;         // invitations as well
    std::size_t strangers_requests = 0;  // of these
  };
  struct PrivateRoom {
    UserId asker = 0;
    UserId accepter = 0;
    UserId other(UserId user) const { return user == asker ? accepter : asker; }
  };
  struct Group {
    UserId maker = 0;  // hears who rejects, while he is a member
    std::vector<UserId> members;
    std::set<UserId> invited;
  };
  struct RequestKey {
    UserId to = 0;
    RoomNumber group = 0;  // 0: to chat in private
    UserId from = 0;
    friend auto operator<=>(const RequestKey&, const RequestKey&) = default;
  };
  using Deadline = std::pair<TimePoint, std::uint64_t>;

  const User* find(UserId user) const;
  bool has_place(const User& asked, const User& asker) const;
  void tell(RoomEvent::Kind kind, UserId to, UserId about, UserId cause, RoomNumber group = 0);
  void add_request(TimePoint now, const RequestKey& key);
  void end_request(const RequestKey& key);
  void open_private(UserId asker, UserId accepter);
  void close_private(RoomNumber number);
  void leave_group(UserId user);
  void tell_unanswered(const RequestKey& key);
  std::optional<RequestKey> invitation(UserId user, RoomNumber number) const;

  std::unordered_map<UserId, User> users_;
  std::map<RoomNumber, PrivateRoom> private_rooms_;
  std::map<RoomNumber, Group> groups_;
  RoomNumber last_private_ = 0;
  RoomNumber last_group_ = 0;
  std::map<RequestKey, Deadline> requests_;
  std::map<Deadline, RequestKey> deadlines_;  // the same, by the time that they end
  std::uint64_t last_request_ = 0;
  std::deque<RoomEvent> events_;
};

}  // namespace registry::doors
