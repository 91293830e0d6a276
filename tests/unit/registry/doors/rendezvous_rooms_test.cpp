// Requests and rooms: how long they last, guests, bounds, and every short story of three users.
#include "registry/doors/rendezvous_rooms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "tests/unit/support/rooms_world.hpp"

namespace {

using namespace test;
using registry::doors::RendezvousRooms;
using World = RoomsWorld;

TEST_CASE("a request waits for 60 s, and then cannot be accepted") {
  World w;
  w.rooms.ask(w.now, kA, kB);
  told(w.rooms);
  CHECK(w.rooms.next_timeout() == w.now + 60s);
  w.rooms.handle_timeout(w.now + 60s - 1ns);
  CHECK(told(w.rooms) == "");
  SUBCASE("accepted in the last moment") {
    w.rooms.accept(kB, kA);
    CHECK(told(w.rooms) == "a accepted(b), b entered(a)");
    CHECK(!w.rooms.next_timeout());
  }
  SUBCASE("too late") {
    w.rooms.handle_timeout(w.now + 60s);
    CHECK(told(w.rooms) == "a unanswered(b)");
    w.rooms.accept(kB, kA);
    CHECK(told(w.rooms) == "b no request(a)");
    w.rooms.ask(w.now + 61s, kA, kB);
    CHECK(told(w.rooms) == "b asked(a)");
  }
}

TEST_CASE("of two who asked each other, the first who accepts opens the only room") {
  World w;
  w.rooms.ask(w.now, kA, kB);
  w.rooms.ask(w.now, kB, kA);
  told(w.rooms);
  w.rooms.accept(kA, kB);
  CHECK(told(w.rooms) == "b accepted(a), a entered(b)");
  w.rooms.accept(kB, kA);
  CHECK(told(w.rooms) == "");
  CHECK(w.rooms.private_count() == 1);
  CHECK(w.rooms.request_count() == 0);
  w.rooms.leave_room(kB);
  CHECK(told(w.rooms) == "b you left(a), a closed(b)");
  w.rooms.accept(kB, kA);
  CHECK(told(w.rooms) == "b no request(a)");
}

TEST_CASE("a group stays while somebody is in it, also without its maker") {
  World w;
  w.rooms.make_group(w.now, kA, {kB, kC, kB, kA});
  CHECK(told(w.rooms) == "a group made(- 1), b invited(a 1), c invited(a 1)");
  w.rooms.accept_group(kB, 1);
  CHECK(told(w.rooms) == "a joined(b 1), b joined(b 1)");
  REQUIRE(w.rooms.group_of(kB) != nullptr);
  CHECK(*w.rooms.group_of(kB) == std::vector{kA, kB});
  SUBCASE("he leaves, and the invited can still come") {
    w.rooms.leave_room(kA);
    CHECK(told(w.rooms) == "a you left group(- 1), b left group(a 1)");
    w.rooms.accept_group(kC, 1);
    CHECK(told(w.rooms) == "b joined(c 1), c joined(c 1)");
  }
  SUBCASE("he dies, and the invited can still come") {
    w.rooms.remove(kA);
    CHECK(told(w.rooms) == "b left group(a 1)");
    w.rooms.accept_group(kC, 1);
    CHECK(told(w.rooms) == "b joined(c 1), c joined(c 1)");
  }
  SUBCASE("a refusal that he does not hear, since he is gone") {
    w.rooms.remove(kA);
    told(w.rooms);
    w.rooms.reject_group(kC, 1);
    CHECK(told(w.rooms) == "c you rejected group(- 1)");
  }
  SUBCASE("the last one goes, and with the room the invitations") {
    w.rooms.leave_room(kA);
    w.rooms.leave_room(kB);
    told(w.rooms);
    CHECK(w.rooms.group_count() == 0);
    CHECK(w.rooms.request_count() == 0);
    w.rooms.accept_group(kC, 1);
    CHECK(told(w.rooms) == "c no group(- 1)");
  }
}

TEST_CASE("private rooms and groups are counted apart, and no number comes again") {
  World w;
  w.together(kA, kB);
  w.rooms.leave_room(kA);
  w.rooms.make_group(w.now, kA, {kB});
  w.rooms.leave_room(kA);
  w.rooms.make_group(w.now, kA, {kB});
  told(w.rooms);
  w.rooms.accept_group(kB, 1);
  CHECK(told(w.rooms) == "b no group(- 1)");
  w.rooms.accept_group(kB, 2);
  CHECK(told(w.rooms) == "a joined(b 2), b joined(b 2)");
}

TEST_CASE("a guest is asked nothing, and may talk with many") {
  World w;
  w.rooms.ask(w.now, kA, kG);
  CHECK(told(w.rooms) == "a accepted(g), g entered(a)");
  w.rooms.ask(w.now, kB, kG);
  CHECK(told(w.rooms) == "b accepted(g), g entered(b)");
  CHECK(w.rooms.are_together(kA, kG));
  CHECK(w.rooms.are_together(kG, kB));
  CHECK(!w.rooms.are_together(kC, kG));
  CHECK(!w.rooms.is_in_room(kG));
  w.rooms.leave_room(kA);
  CHECK(told(w.rooms) == "a you left(g), g closed(a)");
  CHECK(w.rooms.is_involved(kG));
  w.rooms.remove(kG);
  CHECK(told(w.rooms) == "b closed(g)");
  CHECK(!w.rooms.is_in_room(kB));
}

TEST_CASE("a guest asks as everybody does, and cannot be invited to a group") {
  World w;
  w.rooms.ask(w.now, kG, kA);
  CHECK(told(w.rooms) == "a asked(g)");
  CHECK(w.rooms.has_asked(kG, kA));
  w.rooms.accept(kA, kG);
  CHECK(told(w.rooms) == "g accepted(a), a entered(g)");
  w.rooms.ask(w.now, kG, kA);
  CHECK(told(w.rooms) == "g busy(a)");
  w.rooms.leave_room(kA);
  told(w.rooms);
  w.rooms.make_group(w.now, kA, {kG, kB});
  CHECK(told(w.rooms) == "a group made(- 1), a guest busy(g 1), b invited(a 1)");
}

TEST_CASE("nobody has more requests than he may") {
  World w;
  constexpr std::size_t kMany = 200;
  for (std::size_t i = 0; i < kMany; ++i) w.rooms.add(100 + i);
  told(w.rooms);
  SUBCASE("of his own") {
    for (std::size_t i = 0; i < RendezvousRooms::kRequestsFromMax; ++i)
      w.rooms.ask(w.now, kA, 100 + i);
    told(w.rooms);
    w.rooms.ask(w.now, kA, kB);
    CHECK(told(w.rooms) == "a too many requests(-)");
    w.rooms.reject(100, kA);
    told(w.rooms);
    w.rooms.ask(w.now, kA, kB);
    CHECK(told(w.rooms) == "b asked(a)");
  }
  SUBCASE("to answer, invitations among them") {
    for (std::size_t i = 0; i < RendezvousRooms::kRequestsToMax; ++i) {
      if (i % 2 == 0) w.rooms.ask(w.now, 100 + i, kB);
      if (i % 2 == 1) w.rooms.make_group(w.now, 100 + i, {kB});
    }
    told(w.rooms);
    w.rooms.ask(w.now, kA, kB);
    CHECK(told(w.rooms) == "a busy(b)");
    w.rooms.make_group(w.now, kA, {kB});
    CHECK(told(w.rooms).find("a guest busy(b") != std::string::npos);
  }
  SUBCASE("strangers' to answer, who leave places to others") {
    constexpr std::size_t kFirst = 1000;
    constexpr std::size_t kPlaces = RendezvousRooms::kRequestsOfStrangersMax;
    for (std::size_t i = 0; i <= kPlaces; ++i) {
      w.rooms.add(kFirst + i, RendezvousRooms::Role::kStranger);
      w.rooms.ask(w.now, kFirst + i, kB);
    }
    CHECK(told(w.rooms).ends_with(" busy(b)"));
    CHECK(w.rooms.request_count() == kPlaces);
    for (std::size_t i = kPlaces; i < RendezvousRooms::kRequestsToMax; ++i)
      w.rooms.ask(w.now, 100 + i, kB);
    CHECK(w.rooms.request_count() == RendezvousRooms::kRequestsToMax);
    told(w.rooms);
    SUBCASE("a stranger's place is the next one's, however it became free") {
      SUBCASE("rejected") { w.rooms.reject(kB, kFirst); }
      SUBCASE("he is gone") { w.rooms.remove(kFirst); }
      w.rooms.ask(w.now, kFirst + kPlaces, kB);
      CHECK(w.rooms.has_asked(kFirst + kPlaces, kB));
    }
    SUBCASE("another's is not") {
      w.rooms.remove(100 + kPlaces);
      w.rooms.ask(w.now, kFirst + kPlaces, kB);
      CHECK(!w.rooms.has_asked(kFirst + kPlaces, kB));
      w.rooms.ask(w.now, kA, kB);
      CHECK(w.rooms.has_asked(kA, kB));
    }
  }
  SUBCASE("in a group") {
    std::vector<RendezvousRooms::UserId> invited;
    for (std::size_t i = 0; i < kMany; ++i) invited.push_back(100 + i);
    w.rooms.make_group(w.now, kA, invited);
    CHECK(w.rooms.request_count() == RendezvousRooms::kGroupMax - 1);
    CHECK(told(w.rooms).ends_with("a group too big(- 1)"));
  }
}

// --- A small world in full -----------------------------------------------------------------------

/// One of all that three users and time can do.
void do_something(World& w, std::size_t which) {
  const auto user = static_cast<RendezvousRooms::UserId>(1 + which % 3);
  const auto other = static_cast<RendezvousRooms::UserId>(1 + (which / 3) % 3);
  // Those who are gone do nothing: the door asks for nobody it does not know.
  const auto is_there = [&](RendezvousRooms::UserId id) { return !w.gone.contains(id); };
  if (!is_there(user)) return;
  switch (which / 9) {
    case 0:
      return is_there(other) ? w.rooms.ask(w.now, user, other) : void();
    case 1:
      return w.rooms.accept(user, other);
    case 2:
      return w.rooms.reject(user, other);
    default:
      break;
  }
  switch ((which - 27) / 3) {
    case 0:
      return w.rooms.leave_room(user);
    case 1: {
      std::vector<RendezvousRooms::UserId> others;
      for (const auto id : {kA, kB, kC})
        if (is_there(id)) others.push_back(id);
      return w.rooms.make_group(w.now, user, others);
    }
    case 2:
      return w.rooms.accept_group(user, 1);
    case 3:
      return w.rooms.reject_group(user, 1);
    case 4:
      w.gone.insert(user);
      return w.rooms.remove(user);
    default:
      return w.rooms.handle_timeout(w.now += 60s);
  }
}
constexpr std::size_t kThings = 27 + 16;

void check_world(World& w) {
  std::size_t partners = 0;
  for (const auto user : {kA, kB, kC}) {
    const auto partner = w.rooms.partner_of(user);
    const auto* group = w.rooms.group_of(user);
    REQUIRE(!(partner && group != nullptr));
    REQUIRE(w.rooms.is_in_room(user) == (partner || group != nullptr));
    if (partner) {
      ++partners;
      REQUIRE(*partner != user);
      REQUIRE(w.rooms.partner_of(*partner) == user);
    }
    if (group != nullptr) REQUIRE(std::count(group->begin(), group->end(), user) == 1);
    if (w.gone.contains(user)) {
      REQUIRE(!w.rooms.is_involved(user));
      REQUIRE(!w.rooms.is_in_room(user));
    }
  }
  REQUIRE(partners == 2 * w.rooms.private_count());
  REQUIRE(w.rooms.next_timeout().has_value() == (w.rooms.request_count() > 0));
  while (const auto event = w.rooms.poll_event()) REQUIRE(!w.gone.contains(event->to));
}

TEST_CASE(
    "whatever three users do in four steps, each is in one room at most and nothing is left") {
  std::size_t stories = 0;
  std::array<std::size_t, 4> steps{};
  for (steps[0] = 0; steps[0] < kThings; ++steps[0]) {
    for (steps[1] = 0; steps[1] < kThings; ++steps[1]) {
      for (steps[2] = 0; steps[2] < kThings; ++steps[2]) {
        // The last step is drawn from the first three: all of them would take a minute.
        for (std::size_t i = 0; i < 4; ++i) {
          steps[3] = (steps[0] * 7 + steps[1] * 11 + steps[2] * 13 + i * 9) % kThings;
          World w;
          for (const std::size_t step : steps) {
            do_something(w, step);
            check_world(w);
          }
          for (const auto user : {kA, kB, kC}) w.rooms.remove(user);
          REQUIRE(w.rooms.request_count() == 0);
          REQUIRE(w.rooms.private_count() + w.rooms.group_count() == 0);
          ++stories;
        }
      }
    }
  }
  CHECK(stories == 4 * kThings * kThings * kThings);
}

}  // namespace
