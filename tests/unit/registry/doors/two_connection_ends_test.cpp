// The two-connection door: what becomes of those who break off, never finish, or are too many.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "registry/doors/limits.hpp"
#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;

TEST_CASE("an overlong line is 401 once, and the connection goes on") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const std::string limit = "/to carol " + std::string(4096 - 10, 'x');
  world.send(carol.la, limit + "\r\n");
  CHECK(world.said(carol.lb).size() == std::string("/from carol ").size() + 4096 - 10 + 1);
  world.send(carol.lb, k302);
  CHECK(world.said(carol.la) == k303);
  world.send(carol.la, limit + "y\n/list\n");
  CHECK(world.said(carol.la) == std::string(k401) + "301 carol\n");
  for (int i = 0; i < 100; ++i) world.send(carol.la, std::string(1000, 'z'));
  CHECK(world.said(carol.la).empty());
  world.send(carol.la, "\n/list\n");
  CHECK(world.said(carol.la) == std::string(k401) + "301 carol\n");
}

TEST_CASE("a line that does not end in ten seconds ends its connection") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.pass(24h);  // who says nothing stays
  CHECK_FALSE(world.is_closed(carol.la));
  for (int i = 0; i < 9; ++i) {
    world.send(carol.la, "x");
    world.pass(1s);
  }
  CHECK_FALSE(world.is_closed(carol.la));
  world.send(carol.la, "x");
  world.pass(1s);
  CHECK(world.is_closed(carol.la));
  CHECK(world.is_closed(carol.lb));
  CHECK(world.node().directory().size() == 0);
}

TEST_CASE("who never logs in, or never gives a port, is given up") {
  DoorWorld world;
  const auto silent = world.connect();
  const auto half = world.connect();
  world.send(half, "/login carol s3cret\n");
  world.pass(59s);
  CHECK_FALSE(world.is_closed(half));
  world.pass(1s);
  CHECK(world.is_closed(half));
  CHECK(world.node().directory().size() == 0);
  world.pass(239s);
  CHECK_FALSE(world.is_closed(silent));
  world.pass(1s);
  CHECK(world.is_closed(silent));
}

TEST_CASE("cut at any step, everything is freed and the sender is answered") {
  for (const bool cuts_la : {true, false}) {
    CAPTURE(cuts_la);
    DoorWorld world;
    const auto carol = world.log_in("carol", "s3cret");
    const auto dave = world.log_in("dave", "pw2");
    world.send(carol.la, "/to dave hello\n");
    world.cut(cuts_la ? dave.la : dave.lb);
    CHECK(world.said(carol.la) == k304);
    CHECK(world.is_closed(cuts_la ? dave.lb : dave.la));
    world.send(carol.la, "/list\n");
    CHECK(world.said(carol.la) == "301 carol\n");
    CHECK(world.door().client_count() == 1);
    CHECK(world.node().hub().under_way() == 0);
    // The name is free again.
    world.log_in("dave", "pw2");
    world.send(carol.la, "/list\n");
    CHECK(world.said(carol.la) == "301 carol dave\n");
  }
}

TEST_CASE("a push connection that ends is closed on our side as well") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.end(carol.lb);
  CHECK(world.is_closed(carol.lb));
  CHECK(world.is_closed(carol.la));
  CHECK(world.node().directory().size() == 0);
}

TEST_CASE("a sender who is cut off leaves his message to its fate") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.cut(carol.la);
  world.send(dave.lb, k302);
  CHECK(world.node().hub().under_way() == 0);
  world.send(dave.la, "/to dave still here\n");
  CHECK(world.said(dave.lb) == "/from carol hello\n/from dave still here\n");
}

TEST_CASE("a client that has sent everything is answered before it is let go") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave last words\n/list\n");
  world.end(carol.la);
  CHECK_FALSE(world.is_closed(carol.la));
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == std::string(k303) + "301 carol dave\n");
  CHECK(world.is_closed(carol.la));
}

TEST_CASE("who leaves right after his receipt has confirmed it") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.send(dave.la, "/exit\n");  // read before the receipt, which was sent before it
  CHECK(world.said(dave.la).empty());
  SUBCASE("the receipt comes") {
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
  }
  SUBCASE("it does not") {
    world.pass(500ms);
    CHECK(world.said(carol.la) == k304);
  }
  SUBCASE("its connection ends before it") {
    world.end(dave.lb);
    CHECK(world.said(carol.la) == k304);
  }
  CHECK(world.said(dave.la) == k310);
  CHECK(world.is_closed(dave.la));
}

TEST_CASE("connections are bounded, per address but for loopback") {
  DoorWorld world;
  for (std::size_t i = 0; i < registry::doors::kStreamsPerSourceMax; ++i)
    world.connect("192.168.1.9");
  const auto refused = world.connect("192.168.1.9");
  CHECK(world.is_closed(refused));
  CHECK(world.door().counters().refused.at("too_many_from_source") == 1);
  CHECK_FALSE(world.is_closed(world.connect("192.168.1.10")));
  for (std::size_t i = 0; i < 2 * registry::doors::kStreamsPerSourceMax; ++i)
    CHECK_FALSE(world.is_closed(world.connect()));
}

TEST_CASE("an end without end on the push connection is given up") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.send(carol.lb, "nonsense\n302\n\n");
  CHECK_FALSE(world.is_closed(carol.lb));
  for (int i = 0; i < 5; ++i) world.send(carol.lb, std::string(1000, 'x'));
  CHECK(world.is_closed(carol.lb));
  CHECK(world.is_closed(carol.la));
}

TEST_CASE("when the registry stops, who waits is answered and all are closed") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.node().shut_down_doors(world.now());
  world.settle();
  CHECK(world.said(carol.la) == k304);
  for (const auto id : {carol.la, carol.lb, dave.la, dave.lb}) CHECK(world.is_closed(id));
  CHECK(world.node().directory().size() == 0);
}

}  // namespace
