// Requests and rooms: who is told what, in every state of two users, of every event.
#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <iterator>
#include <string_view>

#include "tests/unit/support/rooms_world.hpp"

namespace {

using namespace test;
using World = RoomsWorld;

struct State {
  const char* name;
  std::function<void(World&)> make;
};
// What there is between a, whose event it is, and b.
const State kStates[] = {
    {"nothing", [](World&) {}},
    {"a asked b", [](World& w) { w.rooms.ask(w.now, kA, kB); }},
    {"b asked a", [](World& w) { w.rooms.ask(w.now, kB, kA); }},
    {"crossing",
     [](World& w) {
       w.rooms.ask(w.now, kA, kB);
       w.rooms.ask(w.now, kB, kA);
     }},
    {"together", [](World& w) { w.together(kA, kB); }},
    {"a with c", [](World& w) { w.together(kA, kC); }},
    {"b with c, after he asked a",
     [](World& w) {
       w.rooms.ask(w.now, kB, kA);
       w.together(kB, kC);
     }},
    {"b invited a", [](World& w) { w.rooms.make_group(w.now, kB, {kA}); }},
    {"a invited b", [](World& w) { w.rooms.make_group(w.now, kA, {kB}); }},
    {"group of both", [](World& w) { w.group(kB, kA); }},
    {"b in a group with c", [](World& w) { w.group(kC, kB); }},
};

struct Event {
  const char* name;
  std::function<void(World&)> happen;
};
const Event kEvents[] = {
    {"ask", [](World& w) { w.rooms.ask(w.now, kA, kB); }},
    {"accept", [](World& w) { w.rooms.accept(kA, kB); }},
    {"reject", [](World& w) { w.rooms.reject(kA, kB); }},
    {"make group", [](World& w) { w.rooms.make_group(w.now, kA, {kB}); }},
    {"accept group", [](World& w) { w.rooms.accept_group(kA, 1); }},
    {"reject group", [](World& w) { w.rooms.reject_group(kA, 1); }},
    {"leave room", [](World& w) { w.rooms.leave_room(kA); }},
    {"a is gone", [](World& w) { w.rooms.remove(kA); }},
    {"b is gone", [](World& w) { w.rooms.remove(kB); }},
    {"60 s", [](World& w) { w.rooms.handle_timeout(w.now + 60s); }},
};

struct Row {
  const char* state;
  const char* event;
  const char* told;
};
const Row kTransitions[] = {
    {"nothing", "ask", "b asked(a)"},
    {"nothing", "accept", "a no request(b)"},
    {"nothing", "reject", "a no request(b)"},
    {"nothing", "make group", "a group made(- 1), b invited(a 1)"},
    {"nothing", "accept group", "a no group(- 1)"},
    {"nothing", "reject group", "a no group(- 1)"},
    {"nothing", "leave room", ""},
    {"nothing", "a is gone", ""},
    {"nothing", "b is gone", ""},
    {"nothing", "60 s", ""},
    {"a asked b", "ask", "a already asked(b)"},
    {"a asked b", "accept", "a no request(b)"},
    {"a asked b", "reject", "a no request(b)"},
    {"a asked b", "make group", "a group made(- 1), b invited(a 1)"},
    {"a asked b", "accept group", "a no group(- 1)"},
    {"a asked b", "reject group", "a no group(- 1)"},
    {"a asked b", "leave room", ""},
    {"a asked b", "a is gone", ""},
    {"a asked b", "b is gone", "a unanswered(b)"},
    {"a asked b", "60 s", "a unanswered(b)"},
    {"b asked a", "ask", "b asked(a)"},
    {"b asked a", "accept", "b accepted(a), a entered(b)"},
    {"b asked a", "reject", "a you rejected(b), b rejected(a)"},
    {"b asked a", "make group", "a group made(- 1), b invited(a 1)"},
    {"b asked a", "accept group", "a no group(- 1)"},
    {"b asked a", "reject group", "a no group(- 1)"},
    {"b asked a", "leave room", ""},
    {"b asked a", "a is gone", "b unanswered(a)"},
    {"b asked a", "b is gone", ""},
    {"b asked a", "60 s", "b unanswered(a)"},
    {"crossing", "ask", "a already asked(b)"},
    {"crossing", "accept", "b accepted(a), a entered(b)"},
    {"crossing", "reject", "a you rejected(b), b rejected(a)"},
    {"crossing", "make group", "a group made(- 1), b invited(a 1)"},
    {"crossing", "accept group", "a no group(- 1)"},
    {"crossing", "reject group", "a no group(- 1)"},
    {"crossing", "leave room", ""},
    {"crossing", "a is gone", "b unanswered(a)"},
    {"crossing", "b is gone", "a unanswered(b)"},
    {"crossing", "60 s", "a unanswered(b), b unanswered(a)"},
    {"together", "ask", ""},
    {"together", "accept", ""},
    {"together", "reject", ""},
    {"together", "make group", ""},
    {"together", "accept group", ""},
    {"together", "reject group", ""},
    {"together", "leave room", "a you left(b), b closed(a)"},
    {"together", "a is gone", "b closed(a)"},
    {"together", "b is gone", "a closed(b)"},
    {"together", "60 s", ""},
    {"a with c", "ask", ""},
    {"a with c", "accept", ""},
    {"a with c", "reject", ""},
    {"a with c", "make group", ""},
    {"a with c", "accept group", ""},
    {"a with c", "reject group", ""},
    {"a with c", "leave room", "a you left(c), c closed(a)"},
    {"a with c", "a is gone", "c closed(a)"},
    {"a with c", "b is gone", ""},
    {"a with c", "60 s", ""},
    {"b with c, after he asked a", "ask", "a busy(b)"},
    {"b with c, after he asked a", "accept", "a busy(b)"},
    {"b with c, after he asked a", "reject", "a you rejected(b), b rejected(a)"},
    {"b with c, after he asked a", "make group", "a group made(- 1), a guest busy(b 1)"},
    {"b with c, after he asked a", "accept group", "a no group(- 1)"},
    {"b with c, after he asked a", "reject group", "a no group(- 1)"},
    {"b with c, after he asked a", "leave room", ""},
    {"b with c, after he asked a", "a is gone", "b unanswered(a)"},
    {"b with c, after he asked a", "b is gone", "c closed(b)"},
    {"b with c, after he asked a", "60 s", "b unanswered(a)"},
    {"b invited a", "ask", "a busy(b)"},
    {"b invited a", "accept", "a no request(b)"},
    {"b invited a", "reject", "a no request(b)"},
    {"b invited a", "make group", "a group made(- 2), a guest busy(b 2)"},
    {"b invited a", "accept group", "b joined(a 1), a joined(a 1)"},
    {"b invited a", "reject group", "a you rejected group(- 1), b rejected group(a 1)"},
    {"b invited a", "leave room", ""},
    {"b invited a", "a is gone", "b unanswered group(a 1)"},
    {"b invited a", "b is gone", ""},
    {"b invited a", "60 s", "b unanswered group(a 1)"},
    {"a invited b", "ask", ""},
    {"a invited b", "accept", ""},
    {"a invited b", "reject", ""},
    {"a invited b", "make group", ""},
    {"a invited b", "accept group", ""},
    {"a invited b", "reject group", ""},
    {"a invited b", "leave room", "a you left group(- 1)"},
    {"a invited b", "a is gone", ""},
    {"a invited b", "b is gone", "a unanswered group(b 1)"},
    {"a invited b", "60 s", "a unanswered group(b 1)"},
    {"group of both", "ask", ""},
    {"group of both", "accept", ""},
    {"group of both", "reject", ""},
    {"group of both", "make group", ""},
    {"group of both", "accept group", ""},
    {"group of both", "reject group", ""},
    {"group of both", "leave room", "a you left group(- 1), b left group(a 1)"},
    {"group of both", "a is gone", "b left group(a 1)"},
    {"group of both", "b is gone", "a left group(b 1)"},
    {"group of both", "60 s", ""},
    {"b in a group with c", "ask", "a busy(b)"},
    {"b in a group with c", "accept", "a no request(b)"},
    {"b in a group with c", "reject", "a no request(b)"},
    {"b in a group with c", "make group", "a group made(- 2), a guest busy(b 2)"},
    {"b in a group with c", "accept group", "a no group(- 1)"},
    {"b in a group with c", "reject group", "a no group(- 1)"},
    {"b in a group with c", "leave room", ""},
    {"b in a group with c", "a is gone", ""},
    {"b in a group with c", "b is gone", "c left group(b 1)"},
    {"b in a group with c", "60 s", ""},
};

TEST_CASE("every state with every event") {
  std::size_t row = 0;
  for (const State& state : kStates) {
    for (const Event& event : kEvents) {
      CAPTURE(state.name);
      CAPTURE(event.name);
      REQUIRE(row < std::size(kTransitions));
      REQUIRE(kTransitions[row].state == std::string_view(state.name));
      REQUIRE(kTransitions[row].event == std::string_view(event.name));
      World world;
      state.make(world);
      told(world.rooms);
      event.happen(world);
      CHECK(told(world.rooms) == kTransitions[row].told);
      ++row;
    }
  }
  CHECK(row == std::size(kTransitions));
}

}  // namespace
