// Leases: how long a record lives that its owner refreshes, or that an old program left behind.
#include <doctest/doctest.h>

#include <set>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using test::DirectoryWorld;
using test::From;
using test::kAli;

constexpr From kOurPeer{"127.0.0.1", 't'};

TEST_CASE("a record lives until, but not at, the end of its lease") {
  struct Row {
    std::string_view name;
    From from;
    common::Duration lease;
  };
  const Row rows[] = {
      {"of our peer: 200 seconds", kOurPeer, 200s},
      {"of an old program: 24 hours", {}, 24h},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    REQUIRE(world.register_user(kAli, row.from) == "written");
    world.run(row.lease - 1ns);
    CHECK(world.list() == kAli);
    world.run(1ns);
    CHECK(world.list() == "");
    CHECK(world.events() == "registered ali, expired ali");
  }
}

TEST_CASE("both leases are set by the rules") {
  DirectoryWorld world({.lease = 3s, .classic_lease = 5s});
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  REQUIRE(world.register_user("veli@127.0.0.1:50002") == "written");
  world.run(3s);
  CHECK(world.list() == "veli@127.0.0.1:50002");
  world.run(2s);
  CHECK(world.list() == "");
}

TEST_CASE("a refresh gives the full lease again, as often as it comes") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  for (int minute = 0; minute < 60; ++minute) {
    world.run(60s);
    REQUIRE(world.ask_update(kAli, kOurPeer) == "accepted");
  }
  CHECK(world.directory.version() == 1);  // an hour of refreshes, and one write
  world.run(200s - 1ns);
  CHECK(world.list() == kAli);
  world.run(1ns);
  CHECK(world.list() == "");
}

TEST_CASE("a lease refreshed at its last moment goes on") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.run(200s - 1ns);
  REQUIRE(world.ask_update(kAli, kOurPeer) == "accepted");
  world.run(100s);
  CHECK(world.list() == kAli);
}

TEST_CASE("the lease begins when the change is on disk") {
  DirectoryWorld world;
  REQUIRE(world.ask_register(kAli, kOurPeer) == "pending");
  world.pass(30s);
  world.commit_all();
  world.run(200s - 1ns);
  CHECK(world.list() == kAli);
  world.run(1ns);
  CHECK(world.list() == "");
}

TEST_CASE("a move gives the full lease of what the record has become") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");  // 24 hours
  world.run(23h);
  REQUIRE(world.update_user(kAli, kOurPeer) == "written");  // now refreshed by our peer: 200 s
  world.run(200s - 1ns);
  CHECK(world.list() == kAli);
  world.run(1ns);
  CHECK(world.list() == "");
}

TEST_CASE("a record whose token went keeps the long lease") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.run(100s);
  REQUIRE(world.update_user(kAli) == "written");
  world.run(24h - 1ns);
  CHECK(world.list() == kAli);
  world.run(1ns);
  CHECK(world.list() == "");
}

TEST_CASE("after a restart each record has its full lease from then") {
  DirectoryWorld before;
  REQUIRE(before.register_user(kAli, kOurPeer) == "written");
  REQUIRE(before.register_user("veli@127.0.0.1:50002") == "written");
  before.run(199s);
  DirectoryWorld after;
  after.now = test::at(77h);  // another boot: another time line
  after.directory.load(after.now, before.directory.snapshot(), before.directory.version());
  after.store_version = before.directory.version();
  after.run(200s - 1ns);
  CHECK(after.list() == "ali@127.0.0.1:50001 veli@127.0.0.1:50002");
  after.run(1ns);
  CHECK(after.list() == "veli@127.0.0.1:50002");
  after.run(24h - 200s);
  CHECK(after.list() == "");
}

TEST_CASE("an expiry is a change like any other: durable first, then gone") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  const auto id = world.find("ali")->id;
  world.pass(200s);
  world.directory.handle_timeout(world.now);
  CHECK(world.list() == kAli);
  CHECK(world.directory.is_busy("ali"));
  const auto ids = world.take_changes();
  REQUIRE(ids.size() == 1);
  CHECK(world.last_change->kind == registry::Change::Kind::kErase);
  CHECK(world.last_change->record.id == id);
  CHECK(world.ask_register(kAli) == "waiting");
  world.commit(ids);
  CHECK(world.list() == "");
  CHECK(world.directory.version() == 2);
  CHECK(world.directory.poll_settled() == "ali");  // of the registration
  CHECK(world.directory.poll_settled() == "ali");  // of the expiry: whoever waits may ask again
  CHECK(world.register_user(kAli) == "written");
}

