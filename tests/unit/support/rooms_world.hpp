// Requests and rooms with three users and a guest, and what they are told, written short.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <set>
#include <string>

#include "registry/doors/rendezvous_rooms.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

using registry::doors::RendezvousRooms;

inline constexpr RendezvousRooms::UserId kA = 1;
inline constexpr RendezvousRooms::UserId kB = 2;
inline constexpr RendezvousRooms::UserId kC = 3;
inline constexpr RendezvousRooms::UserId kG = 9;  // a guest

inline constexpr std::array<const char*, registry::doors::kRoomEventKindCount> kRoomEventNames = {
    "asked",          "already asked", "too many requests",
    "busy",           "accepted",      "entered",
    "you rejected",   "rejected",      "no request",
    "unanswered",     "you left",      "closed",
    "group made",     "invited",       "guest busy",
    "group too big",  "joined",        "you rejected group",
    "rejected group", "no group",      "unanswered group",
    "you left group", "left group",
};

inline std::string name_of(RendezvousRooms::UserId user) {
  return user == 0 ? "-" : std::string(1, user == kG ? 'g' : static_cast<char>('a' + user - 1));
}

/// "b asked(a)": b is told that a asked; a number for a group.
inline std::string told(RendezvousRooms& rooms) {
  std::string text;
  while (const auto event = rooms.poll_event()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}({}{})", name_of(event->to),
                        kRoomEventNames.at(static_cast<std::size_t>(event->kind)),
                        name_of(event->about),
                        event->group == 0 ? "" : fmt::format(" {}", event->group));
  }
  return text;
}

/// Three users and a guest, who are in no room yet; group() makes the first that there is.
struct RoomsWorld {
  RoomsWorld() {
    for (const auto user : {kA, kB, kC}) rooms.add(user);
    rooms.add(kG, RendezvousRooms::Role::kGuest);
  }
  void together(RendezvousRooms::UserId asker, RendezvousRooms::UserId accepter) {
    rooms.ask(now, asker, accepter);
    rooms.accept(accepter, asker);
  }
  void group(RendezvousRooms::UserId maker, RendezvousRooms::UserId joiner) {
    rooms.make_group(now, maker, {joiner});
    rooms.accept_group(joiner, 1);
  }
  RendezvousRooms rooms;
  common::TimePoint now = at(1h);
  std::set<RendezvousRooms::UserId> gone;
};

}  // namespace test
