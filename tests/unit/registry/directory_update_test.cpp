// UPDATE and LOGOUT: who may move a record, and who may remove it.
#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using test::DirectoryWorld;
using test::From;

TEST_CASE("UPDATE of a free name claims it") {
  DirectoryWorld world;
  CHECK(world.update_user("ali@127.0.0.1:50001") == "written");
  CHECK(world.list() == "ali@127.0.0.1:50001");
  CHECK(world.events() == "registered ali");
}

TEST_CASE("UPDATE replaces at once for the holder's source or his token, and is refused else") {
  struct Row {
    std::string_view name;
    From held_by;
    From from;
    std::string_view expected;
  };
  const Row rows[] = {
      {"same source, no token", {"10.0.0.5"}, {"10.0.0.5"}, "written"},
      {"same source, a token where there was none", {"10.0.0.5"}, {"10.0.0.5", 't'}, "written"},
      {"same source, without the token", {"10.0.0.5", 't'}, {"10.0.0.5"}, "written"},
      {"same source, another token", {"10.0.0.5", 't'}, {"10.0.0.5", 'u'}, "written"},
      {"another source, the token", {"10.0.0.5", 't'}, {"10.0.0.6", 't'}, "written"},
      {"another source, no token", {"10.0.0.5"}, {"10.0.0.6"}, "name taken"},
      {"another source, another token", {"10.0.0.5", 't'}, {"10.0.0.6", 'u'}, "name taken"},
      {"another source, a token where there was none",
       {"10.0.0.5"},
       {"10.0.0.6", 't'},
       "name taken"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    REQUIRE(world.register_user("ali@10.0.0.5:50001", row.held_by) == "written");
    CHECK(world.update_user("ali@10.0.0.5:50002", row.from) == row.expected);
    const bool moved = row.expected == "written";
    CHECK(world.list() == (moved ? "ali@10.0.0.5:50002" : "ali@10.0.0.5:50001"));
    if (moved) {
      CHECK(world.find("ali")->source == test::ip(row.from.source));
      CHECK(world.find("ali")->token == test::caller(row.from).token);
    }
  }
}

TEST_CASE("an UPDATE that changes nothing is done at once and is not written to disk") {
  for (const char token : {'\0', 't'}) {
    CAPTURE(int{token});
    DirectoryWorld world;
    REQUIRE(world.register_user("ali@127.0.0.1:50001", {"127.0.0.1", token}) == "written");
    const auto version = world.directory.version();
    world.events();
    CHECK(world.ask_update("ali@127.0.0.1:50001", {"127.0.0.1", token}) == "accepted");
    CHECK_FALSE(world.directory.poll_change().has_value());
    CHECK_FALSE(world.directory.is_busy("ali"));
    CHECK(world.directory.version() == version);
    CHECK(world.events() == "");
  }
}

TEST_CASE("an UPDATE that changes anything is written") {
  struct Row {
    std::string_view name;
    std::string_view text;
    From from;
    common::Transport transport;
  };
  const Row rows[] = {
      {"the port", "ali@10.0.0.5:50002", {"10.0.0.5", 't'}, common::Transport::kUdp},
      {"the address", "ali@10.0.0.6:50001", {"10.0.0.5", 't'}, common::Transport::kUdp},
      {"the spelling", "Ali@10.0.0.5:50001", {"10.0.0.5", 't'}, common::Transport::kUdp},
      {"the transport and door", "ali@10.0.0.5:50001", {"10.0.0.5", 't'}, common::Transport::kTcp},
      {"the source", "ali@10.0.0.5:50001", {"10.0.0.7", 't'}, common::Transport::kUdp},
      {"the token", "ali@10.0.0.5:50001", {"10.0.0.5", 'u'}, common::Transport::kUdp},
      {"no token any more", "ali@10.0.0.5:50001", {"10.0.0.5"}, common::Transport::kUdp},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
    world.transport = row.transport;
    CHECK(world.update_user(row.text, row.from) == "written");
    CHECK(world.list() == row.text);
    CHECK(world.directory.version() == 2);
  }
}

TEST_CASE("a refresh keeps the time that readers are shown; a move shows its own") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  world.pass(10s);
  REQUIRE(world.update_user("ali@127.0.0.1:50001") == "accepted");
  CHECK(world.find("ali")->user.since.unix_ms == 3'600'000);
  REQUIRE(world.update_user("ali@127.0.0.1:50002") == "written");
  CHECK(world.find("ali")->user.since.unix_ms == 3'610'000);
}