TEST_CASE("a timeout called early or twice changes nothing") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.directory.handle_timeout(world.now);
  CHECK(world.take_changes().empty());
  world.pass(200s);
  world.directory.handle_timeout(world.now);
  world.directory.handle_timeout(world.now);
  CHECK(world.take_changes().size() == 1);
}

TEST_CASE("an expiry that the disk did not take is tried again, a second later") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.pass(200s);
  world.directory.handle_timeout(world.now);
  world.fail_all();
  CHECK(world.list() == kAli);
  CHECK(world.directory.next_timeout() == world.now + 1s);
  world.run(1s);
  CHECK(world.list() == "");
  CHECK(world.events() == "registered ali, expired ali");
}

TEST_CASE("while the store is down nothing expires, and everything does when it is back") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.directory.set_store_up(false);
  world.run(300s);
  CHECK(world.list() == kAli);
  world.directory.set_store_up(true);
  world.run(1s);
  CHECK(world.list() == "");
}

TEST_CASE("a record that is being moved when its lease ends is not expired under way") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.pass(199s);
  REQUIRE(world.ask_update("ali@127.0.0.1:50002", kOurPeer) == "pending");
  const auto ids = world.take_changes();
  world.pass(5s);
  world.directory.handle_timeout(world.now);
  CHECK(world.take_changes().empty());
  world.commit(ids);
  world.run(200s - 1ns);
  CHECK(world.list() == "ali@127.0.0.1:50002");
  world.run(1ns);
  CHECK(world.list() == "");
}

TEST_CASE("many leases that end together all end, without one call doing it all") {
  DirectoryWorld world;
  constexpr int kUsers = 2500;
  for (int i = 0; i < kUsers; ++i)
    REQUIRE(world.register_user("u" + std::to_string(i) + "@127.0.0.1:50001", kOurPeer) ==
            "written");
  world.pass(200s);
  world.directory.handle_timeout(world.now);
  const std::size_t first = world.commit_all();
  CHECK(first > 0);
  CHECK(first < kUsers);
  CHECK(world.directory.next_timeout() <= world.now);
  world.run(0s);
  CHECK(world.list() == "");
}

TEST_CASE("no timer runs while nobody is listed") {
  DirectoryWorld world;
  CHECK_FALSE(world.directory.next_timeout().has_value());
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  CHECK(world.directory.next_timeout() == world.now + 200s);
  world.run(24h);
  CHECK_FALSE(world.directory.next_timeout().has_value());
}

/// How many times the directory wakes up from now on, with nobody asking anything.
int count_wakeups(DirectoryWorld& world) {
  int count = 0;
  while (const auto due = world.directory.next_timeout()) {
    world.now = std::max(world.now, *due);
    world.directory.handle_timeout(world.now);
    world.commit_all();
    ++count;
  }
  return count;
}

TEST_CASE("names that come and go leave no growing queue of timers behind") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");
  for (int i = 0; i < 20'000; ++i) {
    world.pass(1ms);  // so that each leaves a wake-up of its own
    REQUIRE(world.register_user("veli@127.0.0.1:50002", kOurPeer) == "written");
    REQUIRE(world.logout_user("veli@127.0.0.1:50002") == "written");
  }
  CHECK(count_wakeups(world) <= 2 * 1 + 1024 + 2);
  CHECK(world.list() == "");
}

TEST_CASE("a name that is moved all the time leaves no growing queue of timers behind") {
  DirectoryWorld world;
  for (int i = 0; i < 20'000; ++i) {
    world.pass(1ms);
    REQUIRE(world.update_user("ali@127.0.0.1:" + std::to_string(1024 + i), kOurPeer) == "written");
  }
  CHECK(count_wakeups(world) <= 2 * 1 + 1024 + 2);
  CHECK(world.list() == "");
}

TEST_CASE("an expiry after a move finds the moved record, not the old one's timer") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, kOurPeer) == "written");
  world.run(150s);
  REQUIRE(world.update_user("ali@127.0.0.1:50002", kOurPeer) == "written");
  world.run(100s);  // the first timer fell due in between
  CHECK(world.list() == "ali@127.0.0.1:50002");
  world.run(100s);
  CHECK(world.list() == "");
}

}  // namespace
