#include "registry/doors/rendezvous_rooms.hpp"

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/take_front.hpp"

namespace registry::doors {

using Kind = RoomEvent::Kind;

void RendezvousRooms::add(UserId user, Role role) {
  const bool is_new = users_
                          .emplace(user, User{.is_guest = role != Role::kUser,
                                              .is_stranger = role == Role::kStranger})
                          .second;
  ENSURE(user != 0 && is_new);
}

void RendezvousRooms::set_behind(UserId user, bool is_behind) {
  users_.at(user).is_behind = is_behind;
}

void RendezvousRooms::remove(UserId user) {
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  // Copies: ending them changes what they are taken from.
  const std::set<RoomNumber> rooms = it->second.private_rooms;
  for (const RoomNumber number : rooms) {
    const UserId other = private_rooms_.at(number).other(user);
    close_private(number);
    tell(Kind::kClosed, other, user, user);
  }
  leave_group(user);
  const std::set<UserId> asked = it->second.asked;
  for (const UserId other : asked) end_request({other, 0, user});
  std::vector<RequestKey> ended;
  for (auto to = requests_.lower_bound({user, 0, 0}); to != requests_.end() && to->first.to == user;
       ++to) {
    ended.push_back(to->first);
  }
  for (const RequestKey& key : ended) {
    end_request(key);
    tell_unanswered(key);
  }
  users_.erase(user);
}

void RendezvousRooms::ask(TimePoint now, UserId user, UserId other) {
  if (is_in_room(user) || user == other) return;
  const User& asker = users_.at(user);
  const User& asked = users_.at(other);
  if (asked.is_guest) return open_private(user, other);
  if (has_asked(user, other)) return tell(Kind::kAlreadyAsked, user, other, user);
  if (is_in_room(other) || !has_place(asked, asker)) return tell(Kind::kBusy, user, other, user);
  // A guest may have asked many: they are bounded by those who are asked.
  if (!asker.is_guest && asker.asked.size() >= kRequestsFromMax)
    return tell(Kind::kTooManyRequests, user, 0, user);
  add_request(now, {other, 0, user});
  tell(Kind::kAsked, other, user, user);
}

// security: whoever writes under names that he has made up could otherwise keep everybody else from
// asking, for as long as he goes on; and with requests and invitations without end, whoever is
// behind in reading could be written so much that he is dropped for it.
bool RendezvousRooms::has_place(const User& asked, const User& asker) const {
  if (asker.is_stranger && asked.strangers_requests >= kRequestsOfStrangersMax) return false;
  return !asked.is_behind && asked.requests_to < kRequestsToMax;
}

void RendezvousRooms::accept(UserId user, UserId other) {
  if (is_in_room(user)) return;
  if (!has_asked(other, user)) return tell(Kind::kNoRequest, user, other, user);
  end_request({user, 0, other});
  // He has found somebody else to talk to since he asked.
  if (is_in_room(other)) return tell(Kind::kBusy, user, other, user);
  if (has_asked(user, other)) end_request({other, 0, user});  // they had asked each other
  open_private(other, user);
}

void RendezvousRooms::reject(UserId user, UserId other) {
  if (is_in_room(user)) return;
  if (!has_asked(other, user)) return tell(Kind::kNoRequest, user, other, user);
  end_request({user, 0, other});
  tell(Kind::kYouRejected, user, other, user);
  tell(Kind::kRejected, other, user, user);
}

// The asker is told first: whoever accepted is the cause of both.
void RendezvousRooms::open_private(UserId asker, UserId accepter) {
  private_rooms_.emplace(++last_private_, PrivateRoom{asker, accepter});
  users_.at(asker).private_rooms.insert(last_private_);
  users_.at(accepter).private_rooms.insert(last_private_);
  tell(Kind::kAccepted, asker, accepter, accepter);
  tell(Kind::kEntered, accepter, asker, accepter);
}

void RendezvousRooms::close_private(RoomNumber number) {
  const PrivateRoom room = private_rooms_.at(number);
  private_rooms_.erase(number);
  users_.at(room.asker).private_rooms.erase(number);
  users_.at(room.accepter).private_rooms.erase(number);
}

void RendezvousRooms::make_group(TimePoint now, UserId user, const std::vector<UserId>& invited) {
  if (is_in_room(user)) return;
  const RoomNumber number = ++last_group_;
  groups_.emplace(number, Group{.maker = user, .members = {user}, .invited = {}});
  users_.at(user).group = number;
  tell(Kind::kGroupMade, user, 0, user, number);
  std::size_t count = 1;
  for (const UserId other : invited) {
    if (other == user || requests_.contains({other, number, user})) continue;
    const User& asked = users_.at(other);
    if (count == kGroupMax) {
      tell(Kind::kGroupTooBig, user, 0, user, number);
      break;
    }
    if (asked.is_guest || is_in_room(other) || !has_place(asked, users_.at(user))) {
      tell(Kind::kGuestBusy, user, other, user, number);
      continue;
    }
    ++count;
    add_request(now, {other, number, user});
    tell(Kind::kInvited, other, user, user, number);
  }
}

std::optional<RendezvousRooms::RequestKey> RendezvousRooms::invitation(UserId user,
                                                                       RoomNumber number) const {
  const auto group = groups_.find(number);
  if (group == groups_.end() || !group->second.invited.contains(user)) return std::nullopt;
  return RequestKey{user, number, group->second.maker};
}

void RendezvousRooms::accept_group(UserId user, RoomNumber number) {
  if (is_in_room(user)) return;
  const auto key = invitation(user, number);
  if (!key) return tell(Kind::kNoGroup, user, 0, user, number);
  end_request(*key);
  Group& group = groups_.at(number);
  group.members.push_back(user);
  users_.at(user).group = number;
  for (const UserId member : group.members) tell(Kind::kJoined, member, user, user, number);
}

void RendezvousRooms::reject_group(UserId user, RoomNumber number) {
  if (is_in_room(user)) return;
  const auto key = invitation(user, number);
  if (!key) return tell(Kind::kNoGroup, user, 0, user, number);
  end_request(*key);
  tell(Kind::kYouRejectedGroup, user, 0, user, number);
  if (const User* maker = find(key->from); maker != nullptr && maker->group == number)
    tell(Kind::kRejectedGroup, key->from, user, user, number);
}

void RendezvousRooms::leave_room(UserId user) {
  const User& leaver = users_.at(user);
  if (leaver.group != 0) {
    tell(Kind::kYouLeftGroup, user, 0, user, leaver.group);
    return leave_group(user);
  }
  if (leaver.private_rooms.empty()) return;
  const RoomNumber number = *leaver.private_rooms.begin();
  const UserId other = private_rooms_.at(number).other(user);
  close_private(number);
  tell(Kind::kYouLeft, user, other, user);
  tell(Kind::kClosed, other, user, user);
}

void RendezvousRooms::leave_group(UserId user) {
  const RoomNumber number = std::exchange(users_.at(user).group, 0);
  if (number == 0) return;
  Group& group = groups_.at(number);
  std::erase(group.members, user);
  for (const UserId member : group.members) tell(Kind::kLeftGroup, member, user, user, number);
  if (!group.members.empty()) return;
  const std::set<UserId> invited = group.invited;
  for (const UserId other : invited) end_request({other, number, group.maker});
  groups_.erase(number);
}

void RendezvousRooms::add_request(TimePoint now, const RequestKey& key) {
  const Deadline deadline{now + kRequestTime, ++last_request_};
  requests_.emplace(key, deadline);
  deadlines_.emplace(deadline, key);
  ++users_.at(key.to).requests_to;
  if (key.group != 0) {
    groups_.at(key.group).invited.insert(key.to);
  } else {
    User& asker = users_.at(key.from);
    asker.asked.insert(key.to);
    if (asker.is_stranger) ++users_.at(key.to).strangers_requests;
  }
}

// An invitation lasts as long as its group, whether or not its maker is still there.
void RendezvousRooms::end_request(const RequestKey& key) {
  const auto request = requests_.find(key);
  ENSURE(request != requests_.end());
  deadlines_.erase(request->second);
  requests_.erase(request);
  --users_.at(key.to).requests_to;
  if (key.group != 0) {
    groups_.at(key.group).invited.erase(key.to);
  } else {
    User& asker = users_.at(key.from);
    asker.asked.erase(key.to);
    if (asker.is_stranger) --users_.at(key.to).strangers_requests;
  }
}

void RendezvousRooms::tell_unanswered(const RequestKey& key) {
  if (key.group == 0) return tell(Kind::kUnanswered, key.from, key.to, key.to);
  if (const User* maker = find(key.from); maker != nullptr && maker->group == key.group)
    tell(Kind::kUnansweredGroup, key.from, key.to, key.to, key.group);
}

void RendezvousRooms::handle_timeout(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.begin()->first.first <= now) {
    const RequestKey key = deadlines_.begin()->second;
    end_request(key);
    tell_unanswered(key);
  }
}

