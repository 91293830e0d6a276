// Versions, the store's word on changes, and what ?since= is answered from.
#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using registry::Directory;
using test::DirectoryWorld;
using test::kAli;
using test::kVeli;

/// "5: ali veli -can", or "all" where the whole list is the answer.
std::string changes(const DirectoryWorld& world, registry::Version since) {
  const auto found = world.directory.changes_since(since);
  if (!found) return "all";
  std::string out = std::to_string(world.directory.version()) + ':';
  for (const auto* record : found->changed) out += ' ' + record->user.name.text();
  for (const auto& name : found->removed) out += " -" + name;
  return out;
}

TEST_CASE("each committed change has a version, one higher than the one before") {
  DirectoryWorld world;
  CHECK(world.directory.version() == 0);
  REQUIRE(world.register_user(kAli) == "written");
  CHECK(world.directory.version() == 1);
  REQUIRE(world.update_user("ali@127.0.0.1:50009") == "written");
  CHECK(world.directory.version() == 2);
  CHECK(world.find("ali")->version == 2);
  CHECK(world.find("ali")->order == 1);
  REQUIRE(world.logout_user("ali@127.0.0.1:50009") == "written");
  CHECK(world.directory.version() == 3);
}

TEST_CASE("a reader who knows a version is told what changed after it") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");                   // 1
  REQUIRE(world.register_user(kVeli) == "written");                  // 2
  REQUIRE(world.register_user("can@127.0.0.1:50003") == "written");  // 3
  REQUIRE(world.update_user("ali@127.0.0.1:50009") == "written");    // 4
  REQUIRE(world.logout_user(kVeli) == "written");                    // 5
  CHECK(changes(world, 0) == "5: can ali -veli");
  CHECK(changes(world, 1) == "5: can ali -veli");
  CHECK(changes(world, 2) == "5: can ali -veli");
  CHECK(changes(world, 3) == "5: ali -veli");
  CHECK(changes(world, 4) == "5: -veli");
  CHECK(changes(world, 5) == "5:");
}

TEST_CASE("a version that was never given gets the whole list") {
  DirectoryWorld world;
  CHECK(changes(world, 0) == "0:");
  CHECK(changes(world, 1) == "all");
  REQUIRE(world.register_user(kAli) == "written");
  CHECK(changes(world, 2) == "all");
  CHECK(changes(world, ~registry::Version{0}) == "all");
}

TEST_CASE("a name that left and came back is changed, not removed") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");
  REQUIRE(world.logout_user(kAli) == "written");
  REQUIRE(world.register_user("ali@127.0.0.1:50009") == "written");
  CHECK(changes(world, 1) == "3: ali");
  CHECK(changes(world, 2) == "3: ali");
}

TEST_CASE("a name that left twice is removed once") {
  DirectoryWorld world;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.register_user(kAli) == "written");
    REQUIRE(world.logout_user(kAli) == "written");
  }
  CHECK(changes(world, 0) == "4: -ali");
}

TEST_CASE("an expiry is a removal to those who ask for changes") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");
  world.run(24h);
  CHECK(changes(world, 1) == "2: -ali");
}

TEST_CASE("a refresh changes nothing for those who ask for changes") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");
  REQUIRE(world.update_user(kAli) == "accepted");
  CHECK(changes(world, 1) == "1:");
}

TEST_CASE("after a restart versions go on, and questions from before it get the whole list") {
  DirectoryWorld before;
  REQUIRE(before.register_user(kAli) == "written");
  REQUIRE(before.register_user(kVeli) == "written");
  REQUIRE(before.logout_user(kAli) == "written");
  DirectoryWorld world;
  world.directory.load(world.now, before.directory.snapshot(), before.directory.version());
  world.store_version = before.directory.version();
  CHECK(world.directory.version() == 3);
  CHECK(changes(world, 3) == "3:");
  CHECK(changes(world, 2) == "all");  // it cannot say any more that ali left
  REQUIRE(world.register_user("can@127.0.0.1:50003") == "written");
  CHECK(world.directory.version() == 4);
  CHECK(changes(world, 3) == "4: can");
  CHECK(world.list() == "veli@127.0.0.1:50002 can@127.0.0.1:50003");
}

