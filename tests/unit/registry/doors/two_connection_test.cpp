// The two-connection door: what its users say in each state and are told, and whom messages reach.
#include "registry/doors/two_connection.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;

TEST_CASE("a user logs in, is connected to, lists, and leaves") {
  DoorWorld world;
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n");
  CHECK(world.said(la) == k101);
  CHECK(world.node().directory().find(name("carol")) != nullptr);
  world.send(la, "/port 50001\n");
  CHECK(world.said(la) == k201);
  REQUIRE(world.dialed.size() == 1);
  CHECK(world.dialed[0].to == endpoint("127.0.0.1:50001"));
  CHECK(world.dialed[0].limit == 3s);
  world.send(la, "/list\n");
  CHECK(world.said(la) == "301 carol\n");
  world.send(la, "/exit\n");
  CHECK(world.said(la) == k310);
  CHECK(world.is_closed(la));
  CHECK(world.is_closed(la + 1));
  CHECK(world.node().directory().find(name("carol")) == nullptr);
  CHECK(world.door().client_count() == 0);
}

TEST_CASE("what comes split at any byte, or all at once, is the same conversation") {
  const std::string input =
      "/list\n/login carol s3cret\r\n/port 50001\n/list\n/to nobody x\n/dance\n/exit\n";
  const std::string expected = std::string(k401) + k101 + k201 + "301 carol\n" + k304 + k401 + k310;
  for (std::size_t split = 0; split <= input.size(); ++split) {
    CAPTURE(split);
    DoorWorld world;
    const auto la = world.connect();
    world.send(la, input.substr(0, split));
    if (split < input.size()) world.send(la, input.substr(split));
    CHECK(world.said(la) == expected);
  }
}

TEST_CASE("each state has its commands, and everything else is 401") {
  struct Row {
    const char* line;
    const char* before_login;
    const char* before_port;
    const char* online;
  };
  const Row rows[] = {
      {"/list\n", k401, "301 carol\n", "301 carol\n"},
      {"/port 50002\n", k401, k201, k401},
      {"/to carol x\n", k401, k401, ""},
      {"/toall x\n", k401, k401, k303},
      {"/exit\n", k401, k310, k310},
      {"/login carol s3cret\n", k101, k401, k401},
      {"/login dave pw2\n", k101, k401, k401},
      {"/login carol\n", k401, k401, k401},
      {"\n", k401, k401, k401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    DoorWorld world;
    const auto fresh = world.connect();
    world.send(fresh, row.line);
    CHECK(world.said(fresh) == row.before_login);
    DoorWorld second;
    const auto logged_in = second.connect();
    second.send(logged_in, "/login carol s3cret\n");
    second.said(logged_in);
    second.send(logged_in, row.line);
    CHECK(second.said(logged_in) == row.before_port);
    DoorWorld third;
    const auto online = third.log_in("carol", "s3cret");
    third.send(online.la, row.line);
    CHECK(third.said(online.la) == row.online);
  }
}

TEST_CASE("a message is confirmed after its receipt, not before") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave Hi there\n");
  CHECK(world.said(carol.la).empty());
  CHECK(world.said(dave.lb) == "/from carol Hi there\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  world.send(dave.la, "/to CAROL back\n");
  CHECK(world.said(carol.lb) == "/from dave back\n");
  world.send(carol.lb, "302 Message rec");
  CHECK(world.said(dave.la).empty());
  world.send(carol.lb, "eipt successful\r\n");
  CHECK(world.said(dave.la) == k303);
}

TEST_CASE("a user can write to himself") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.send(carol.la, "/to carol note\n");
  CHECK(world.said(carol.lb) == "/from carol note\n");
  world.send(carol.lb, k302);
  CHECK(world.said(carol.la) == k303);
}

TEST_CASE("two who write to each other at once both get their answers") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  for (int i = 0; i < 200; ++i) {
    world.send(carol.la, "/to dave a\n");
    world.send(dave.la, "/to carol b\n");
    world.send(carol.lb, k302);
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
    CHECK(world.said(dave.la) == k303);
  }
}

TEST_CASE("a broadcast goes to all others at the same time and is answered once, after the last") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  const auto erin = world.log_in("erin", "pw3");
  world.send(carol.la, "/toall Lunch?\n");
  CHECK(world.said(dave.lb) == "/broadcastfrom carol Lunch?\n");
  CHECK(world.said(erin.lb) == "/broadcastfrom carol Lunch?\n");
  CHECK(world.said(carol.lb).empty());
  world.send(erin.lb, k302);
  CHECK(world.said(carol.la).empty());
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  SUBCASE("one who leaves before his receipt makes it 304") {
    world.send(carol.la, "/toall Again\n");
    world.send(erin.lb, k302);
    world.cut(dave.lb);
    CHECK(world.said(carol.la) == k304);
  }
  SUBCASE("one who is only on his way in is no recipient") {
    world.send(erin.la, "/exit\n");
    world.said(erin.la);
    const auto late = world.connect();
    world.send(late, "/login erin pw3\n");
    world.send(carol.la, "/list\n/toall Again\n");
    CHECK(world.said(carol.la) == "301 carol dave erin\n");
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
    world.send(carol.la, "/to erin hello\n");
    CHECK(world.said(carol.la) == k304);
  }
}

TEST_CASE("a frozen receiver is 304 after five seconds and holds nobody else up") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  const auto erin = world.log_in("erin", "pw3");
  world.send(carol.la, "/to dave hello\n");
  world.pass(2s);
  world.send(erin.la, "/to carol meanwhile\n");
  world.send(carol.lb, k302);
  CHECK(world.said(erin.la) == k303);
  world.pass(2999ms);
  CHECK(world.said(carol.la).empty());
  world.pass(1ms);
  CHECK(world.said(carol.la) == k304);
  world.send(erin.la, "/to dave hello\n");
  CHECK(world.said(erin.la) == k304);  // at once
  world.send(dave.la, "/list\n");
  CHECK(world.said(dave.la) == "301 carol dave erin\n");  // his commands go on
}

TEST_CASE("commands that come while one is awaited are run after it, in order") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave 1\n/to dave 2\n/list\n");
  CHECK(world.said(dave.lb) == "/from carol 1\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  CHECK(world.said(dave.lb) == "/from carol 2\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == std::string(k303) + "301 carol dave\n");
}

TEST_CASE("one who sends and sends is read no further until his command is answered") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave 1\n");
  const std::string line = "/to nobody " + std::string(100, 'x') + '\n';
  std::string many;
  while (many.size() <= registry::doors::kInputBytesMax) many += line;
  world.send(carol.la, many);
  CHECK_FALSE(world.takes_more(carol.la));
  world.send(dave.lb, k302);
  CHECK(world.takes_more(carol.la));
  CHECK(world.said(carol.la).size() ==
        std::string(k303).size() + many.size() / line.size() * std::string(k304).size());
}

}  // namespace