std::optional<TimePoint> RendezvousRooms::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first.first;
}

std::optional<RoomEvent> RendezvousRooms::poll_event() { return common::take_front(events_); }

void RendezvousRooms::tell(Kind kind, UserId to, UserId about, UserId cause, RoomNumber group) {
  events_.push_back({kind, to, about, cause, group});
}

const RendezvousRooms::User* RendezvousRooms::find(UserId user) const {
  const auto it = users_.find(user);
  return it == users_.end() ? nullptr : &it->second;
}

// Guests are never in the way of anybody.
bool RendezvousRooms::is_in_room(UserId user) const {
  const User* found = find(user);
  return found != nullptr && !found->is_guest &&
         (found->group != 0 || !found->private_rooms.empty());
}

std::optional<RendezvousRooms::UserId> RendezvousRooms::partner_of(UserId user) const {
  const User* found = find(user);
  if (found == nullptr || found->is_guest || found->private_rooms.empty()) return std::nullopt;
  return private_rooms_.at(*found->private_rooms.begin()).other(user);
}

RendezvousRooms::RoomNumber RendezvousRooms::private_room_of(UserId user) const {
  const User* found = find(user);
  if (found == nullptr || found->is_guest || found->private_rooms.empty()) return 0;
  return *found->private_rooms.begin();
}

bool RendezvousRooms::are_together(UserId user, UserId other) const {
  return partner_of(user) == other || partner_of(other) == user;
}

const std::vector<RendezvousRooms::UserId>* RendezvousRooms::group_of(UserId user) const {
  const User* found = find(user);
  return found == nullptr || found->group == 0 ? nullptr : &groups_.at(found->group).members;
}

bool RendezvousRooms::is_involved(UserId user) const {
  const User* found = find(user);
  return found != nullptr && (found->group != 0 || !found->private_rooms.empty() ||
                              !found->asked.empty() || found->requests_to > 0);
}

}  // namespace registry::doors
