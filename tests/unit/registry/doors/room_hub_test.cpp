// The room and the other doors: who is reached how, guests of the room, and outcomes.
#include <doctest/doctest.h>

#include "registry/http/message_api.hpp"
#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;
using registry::DeliveryOutcome;

/// What comes of a message that is posted over HTTP, as far as it is known at once; the status of
/// the answer if it is refused.
std::string post(DoorWorld& world, std::string_view from, std::string_view to,
                 std::string_view text, std::string_view source = "127.0.0.1") {
  registry::http::ApiRequest request;
  request.method = "POST";
  request.path = "/v1/to/" + std::string(to);
  request.query = {{"from", std::string(from)}};
  request.body = text;
  request.source = ip(source);
  const auto result = world.node().handle(world.now(), common::WallTime{1}, 7, request);
  if (const auto* refused = std::get_if<registry::http::ApiResponse>(&result))
    return std::to_string(refused->status);
  world.settle();
  const auto release = world.node().poll_release();
  return release ? std::string(to_string(release->outcome)) : "awaited";
}

TEST_CASE("a user in the room is reached by name from every door, and sees who it was for") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto bob = world.enter("bob");
  const auto carol = world.log_in("carol", "s3cret");
  SUBCASE("from a two-connection client") {
    world.send(carol.la, "/list\n/to alice only you\n");
    CHECK(world.said(carol.la) == std::string("301 alice bob carol\n") + k303);
    CHECK(world.said(alice) == "<carol to you> only you\n");
  }
  SUBCASE("over HTTP") {
    CHECK(post(world, "utku", "alice", "selam\nmerhaba") == "sent");
    CHECK(world.said(alice) == "<utku to you> selam merhaba\n");
  }
  SUBCASE("by datagram, through a gateway port") {
    world.node().gateway()->prepare_all();
    const auto& ports = world.node().directory().find(name("alice"))->gateway_ports;
    const std::uint16_t port = ports[common::Transport::kUdp];
    REQUIRE(port != 0);
    world.node().gateway()->handle_datagram(port, ip("127.0.0.1"),
                                            common::as_bytes(std::string_view("lara: hi")));
    world.settle();
    CHECK(world.said(alice) == "<lara to you> hi\n");
  }
  SUBCASE("by a broadcast, once") {
    world.send(carol.la, "/toall tea\n");
    CHECK(world.said(carol.la) == k303);
    CHECK(world.said(alice) == "<carol to all> tea\n");
    CHECK(world.said(bob) == "<carol to all> tea\n");
    return;
  }
  CHECK(world.said(bob).empty());
}

TEST_CASE("whoever writes to the room is its guest until he says /leave or goes") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto carol = world.log_in("carol", "s3cret");
  world.listen("lara@127.0.0.1:50010");
  world.send(alice, "anybody?\n");
  CHECK(world.said(carol.lb).empty());
  CHECK(world.datagrams.empty());

  world.send(carol.la, "/to room hello all\n");
  CHECK(world.said(alice) == "<carol> hello all\n");
  CHECK(world.said(carol.la) == k303);
  CHECK(world.said(carol.lb).empty());                       // his own does not come back
  CHECK(post(world, "lara", "ROOM", "and I") == "awaited");  // carol has not confirmed
  CHECK(world.said(alice) == "<lara> and I\n");
  CHECK(world.said(carol.lb) == "/from room <lara> and I\n");
  world.send(carol.lb, k302);
  REQUIRE(world.node().poll_release()->outcome == DeliveryOutcome::kSent);
  world.send(alice, "welcome\n");
  CHECK(world.said(carol.lb) == "/from room <alice> welcome\n");
  CHECK(world.datagrams == std::vector<std::string>{"127.0.0.1:50010 < room: <alice> welcome"});
  world.send(carol.lb, k302);
  world.datagrams.clear();

  SUBCASE("he says so") {
    world.send(carol.la, "/to room /leave\n");
    CHECK(world.said(carol.la) == k303);
    CHECK(world.said(alice).empty());
    CHECK(world.datagrams.empty());
    world.send(alice, "gone\n");
    CHECK(world.said(carol.lb).empty());
    CHECK(world.datagrams.size() == 1);
    CHECK(post(world, "lara", "room", "/leave") == "delivered");
    CHECK(post(world, "lara", "room", "/leave") == "delivered");  // once more does no harm
    world.datagrams.clear();
    world.send(alice, "alone\n");
    CHECK(world.datagrams.empty());
    CHECK(world.node().hub().room().guest_count() == 0);
  }
  SUBCASE("he goes, and is no guest when he comes back") {
    world.send(carol.la, "/exit\n");
    const auto again = world.log_in("carol", "s3cret");
    world.send(alice, "back?\n");
    CHECK(world.said(again.lb).empty());
    CHECK(world.node().hub().room().guest_count() == 1);  // lara
  }
  SUBCASE("text that only begins like it is text") {
    world.send(carol.la, "/to room /leave now\n");
    CHECK(world.said(alice) == "<carol> /leave now\n");
  }
  SUBCASE("in the room itself it is text") {
    world.send(alice, "/leave\n");
    CHECK(world.said(carol.lb) == "/from room <alice> /leave\n");
    CHECK(!world.is_closed(alice));
  }
}

