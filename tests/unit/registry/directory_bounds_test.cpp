// Bounds on what strangers can make grow.
#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using registry::Directory;
using registry::UserTable;
using test::DirectoryWorld;

std::string numbered(std::size_t number, const char* address = "10.0.0.5") {
  return "u" + std::to_string(number) + '@' + address + ":50001";
}

TEST_CASE("one address may claim so many names and no more, until it gives one up") {
  DirectoryWorld world;
  for (std::size_t i = 0; i < Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i), {"10.0.0.5"}) == "written");
  CHECK(world.ask_register("more@10.0.0.5:50001", {"10.0.0.5"}) == "full");
  CHECK(world.ask_update("more@10.0.0.5:50001", {"10.0.0.5"}) == "full");
  // What it has it may still move, and others are not its business.
  CHECK(world.update_user("u0@10.0.0.5:50002", {"10.0.0.5"}) == "written");
  CHECK(world.register_user("other@10.0.0.6:50001", {"10.0.0.6"}) == "written");
  REQUIRE(world.logout_user(numbered(1), {"10.0.0.5"}) == "written");
  CHECK(world.register_user("more@10.0.0.5:50001", {"10.0.0.5"}) == "written");
  CHECK(world.ask_register("evenmore@10.0.0.5:50001", {"10.0.0.5"}) == "full");
}

TEST_CASE("loopback has no such bound: everybody there is on this machine") {
  DirectoryWorld world;
  for (std::size_t i = 0; i <= Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i, "127.0.0.1")) == "written");
}

TEST_CASE("claims on their way to the disk count for an address's bound too") {
  DirectoryWorld world;
  for (std::size_t i = 0; i + 1 < Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i), {"10.0.0.5"}) == "written");
  CHECK(world.ask_register("last@10.0.0.5:50001", {"10.0.0.5"}) == "pending");
  CHECK(world.ask_register("toomany@10.0.0.5:50001", {"10.0.0.5"}) == "full");
  world.commit_all();
  CHECK(world.directory.size() <= Directory::kUsersPerSourceMax);
}

TEST_CASE("claims that failed no longer count, and moves under way never did") {
  DirectoryWorld world;
  for (std::size_t i = 0; i + 1 < Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i), {"10.0.0.5"}) == "written");
  REQUIRE(world.ask_register("last@10.0.0.5:50001", {"10.0.0.5"}) == "pending");
  world.fail_all();
  REQUIRE(world.ask_update("u0@10.0.0.5:50009", {"10.0.0.5"}) == "pending");
  CHECK(world.ask_register("last@10.0.0.5:50001", {"10.0.0.5"}) == "pending");
  world.commit_all();
  CHECK(world.ask_register("more@10.0.0.5:50001", {"10.0.0.5"}) == "full");
}

TEST_CASE("names that expired no longer count for their address") {
  DirectoryWorld world;
  for (std::size_t i = 0; i < Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i), {"10.0.0.5"}) == "written");
  world.run(24h);
  CHECK(world.directory.size() == 0);
  CHECK(world.register_user("more@10.0.0.5:50001", {"10.0.0.5"}) == "written");
}

TEST_CASE("a name that moves to another address counts there, and no longer here") {
  DirectoryWorld world;
  for (std::size_t i = 0; i < Directory::kUsersPerSourceMax; ++i)
    REQUIRE(world.register_user(numbered(i), {"10.0.0.5", 't'}) == "written");
  REQUIRE(world.update_user("u0@10.0.0.6:50001", {"10.0.0.6", 't'}) == "written");
  CHECK(world.register_user("more@10.0.0.5:50001", {"10.0.0.5"}) == "written");
}

TEST_CASE("removals are remembered up to a bound, and older questions get the whole list") {
  DirectoryWorld world;
  REQUIRE(world.register_user("stays@127.0.0.1:50001") == "written");
  const auto first = world.directory.version();
  // Each round is two versions; the removal is the second.
  for (std::size_t i = 0; i < UserTable::kRemovalsMax; ++i) {
    REQUIRE(world.register_user("x" + std::to_string(i) + "@127.0.0.1:50002") == "written");
    REQUIRE(world.logout_user("x" + std::to_string(i) + "@127.0.0.1:50002") == "written");
    while (world.directory.poll_event()) {
    }
    while (world.directory.poll_settled()) {
    }
  }
  REQUIRE(world.directory.changes_since(first).has_value());
  CHECK(world.directory.changes_since(first)->removed.size() == UserTable::kRemovalsMax);

  REQUIRE(world.register_user("onemore@127.0.0.1:50002") == "written");
  REQUIRE(world.logout_user("onemore@127.0.0.1:50002") == "written");
  CHECK_FALSE(world.directory.changes_since(first).has_value());
  // The forgotten removal was version first + 2: whoever knows it has been told.
  CHECK_FALSE(world.directory.changes_since(first + 1).has_value());
  REQUIRE(world.directory.changes_since(first + 2).has_value());
  CHECK(world.directory.changes_since(first + 2)->removed.size() == UserTable::kRemovalsMax);
}

}  // namespace
