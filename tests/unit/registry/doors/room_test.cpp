// The room door by itself: what its users are told, and what becomes of those who break off, flood
// it or do not read.
#include "registry/doors/room.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using namespace test;
using registry::doors::kRoomPrompt;
using registry::doors::kRoomWelcome;

const std::string kPrompt(kRoomPrompt);
const std::string kWelcome(kRoomWelcome);

TEST_CASE("a newcomer is asked for his name, and what he says goes to all others") {
  DoorWorld world;
  const auto alice = world.come();
  CHECK(world.said(alice) == kPrompt);
  world.send(alice, "alice\n");
  CHECK(world.said(alice) == kWelcome);
  const auto bob = world.enter("bob");
  const auto carol = world.enter("carla");
  world.send(alice, "hi\n");
  CHECK(world.said(alice).empty());
  CHECK(world.said(bob) == "<alice> hi\n");
  CHECK(world.said(carol) == "<alice> hi\n");
  world.send(bob, "hi yourself\r\n");
  CHECK(world.said(alice) == "<bob> hi yourself\r\n");
  world.send(carol, "\n");
  CHECK(world.said(alice) == "<carla> \n");
  const auto* record = world.node().directory().find(name("alice"));
  REQUIRE(record != nullptr);
  CHECK(record->user.door == common::Door::kRoom);
  CHECK(record->user.is_relayed);
  CHECK(record->user.since.unix_ms == 1'000'000 + 3'600'000);  // the world begins at one hour
}

TEST_CASE("what comes split at any byte, or all at once, is the same conversation") {
  const std::string input = "a b\nalice  \none\r\n\ntwo \xff\nGöktuğ\n";
  const std::string expected =
      "<alice> one\r\n<alice> \n<alice> two \\xff\n<alice> Göktuğ\n<alice> half\n";
  for (std::size_t split = 0; split <= input.size(); ++split) {
    CAPTURE(split);
    DoorWorld world;
    const auto bob = world.enter("bob");
    const auto alice = world.come();
    world.send(alice, input.substr(0, split));
    if (split < input.size()) world.send(alice, input.substr(split));
    world.send(alice, "half");
    CHECK(world.said(alice) == kPrompt + kPrompt + kWelcome);
    std::string heard = world.said(bob);
    CHECK(heard.ends_with("<alice> Göktuğ\n"));
    world.end(alice);  // the end of what he says is the end of his line
    heard += world.said(bob);
    CHECK(heard == expected);
    CHECK(world.is_closed(alice));
    CHECK(world.node().directory().find(name("alice")) == nullptr);
  }
}

TEST_CASE("a name that is no name, or in use, is asked for again") {
  DoorWorld world;
  world.node().directory().load(world.now(), {}, 1, {test::bound_name(1, "ida")});
  world.enter("bob");
  world.listen("lara@127.0.0.1:50010");
  world.log_in("erin", "pw3");
  const auto newcomer = world.come();
  world.said(newcomer);
  const char* const refused[] = {"",      " ",      "a b",  "BOB", "bob ",     "lara",  "erin",
                                 "carol",  // an account, and nobody is logged in
                                 "ida",    // bound to a key
                                 "room",  "server", "\xff", "a@b", "x\x1b[2J", "/quit", "-a"};
  for (const char* name : refused) {
    CAPTURE(name);
    world.send(newcomer, std::string(name) + '\n');
    CHECK(world.said(newcomer) == kPrompt);
  }
  world.send(newcomer, std::string(300, 'x') + "\n");
  CHECK(world.said(newcomer) == kPrompt);
  world.send(newcomer, std::string(256, 'x') + "zoe\n");  // no end of it is a name
  CHECK(world.said(newcomer) == kPrompt);
  world.send(newcomer, std::string("Go\xcc\x88khan\t \n"));  // as some keyboards type it
  CHECK(world.said(newcomer) == kWelcome);
  CHECK(world.node().directory().find(name("Gökhan")) != nullptr);
  const auto& counters = world.room().counters();
  CHECK(counters.refused_names.at("in_use") == 3);
  CHECK(counters.refused_names.at("account") == 2);
  CHECK(counters.refused_names.at("bound") == 1);
  CHECK(counters.refused_names.at("malformed") == 12);
  CHECK(counters.joins == 2);
}

