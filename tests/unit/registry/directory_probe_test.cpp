// The second exception to "a held name is refused": an old program that crashed and came back to
// the same machine, when a probe finds nobody at the address it left behind.
#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using test::DirectoryWorld;

constexpr const char* kHeld = "ali@127.0.0.1:50001";
constexpr const char* kWanted = "ali@127.0.0.1:50002";

struct HeldWorld : DirectoryWorld {
  HeldWorld() { REQUIRE(register_user(kHeld) == "written"); }
};

TEST_CASE("a record is probed from its 60th second on, not before") {
  struct Row {
    std::string_view name;
    common::Duration age;
    std::string_view expected;
  };
  const Row rows[] = {
      {"at once", 0s, "name taken"},     {"a moment before", 60s - 1ns, "name taken"},
      {"at 60 seconds", 60s, "waiting"}, {"a moment after", 60s + 1ns, "waiting"},
      {"an hour later", 1h, "waiting"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HeldWorld world;
    world.pass(row.age);
    CHECK(world.ask_register(kWanted) == row.expected);
    CHECK(world.directory.poll_probe().has_value() == (row.expected == "waiting"));
  }
}

TEST_CASE("the probe names the held endpoint and its transport, not the wanted one") {
  for (const auto transport : {common::Transport::kUdp, common::Transport::kTcp}) {
    DirectoryWorld world;
    world.transport = transport;
    REQUIRE(world.register_user(kHeld) == "written");
    world.pass(60s);
    world.transport = common::Transport::kUdp;
    REQUIRE(world.ask_register(kWanted) == "waiting");
    const auto probe = world.directory.poll_probe();
    REQUIRE(probe.has_value());
    CHECK(probe->key == "ali");
    CHECK(probe->endpoint == test::endpoint("127.0.0.1:50001"));
    CHECK(probe->transport == transport);
    CHECK_FALSE(world.directory.poll_probe().has_value());
  }
}

TEST_CASE("a request from another address draws no probe, however old the record is") {
  HeldWorld world;
  world.pass(1h);
  CHECK(world.ask_register("ali@127.0.0.2:50002", {"127.0.0.2"}) == "name taken");
  CHECK_FALSE(world.directory.poll_probe().has_value());
}

TEST_CASE("a holder who is gone gives his name to the one who asked") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  CHECK(world.directory.is_busy("ali"));
  world.directory.handle_probe_result(world.now, "ali", /*is_gone=*/true);
  CHECK(world.directory.poll_settled() == "ali");
  CHECK_FALSE(world.directory.is_busy("ali"));
  CHECK(world.list() == kHeld);  // until the one who waited asks again
  CHECK(world.register_user(kWanted) == "written");
  CHECK(world.list() == kWanted);
  CHECK(world.events() == "registered ali, reclaimed ali");
}

TEST_CASE("silence counts as alive: the name stays taken") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  REQUIRE(world.directory.poll_probe().has_value());
  world.directory.handle_probe_result(world.now, "ali", /*is_gone=*/false);
  CHECK(world.directory.poll_settled() == "ali");
  CHECK(world.ask_register(kWanted) == "name taken");
  CHECK_FALSE(world.directory.poll_probe().has_value());
}

TEST_CASE("a name is probed at most once a minute") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  REQUIRE(world.directory.poll_probe().has_value());
  world.directory.handle_probe_result(world.now, "ali", false);
  world.pass(60s - 1ns);
  CHECK(world.ask_register(kWanted) == "name taken");
  world.pass(1ns);
  CHECK(world.ask_register(kWanted) == "waiting");
  CHECK(world.directory.poll_probe().has_value());
}

TEST_CASE("while a probe runs, others from the holder's address wait for the same one") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  REQUIRE(world.directory.poll_probe().has_value());
  CHECK(world.ask_register("ali@127.0.0.1:50003") == "waiting");
  CHECK(world.ask_register("ali@127.0.0.2:50003", {"127.0.0.2"}) == "name taken");
  CHECK_FALSE(world.directory.poll_probe().has_value());
  world.directory.handle_probe_result(world.now, "ali", true);
  // The first takes it; the second then meets a young record.
  CHECK(world.register_user(kWanted) == "written");
  CHECK(world.ask_register("ali@127.0.0.1:50003") == "name taken");
}

TEST_CASE("a holder who refreshes while he is probed is there, whatever the probe says") {
  DirectoryWorld world;
  REQUIRE(world.register_user(kHeld) == "written");
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  CHECK(world.ask_update(kHeld) == "accepted");
  world.directory.handle_probe_result(world.now, "ali", true);
  CHECK(world.ask_register(kWanted) == "name taken");
  CHECK(world.list() == kHeld);
}

TEST_CASE("a record that was refreshed is young again") {
  HeldWorld world;
  world.pass(59s);
  REQUIRE(world.ask_update(kHeld) == "accepted");
  world.pass(59s);
  CHECK(world.ask_register(kWanted) == "name taken");
  world.pass(1s);
  CHECK(world.ask_register(kWanted) == "waiting");
}

TEST_CASE("a holder who logs out while he is probed leaves the name free") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  CHECK(world.logout_user(kHeld) == "written");
  world.directory.handle_probe_result(world.now, "ali", false);
  CHECK(world.register_user(kWanted) == "written");
  CHECK(world.events() == "registered ali, logged out ali, registered ali");
}

TEST_CASE("a probe's answer for a name that nobody has any more is harmless") {
  DirectoryWorld world;
  world.directory.handle_probe_result(world.now, "nobody-here", true);
  CHECK(world.directory.poll_settled() == "nobody-here");
  CHECK(world.list() == "");
}

TEST_CASE("a probe's answer counts for its own record, not for the next holder's") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  REQUIRE(world.update_user("ali@127.0.0.1:50009") == "written");
  world.directory.handle_probe_result(world.now, "ali", true);
  world.pass(60s);
  CHECK(world.ask_register(kWanted) == "waiting");  // asked anew, not taken for gone
  CHECK(world.list() == "ali@127.0.0.1:50009");
}

TEST_CASE("a name taken from one who is gone keeps its place in the list") {
  HeldWorld world;
  REQUIRE(world.register_user("veli@127.0.0.1:50005") == "written");
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  world.directory.handle_probe_result(world.now, "ali", true);
  REQUIRE(world.register_user(kWanted) == "written");
  CHECK(world.list() == "ali@127.0.0.1:50002 veli@127.0.0.1:50005");
}

TEST_CASE("a claim of a gone holder's name that the disk refused may be made again at once") {
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  world.directory.handle_probe_result(world.now, "ali", true);
  REQUIRE(world.ask_register(kWanted) == "pending");
  world.fail_all();
  CHECK(world.list() == kHeld);
  CHECK(world.register_user(kWanted) == "written");
}

TEST_CASE("a holder found gone long ago is probed again before his name is given away") {
  // The one who asked went away before he was told; much later another asks. Meanwhile somebody may
  // listen there again: an old program that restarts on its port says nothing to the registry.
  HeldWorld world;
  world.pass(60s);
  REQUIRE(world.ask_register(kWanted) == "waiting");
  REQUIRE(world.directory.poll_probe().has_value());
  world.directory.handle_probe_result(world.now, "ali", true);
  world.pass(5h);
  CHECK(world.ask_register(kWanted) == "waiting");
  CHECK(world.directory.poll_probe().has_value());
}

}  // namespace