TEST_CASE("a snapshot has every record as it is, in order of registration") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli, {"127.0.0.1", 't'}) == "written");
  REQUIRE(world.register_user(kVeli) == "written");
  REQUIRE(world.update_user("ali@127.0.0.1:50009", {"127.0.0.1", 't'}) == "written");
  const auto records = world.directory.snapshot();
  REQUIRE(records.size() == 2);
  CHECK(records[0].user.name.text() == "ali");
  CHECK(records[0].order == 1);
  CHECK(records[0].version == 3);
  CHECK(records[0].token.has_value());
  CHECK(records[1].user.name.text() == "veli");
  CHECK(records[1].order == 2);
}

TEST_CASE("changes that were asked for together are committed together, in that order") {
  DirectoryWorld world;
  REQUIRE(world.ask_register(kVeli) == "pending");
  REQUIRE(world.ask_register(kAli) == "pending");
  CHECK(world.list() == "");
  CHECK(world.commit_all() == 2);
  CHECK(world.list() == "veli@127.0.0.1:50002 ali@127.0.0.1:50001");
}

TEST_CASE("a change that did not reach the disk never enters the directory") {
  struct Row {
    std::string_view name;
    std::string_view verb;
  };
  for (const Row& row :
       {Row{"a claim", "claim"}, Row{"a move", "move"}, Row{"a removal", "remove"}}) {
    CAPTURE(row.name);
    DirectoryWorld world;
    const std::string_view verb = row.verb;
    if (verb != "claim") REQUIRE(world.register_user(kAli) == "written");
    const std::string before = world.list();
    const auto version = world.directory.version();
    world.events();
    while (world.directory.poll_settled()) {
    }
    const std::string outcome = verb == "claim"  ? world.ask_register(kAli)
                                : verb == "move" ? world.ask_update("ali@127.0.0.1:50009")
                                                 : world.ask_logout(kAli);
    REQUIRE(outcome == "pending");
    world.fail_all();
    CHECK(world.list() == before);
    CHECK(world.directory.version() == version);
    CHECK(changes(world, version) == std::to_string(version) + ":");
    CHECK(world.events() == "");
    CHECK_FALSE(world.directory.is_busy("ali"));
    CHECK(world.directory.poll_settled() == "ali");
    // And the name takes changes again.
    CHECK(world.update_user("ali@127.0.0.1:50007") == "written");
  }
}

TEST_CASE("while the store is down every write is refused, and everything else goes on") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kAli) == "written");
  world.directory.set_store_up(false);
  CHECK(world.ask_register(kVeli) == "store down");
  CHECK(world.ask_update("ali@127.0.0.1:50009") == "store down");
  CHECK(world.ask_logout(kAli) == "store down");
  CHECK(world.ask_update(kAli) == "accepted");      // nothing to write
  CHECK(world.ask_register(kAli) == "name taken");  // still the first reason
  CHECK(world.ask_logout(kVeli) == "not listed");
  CHECK_FALSE(world.directory.poll_change().has_value());
  CHECK(world.list() == kAli);
  world.directory.set_store_up(true);
  CHECK(world.register_user(kVeli) == "written");
}

TEST_CASE("a put tells the store everything, and leaves the order of a new claim to it") {
  DirectoryWorld world;
  REQUIRE(world.ask_register(kAli, {"127.0.0.1", 't'}) == "pending");
  world.commit_all();
  REQUIRE(world.last_change.has_value());
  CHECK(world.last_change->kind == registry::Change::Kind::kPut);
  CHECK(world.last_change->record.order == 0);
  CHECK(world.last_change->record.token.has_value());
  REQUIRE(world.update_user("ali@127.0.0.1:50009", {"127.0.0.1", 't'}) == "written");
  CHECK(world.last_change->record.order == 1);
}

}  // namespace
