// REGISTER: who may claim a name, from where, and when a held one changes hands.
#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace std::chrono_literals;
using test::DirectoryWorld;
using test::From;

TEST_CASE("a free name is claimed, and listed once its change is on disk") {
  DirectoryWorld world;
  CHECK(world.ask_register("ali@127.0.0.1:50001") == "pending");
  CHECK(world.list() == "");
  CHECK(world.find("ali") == nullptr);
  CHECK(world.commit_all() == 1);
  CHECK(world.list() == "ali@127.0.0.1:50001");
  CHECK(world.events() == "registered ali");
}

TEST_CASE("a record keeps everything its registration said") {
  DirectoryWorld world;
  world.transport = common::Transport::kTcp;
  REQUIRE(world.register_user("Göktuğ@10.0.0.9:50001", {"10.0.0.5", 't'}) == "written");
  const registry::Record* held = world.find("göktuğ");
  REQUIRE(held != nullptr);
  CHECK(held->user.name.text() == "Göktuğ");
  CHECK(held->user.endpoint == test::endpoint("10.0.0.9:50001"));
  CHECK(held->user.transport == common::Transport::kTcp);
  CHECK(held->user.door == common::Door::kNetchat);
  CHECK(held->user.since.unix_ms == 3'600'000);
  CHECK(held->source == test::ip("10.0.0.5"));
  CHECK(held->token == test::caller({"10.0.0.5", 't'}).token);
  CHECK(held->version == 1);
  CHECK(held->order == 1);
}

TEST_CASE("the registered address must be the caller's, or both loopback, or both private") {
  struct Row {
    std::string_view name;
    std::string_view source;
    std::string_view endpoint;
    std::string_view expected;
  };
  const char* yes = "pending";
  const char* no = "foreign address";
  const Row rows[] = {
      {"his own public address", "203.0.113.7", "203.0.113.7:50001", yes},
      {"another public address", "203.0.113.7", "203.0.113.8:50001", no},
      {"his own IPv6 address", "2001:db8::7", "[2001:db8::7]:50001", yes},
      {"another IPv6 address", "2001:db8::7", "[2001:db8::8]:50001", no},
      {"both loopback, the same", "127.0.0.1", "127.0.0.1:50001", yes},
      {"both loopback, a Debian host's name", "127.0.0.1", "127.0.1.1:50001", yes},
      {"both loopback, of two families", "::1", "127.0.0.1:50001", yes},
      {"both loopback, the other way", "127.0.0.1", "[::1]:50001", yes},
      {"both 10/8", "10.0.0.1", "10.255.0.9:50001", yes},
      {"both 172.16/12", "172.16.0.1", "172.31.255.1:50001", yes},
      {"both 192.168/16", "192.168.0.1", "192.168.7.7:50001", yes},
      {"both link-local", "169.254.0.1", "169.254.9.9:50001", yes},
      {"both unique local", "fd00::1", "[fd12:3456::1]:50001", yes},
      {"both IPv6 link-local", "fe80::1", "[fe80::2]:50001", yes},
      {"private in two ranges", "192.168.0.1", "10.0.0.1:50001", yes},
      {"private in two families", "192.168.0.1", "[fd00::1]:50001", yes},
      {"private source, public address", "192.168.0.1", "203.0.113.7:50001", no},
      {"public source, private address", "203.0.113.7", "192.168.0.1:50001", no},
      {"loopback source, private address", "127.0.0.1", "192.168.0.1:50001", no},
      {"loopback source, public address", "127.0.0.1", "203.0.113.7:50001", no},
      {"private source, loopback address", "192.168.0.1", "127.0.0.1:50001", no},
      {"public source, loopback address", "203.0.113.7", "127.0.0.1:50001", no},
      {"IPv6 source, loopback address", "2001:db8::7", "[::1]:50001", no},
      {"just outside 172.16/12", "172.16.0.1", "172.32.0.1:50001", no},
      {"just outside link-local", "169.254.0.1", "169.255.0.1:50001", no},
      {"just outside unique local", "fd00::1", "[fe00::1]:50001", no},
      {"an IPv4-mapped source is IPv4", "::ffff:203.0.113.7", "203.0.113.7:50001", yes},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    const std::string text = "ali@" + std::string(row.endpoint);
    CHECK(world.ask_register(text, {row.source}) == row.expected);
    DirectoryWorld another;
    CHECK(another.ask_update(text, {row.source}) == row.expected);
    DirectoryWorld lenient({.allow_foreign_address = true});
    CHECK(lenient.ask_register(text, {row.source}) == "pending");
  }
}

TEST_CASE("the holder is the source of the registration, not the address that he registered") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@10.0.0.9:50001", {"10.0.0.5"}) == "written");
  // Whoever sits at the registered address is not the holder.
  CHECK(world.ask_update("ali@10.0.0.9:50002", {"10.0.0.9"}) == "name taken");
  CHECK(world.ask_logout("ali@10.0.0.9:50001", {"10.0.0.9"}) == "not owner");
  CHECK(world.ask_update("ali@10.0.0.9:50002", {"10.0.0.5"}) == "pending");
}