TEST_CASE("who tries names without end is closed") {
  DoorWorld world;
  const auto guesser = world.come();
  for (int i = 0; i < 99; ++i) world.send(guesser, "a b\n");
  CHECK(!world.is_closed(guesser));
  world.send(guesser, "a b\nalice\nhi\n");
  CHECK(world.is_closed(guesser));
  CHECK(world.room().counters().closed.at("names_refused") == 1);
  CHECK(world.room().client_count() == 0);
  const auto flood = world.come();
  world.send(flood, std::string(16'384, '\n'));
  CHECK(world.is_closed(flood));
  CHECK(world.said(flood).size() == 101 * kPrompt.size());
}

TEST_CASE("a silent newcomer blocks nobody, hears nothing and is dropped at last") {
  DoorWorld world;
  const auto silent = world.come();
  CHECK(world.said(silent) == kPrompt);
  const auto alice = world.enter("alice");
  const auto bob = world.enter("bob");
  world.send(alice, "hi\n");
  CHECK(world.said(bob) == "<alice> hi\n");
  CHECK(world.said(silent).empty());
  CHECK(world.room().nameless_count() == 1);
  world.pass(1h - 1ns);
  CHECK(!world.is_closed(silent));
  world.pass(1ns);
  CHECK(world.is_closed(silent));
  CHECK(world.room().counters().closed.at("nameless") == 1);
  world.pass(1000h);
  CHECK(!world.is_closed(alice));  // who reads for weeks is still there
}

TEST_CASE("nothing that a user writes looks like another's line") {
  struct Row {
    const char* name;
    std::string bytes;
    std::string shown;
  };
  const Row rows[] = {
      {"an embedded line", "hi\n<bob> I am bob\n", "<alice> hi\n<alice> <bob> I am bob\n"},
      {"a carriage return", "hi\r<bob> I am bob\n", "<alice> hi\\x0d<bob> I am bob\n"},
      {"two carriage returns", "hi\r\r\n", "<alice> hi\\x0d\r\n"},
      {"an escape sequence", "\x1b[2K\x1b[1G<bob> hi\n", "<alice> \\x1b[2K\\x1b[1G<bob> hi\n"},
      {"C1",
       "\xc2\x9b"
       "2K\n",
       "<alice> <U+009B>2K\n"},
      {"NEL", "a\xc2\x85<bob> b\n", "<alice> a<U+0085><bob> b\n"},
      {"NUL", std::string("a\0b\n", 4), "<alice> a\\x00b\n"},
      {"backspaces", "\b\b\b\b<bob> b\n", "<alice> \\x08\\x08\\x08\\x08<bob> b\n"},
      {"vertical tab and form feed", "a\v\fb\n", "<alice> a\\x0b\\x0cb\n"},
      {"no UTF-8", "G\xf6ktu\xf0\n", "<alice> G\\xf6ktu\\xf0\n"},
      {"a cut character", "a\xc3\n", "<alice> a\\xc3\n"},
      {"a tab is nothing bad", "a\tb\n", "<alice> a\tb\n"},
      {"what cannot be in a name", "x> y\n", "<alice> x> y\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DoorWorld world;
    const auto alice = world.enter("alice");
    const auto reader = world.enter("reader");
    world.send(alice, row.bytes);
    CHECK(world.said(reader) == row.shown);
  }
}

TEST_CASE("a line too long to be said at once is said in parts, each with its sender") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto reader = world.enter("reader");
  const std::size_t most = registry::doors::room_text_max("alice");
  CHECK(most == 2034);
  world.send(alice, std::string(most, 'a') + "<bob> forged\n");
  CHECK(world.said(reader) == "<alice> " + std::string(most, 'a') + "\n<alice> <bob> forged\n");
  CHECK(world.room().counters().lines == 2);
  CHECK(world.room().counters().parts == 1);
  SUBCASE("a line without end is bounded") {
    for (int i = 0; i < 100; ++i) world.send(alice, std::string(16'384, 'b'));
    const std::string heard = world.said(reader);
    CHECK(heard.size() > 1'600'000);
    CHECK(heard.size() < 1'700'000);
    std::size_t longest = 0;
    for (std::size_t at = 0; at < heard.size();) {
      const auto end = heard.find('\n', at);
      longest = std::max(longest, end + 1 - at);
      REQUIRE(heard.substr(at, 8) == "<alice> ");
      at = end + 1;
    }
    CHECK(longest <= 2048);
  }
  SUBCASE("what is made visible does not grow beyond a line") {
    world.send(alice, std::string(2000, '\x01') + "\n");
    const std::string heard = world.said(reader);
    CHECK(heard.size() < 2000 * 4 + 5 * 9);
    for (std::size_t at = 0; at < heard.size();) {
      const auto end = heard.find('\n', at);
      CHECK(end + 1 - at <= 2048);
      CHECK(heard.substr(at, 9) == "<alice> \\");
      at = end + 1;
    }
  }
}

TEST_CASE("a name is free again when its user is gone") {
  DoorWorld world;
  const auto first = world.enter("alice");
  SUBCASE("he ends his side") { world.end(first); }
  SUBCASE("his connection breaks") { world.cut(first); }
  const auto second = world.enter("alice");
  CHECK(second != first);
  CHECK(world.room().client_count() == 1);
}

TEST_CASE("what was said before a client ended is said, and then he is closed") {
  DoorWorld world;
  const auto reader = world.enter("reader");
  const auto slow = world.enter("slow");
  world.fall_behind(slow);  // nobody's turn comes
  const auto alice = world.come();
  world.send(alice, "alice\none\ntwo\n");
  world.end(alice);
  CHECK(world.said(reader).empty());
  CHECK(!world.is_closed(alice));
  world.fall_behind(slow, false);
  CHECK(world.said(reader) == "<alice> one\n<alice> two\n");
  CHECK(world.is_closed(alice));
}

TEST_CASE("others wait for a reader who is behind, but not long, and not for ever") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto bob = world.enter("bob");
  const auto slow = world.enter("slow");
  world.fall_behind(slow);
  world.send(alice, "one\n");
  CHECK(world.said(bob).empty());
  SUBCASE("he catches up") {
    world.pass(1s);
    world.fall_behind(slow, false);
    CHECK(world.said(bob) == "<alice> one\n");
    CHECK(world.said(slow) == "<alice> one\n");
    world.pass(10s);
    CHECK(!world.is_closed(slow));
    // Another time he has all the time again.
    world.fall_behind(slow);
    world.pass(2s - 1ns);
    CHECK(!world.is_closed(slow));
  }
  SUBCASE("he does not") {
    world.pass(2s - 1ns);
    CHECK(world.said(bob).empty());
    world.pass(1ns);
    CHECK(world.is_closed(slow));
    CHECK(world.said(bob) == "<alice> one\n");
    CHECK(world.room().counters().closed.at("slow_reader") == 1);
    CHECK(world.node().directory().find(name("slow")) == nullptr);
  }
  SUBCASE("he breaks off") {
    world.cut(slow);
    CHECK(world.said(bob) == "<alice> one\n");
  }
  SUBCASE("meanwhile newcomers come in, and input is bounded") {
    const auto zoe = world.enter("zoe");
    const std::string flood(4096, '\n');
    for (int i = 0; i < 3 && world.takes_more(zoe); ++i) world.send(zoe, flood);
    CHECK(!world.takes_more(zoe));
    world.pass(2s);
    CHECK(world.takes_more(zoe));
    CHECK(world.said(bob).size() > flood.size());
  }
}

TEST_CASE("nobody waits for a newcomer who does not read") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto bob = world.enter("bob");
  world.fall_behind(world.come());
  world.send(alice, "hi\n");
  CHECK(world.said(bob) == "<alice> hi\n");
}

TEST_CASE("those who have much to say take turns, and what waits to leave is bounded") {
  DoorWorld world;
  std::vector<DoorWorld::StreamId> users;
  constexpr std::size_t kUsers = 100;
  for (std::size_t i = 0; i < kUsers; ++i) users.push_back(world.enter("u" + std::to_string(i)));
  std::string much;
  for (int i = 0; i < 1000; ++i) much += "x\n";
  world.room().handle_bytes(world.now(), users[0], much);
  world.room().handle_bytes(world.now(), users[1], much);
  world.room().handle_bytes(world.now(), users[2], "last\n");
  world.node().run_hub(world.now());
  std::size_t writes = 0;
  std::vector<std::string> heard;
  while (const auto action = world.room().poll_action()) {
    const auto* write = std::get_if<registry::doors::Write>(&*action);
    REQUIRE(write != nullptr);
    ++writes;
    if (write->stream == users[3]) heard.push_back(*write->bytes);
  }
  CHECK(writes <= registry::doors::kRoomWritesAtOnce + kUsers);
  // u2's only line does not wait for a thousand of the others'.
  REQUIRE(heard.size() > 3);
  CHECK(std::find(heard.begin(), heard.begin() + 4, "<u2> last\n") != heard.begin() + 4);
  CHECK(world.room().next_timeout() == world.now());
  world.pass(0s);
  const std::string later = world.said(users[3]);
  CHECK(heard.size() + static_cast<std::size_t>(std::count(later.begin(), later.end(), '\n')) ==
        2001);
}

TEST_CASE("the door is bounded, an address is, and whoever has no name makes room") {
  DoorWorld world;
  std::vector<DoorWorld::StreamId> clients;
  for (std::size_t i = 0; i < registry::doors::kStreamsPerSourceMax; ++i)
    clients.push_back(world.come("192.168.0.7"));
  const auto one_more = world.come("192.168.0.7");
  CHECK(world.is_closed(one_more));
  CHECK(world.said(one_more).empty());
  CHECK(world.room().counters().refused.at("too_many_from_source") == 1);
  world.cut(clients[5]);
  CHECK(!world.is_closed(world.come("192.168.0.7")));

  while (world.room().client_count() < registry::doors::kStreamsMax) world.come();
  CHECK(!world.is_closed(clients[0]));
  world.send(clients[0], "alice\n");
  CHECK(!world.is_closed(world.come()));
  CHECK(world.is_closed(clients[1]));  // the longest there without a name
  CHECK(!world.is_closed(clients[0]));
  CHECK(world.room().counters().closed.at("made_room") == 1);
}

TEST_CASE("when the registry stops, everybody is closed") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto newcomer = world.come();
  world.node().shut_down_doors(world.now());
  world.settle();
  CHECK(world.is_closed(alice));
  CHECK(world.is_closed(newcomer));
  CHECK(world.room().client_count() == 0);
  CHECK(world.node().directory().size() == 0);
}

}  // namespace