TEST_CASE("the list is in order of registration, and an update keeps its place") {
  DirectoryWorld world;
  for (const std::string_view text :
       {"ali@127.0.0.1:50001", "veli@127.0.0.1:50002", "can@127.0.0.1:50003"})
    REQUIRE(world.register_user(text) == "written");
  REQUIRE(world.update_user("ali@127.0.0.1:50009") == "written");
  CHECK(world.list() == "ali@127.0.0.1:50009 veli@127.0.0.1:50002 can@127.0.0.1:50003");
  REQUIRE(world.update_user("Veli@127.0.0.1:50008") == "written");
  CHECK(world.list() == "ali@127.0.0.1:50009 Veli@127.0.0.1:50008 can@127.0.0.1:50003");
  // Who leaves and comes back stands at the end.
  REQUIRE(world.logout_user("ali@127.0.0.1:50009") == "written");
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  CHECK(world.list() == "Veli@127.0.0.1:50008 can@127.0.0.1:50003 ali@127.0.0.1:50001");
}

TEST_CASE("LOGOUT names the whole record, and removes exactly that") {
  struct Row {
    std::string_view name;
    std::string_view text;
    From from;
    std::string_view expected;
  };
  const Row rows[] = {
      {"the record, its source", "ali@10.0.0.5:50001", {"10.0.0.5"}, "written"},
      {"the record, its token from elsewhere", "ali@10.0.0.5:50001", {"10.0.0.6", 't'}, "written"},
      {"the record, elsewhere", "ali@10.0.0.5:50001", {"10.0.0.6"}, "not owner"},
      {"the record, another token", "ali@10.0.0.5:50001", {"10.0.0.6", 'u'}, "not owner"},
      {"another port", "ali@10.0.0.5:50002", {"10.0.0.5"}, "not listed"},
      {"another address", "ali@10.0.0.6:50001", {"10.0.0.5"}, "not listed"},
      {"another name", "veli@10.0.0.5:50001", {"10.0.0.5"}, "not listed"},
      {"another spelling", "Ali@10.0.0.5:50001", {"10.0.0.5"}, "not listed"},
      {"another record, from elsewhere", "ali@10.0.0.5:50002", {"10.0.0.6"}, "not listed"},
      {"another record, with the token", "ali@10.0.0.5:50002", {"10.0.0.6", 't'}, "not listed"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
    CHECK(world.logout_user(row.text, row.from) == row.expected);
    const bool gone = row.expected == "written";
    CHECK(world.list() == (gone ? "" : "ali@10.0.0.5:50001"));
    CHECK((world.find("ali") == nullptr) == gone);
  }
}

TEST_CASE("LOGOUT of nobody is not listed, on an empty directory too") {
  DirectoryWorld world;
  CHECK(world.ask_logout("ali@127.0.0.1:50001") == "not listed");
}

TEST_CASE("LOGOUT asks for no address of the caller's own: the record may be foreign") {
  DirectoryWorld world({.allow_foreign_address = true});
  REQUIRE(world.register_user("ali@203.0.113.9:50001", {"10.0.0.5"}) == "written");
  CHECK(world.logout_user("ali@203.0.113.9:50001", {"10.0.0.5"}) == "written");
}

TEST_CASE("a name given up is free for anybody at once") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
  REQUIRE(world.logout_user("ali@10.0.0.5:50001", {"10.0.0.5"}) == "written");
  CHECK(world.register_user("ALI@10.0.0.6:50001", {"10.0.0.6"}) == "written");
  CHECK(world.list() == "ALI@10.0.0.6:50001");
  CHECK(world.events() == "registered ali, logged out ali, registered ALI");
}

TEST_CASE("a second LOGOUT waits for the first, and then finds nothing") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  REQUIRE(world.ask_logout("ali@127.0.0.1:50001") == "pending");
  CHECK(world.list() == "ali@127.0.0.1:50001");  // listed until the removal is on disk
  CHECK(world.ask_logout("ali@127.0.0.1:50001") == "waiting");
  world.commit_all();
  CHECK(world.list() == "");
  CHECK(world.ask_logout("ali@127.0.0.1:50001") == "not listed");
}

}  // namespace