TEST_CASE("what a message to the room comes to is one outcome") {
  DoorWorld world;
  CHECK(post(world, "utku", "room", "hello?") == "delivered");  // as /toall to nobody
  const auto alice = world.enter("alice");
  CHECK(post(world, "utku", "room", "hello") == "sent");
  CHECK(world.said(alice) == "<utku> hello\n");
  CHECK(world.node().hub().room().guest_count() == 0);  // utku is not listed: nobody to be told
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to room a\n");
  world.send(dave.la, "/to room b\n");
  CHECK(world.said(carol.la) == k303);
  CHECK(world.said(dave.la).empty());  // waits for carol's receipt
  world.pass(5s);
  CHECK(world.said(dave.la) == k304);
  world.said(alice);
  SUBCASE("somebody of the room's name takes part from his own address only") {
    CHECK(post(world, "alice", "room", "forged", "192.168.0.9") == "403");
    CHECK(post(world, "alice", "room", "mine") != "403");
    CHECK(world.said(alice).empty());  // it is from himself
    CHECK(post(world, "room", "alice", "I am the room") == "400");
  }
  SUBCASE("a reader who is behind is told nothing more, and it is said so") {
    world.fall_behind(alice);
    CHECK(post(world, "utku", "alice", "hello") == "busy");
    CHECK(world.said(alice).empty());
    CHECK(world.room().counters().undelivered == 1);
  }
}

TEST_CASE("those in the room do not wait for guests' receipts, nor for frozen guests") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  const auto bob = world.enter("bob");
  const auto carol = world.log_in("carol", "s3cret");
  world.send(carol.la, "/to room hello\n");
  world.said(bob);
  world.send(alice, "one\ntwo\nthree\n");
  CHECK(world.said(bob) == "<alice> one\n<alice> two\n<alice> three\n");
  CHECK(world.said(carol.lb) == "/from room <alice> one\n");
  world.pass(6s);
  world.send(alice, "four\n");
  CHECK(world.said(bob) == "<alice> four\n");
  CHECK(world.node().hub().under_way() == 0);
}

TEST_CASE("guests are bounded, and those who are gone make room") {
  DoorWorld world;
  const auto alice = world.enter("alice");
  constexpr std::size_t kMax = registry::Group::kGuestsMax;
  for (std::size_t i = 0; i < kMax; ++i) {
    const std::string guest = "g" + std::to_string(i);
    world.listen(guest + "@127.0.0.1:" + std::to_string(20'000 + i));
    REQUIRE(post(world, guest, "room", "x") == "sent");
  }
  world.listen("zoe@127.0.0.1:50010");
  world.said(alice);
  CHECK(post(world, "zoe", "room", "me too") == "busy");
  CHECK(world.said(alice).empty());
  CHECK(post(world, "utku", "room", "I only say this") == "sent");
  CHECK(post(world, "g7", "room", "/leave") == "delivered");
  CHECK(post(world, "zoe", "room", "me too") == "sent");
}

TEST_CASE("a look-up in JSON finds the room, and no list shows it") {
  DoorWorld world;
  const auto get = [&](bool is_json, bool is_lookup) {
    registry::http::ApiRequest request;
    request.method = "GET";
    request.path = "/userlist.txt";
    if (is_lookup) request.query = {{"username", "Room"}};
    if (is_json) request.accept = "application/json";
    request.source = ip("127.0.0.1");
    const auto result = world.node().handle(world.now(), common::WallTime{1}, 7, request);
    const auto& response = std::get<registry::http::ApiResponse>(result);
    return std::to_string(response.status) + ' ' + (response.body ? *response.body : "");
  };
  CHECK(get(true, true) == R"(200 {"name":"room","via":"relay","transport":"udp","door":"room",)"
                           R"("since":"1970-01-01T00:00:00.000Z"})"
                           "\n");
  CHECK(get(false, true) == "404 user room is not found\n");
  CHECK(get(true, false).find("room") == std::string::npos);
  world.enter("alice");
  const std::string list = get(true, false);
  CHECK(list.find(R"({"name":"alice",)") != list.npos);
  CHECK(list.find(R"("door":"room")") != list.npos);
  CHECK(list.find(R"("name":"room")") == list.npos);
}

TEST_CASE("without a room nobody of that name is found") {
  DoorWorld with_room;
  registry::Directory& directory = with_room.node().directory();
  registry::Hub hub(directory);
  hub.deliver(registry::Asker::http(), 1,
              std::make_shared<const registry::Message>(registry::Message{"utku", "x", false}),
              common::UserName::room());
  CHECK(hub.poll_result()->outcome == DeliveryOutcome::kUnknown);
}

}  // namespace