TEST_CASE("a source that came in over IPv6 as mapped IPv4 is the same holder") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@203.0.113.7:50001", {"::ffff:203.0.113.7"}) == "written");
  CHECK(world.update_user("ali@203.0.113.7:50002", {"203.0.113.7"}) == "written");
}

TEST_CASE("a held name is refused, whoever asks and whatever he says") {
  struct Row {
    std::string_view name;
    std::string_view text;
    From from;
  };
  const Row rows[] = {
      {"somebody else", "ali@127.0.0.1:50002", {"10.0.0.1"}},
      {"the same address", "ali@127.0.0.1:50002", {}},
      {"the identical record", "ali@127.0.0.1:50001", {}},
      {"another spelling", "ALI@127.0.0.1:50002", {}},
      {"a token, where there was none", "ali@127.0.0.1:50002", {"127.0.0.1", 'x'}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world({.allow_foreign_address = true});
    REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
    CHECK(world.ask_register(row.text, row.from) == "name taken");
    CHECK_FALSE(world.directory.poll_change().has_value());
    CHECK_FALSE(world.directory.poll_probe().has_value());
    CHECK(world.list() == "ali@127.0.0.1:50001");
  }
}

TEST_CASE("the owner's token takes the name back at once, from anywhere") {
  DirectoryWorld world({.allow_foreign_address = true});
  REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
  CHECK(world.register_user("ali@10.0.0.5:50002", {"10.0.0.5", 't'}) == "written");
  CHECK(world.register_user("ali@192.0.2.1:50003", {"192.0.2.1", 't'}) == "written");
  CHECK(world.list() == "ali@192.0.2.1:50003");
  CHECK(world.find("ali")->source == test::ip("192.0.2.1"));
  CHECK(world.events() == "registered ali, moved ali, moved ali");
}

TEST_CASE("the owner's token is enough with the identical record, and then nothing is written") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001", {"127.0.0.1", 't'}) == "written");
  CHECK(world.ask_register("ali@127.0.0.1:50001", {"127.0.0.1", 't'}) == "accepted");
  CHECK_FALSE(world.directory.poll_change().has_value());
}

TEST_CASE("another token is no token") {
  DirectoryWorld world({.allow_foreign_address = true});
  REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
  CHECK(world.ask_register("ali@10.0.0.5:50002", {"10.0.0.5", 'u'}) == "name taken");
  CHECK(world.ask_register("ali@10.0.0.5:50002", {"192.0.2.1", 'u'}) == "name taken");
  CHECK(world.ask_update("ali@10.0.0.5:50002", {"192.0.2.1", 'u'}) == "name taken");
  CHECK(world.ask_logout("ali@10.0.0.5:50001", {"192.0.2.1", 'u'}) == "not owner");
}

TEST_CASE("the token goes before the probe: its owner waits for nothing") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001", {"127.0.0.1", 't'}) == "written");
  world.pass(60s);
  CHECK(world.ask_register("ali@127.0.0.1:50002", {"127.0.0.1", 't'}) == "pending");
  CHECK_FALSE(world.directory.poll_probe().has_value());
}

TEST_CASE("a malformed or foreign address is refused before the name is looked at") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  CHECK(world.ask_register("ali@8.8.8.8:50001") == "foreign address");
  CHECK(world.ask_register("ali@8.8.8.8:50001", {"127.0.0.1", 't'}) == "foreign address");
}

TEST_CASE("a name that is changing makes a second change of it wait") {
  DirectoryWorld world;
  REQUIRE(world.ask_register("ali@127.0.0.1:50001") == "pending");
  CHECK(world.ask_register("Ali@127.0.0.1:50002") == "waiting");
  CHECK(world.ask_update("ali@127.0.0.1:50002") == "waiting");
  CHECK(world.ask_logout("ali@127.0.0.1:50001") == "waiting");
  CHECK(world.directory.is_busy("ali"));
  // Another name does not wait.
  CHECK(world.ask_register("veli@127.0.0.1:50003") == "pending");
  world.commit_all();
  CHECK_FALSE(world.directory.is_busy("ali"));
  CHECK(world.directory.poll_settled() == "ali");
  CHECK(world.directory.poll_settled() == "veli");
  CHECK_FALSE(world.directory.poll_settled().has_value());
  CHECK(world.ask_register("ali@127.0.0.1:50002") == "name taken");
}

TEST_CASE("each registration has an id of its own") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  const auto first = world.find("ali")->id;
  REQUIRE(world.update_user("ali@127.0.0.1:50002") == "written");
  const auto moved = world.find("ali")->id;
  REQUIRE(world.logout_user("ali@127.0.0.1:50002") == "written");
  REQUIRE(world.register_user("ali@127.0.0.1:50002") == "written");
  const auto again = world.find("ali")->id;
  CHECK(first != moved);
  CHECK(moved != again);
  CHECK(first != again);
}

}  // namespace
