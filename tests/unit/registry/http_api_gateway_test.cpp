// Lists and look-ups of users who take another transport than the reader's.
#include <doctest/doctest.h>

#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using namespace test;

/// Lara listens on UDP, nina on TCP, six on UDP over IPv6; carol is connected.
struct GatewayRegistry {
  explicit GatewayRegistry(std::size_t ports = 8)
      : registry({.rules = {.allow_foreign_address = true}, .gateway_ports = ports}) {
    REQUIRE(status(post("REGISTER lara@127.0.0.1:1111")) == 200);
    REQUIRE(status(d1_post("UPDATE nina@127.0.1.1:2222")) == 200);
    REQUIRE(status(post("REGISTER six@[2001:db8::1]:3333")) == 200);
    REQUIRE_FALSE(registry.node().directory().attach({.name = name("carol"),
                                                      .door = common::Door::kTwoConnection,
                                                      .source = ip("127.0.0.1"),
                                                      .since = {},
                                                      .session = 7}));
  }
  int status(std::string_view request) { return Answer(registry.call(request)).status; }
  std::string body(std::string_view request, std::string_view source = "127.0.0.1",
                   std::string_view local = "127.0.0.1") {
    return Answer(registry.call(request, source, local)).body;
  }

  MemoryRegistry registry;
};

TEST_CASE("old programs see everybody at an endpoint of their own transport") {
  GatewayRegistry world;
  CHECK(world.body(kD0List) ==
        "lara@127.0.0.1:1111,nina@127.0.0.1:40001,carol@127.0.0.1:40002,\r\n\r\n");
  CHECK(world.body(d1_get("/userlist.txt")) ==
        "lara@127.0.0.1:50001\nnina@127.0.1.1:2222\nsix@127.0.0.1:50002\ncarol@127.0.0.1:50003");
}

TEST_CASE("a look-up gives a port without a list before it") {
  GatewayRegistry world;
  CHECK(world.body(d1_get("/userlist.txt?username=lara")) == "127.0.0.1:50001");
  CHECK(world.body(d1_get("/userlist.txt?username=nina")) == "127.0.1.1:2222");
  CHECK(world.body(d1_get("/userlist.txt?username=carol")) == "127.0.0.1:50002");
  CHECK(world.body(modern("GET", "/userlist.txt?username=nina")) == "127.0.0.1:40001");
  CHECK(world.body(modern("GET", "/userlist.txt?username=lara")) == "127.0.0.1:1111");
}

TEST_CASE("a reader on another machine sees ports at the registry's address on his connection") {
  GatewayRegistry world;
  CHECK(world.body(d1_get("/userlist.txt"), "10.0.0.9", "10.0.0.1") ==
        "lara@10.0.0.1:50001\nnina@10.0.0.1:2222\nsix@10.0.0.1:50002\ncarol@10.0.0.1:50003");
  world.registry.node().api().set_gateway_address(ip("10.0.0.2"));
  CHECK(world.body(d1_get("/userlist.txt"), "10.0.0.9", "10.0.0.1") ==
        "lara@10.0.0.2:50001\nnina@10.0.0.1:2222\nsix@10.0.0.2:50002\ncarol@10.0.0.2:50003");
  // An old program that came in over IPv6 is shown no IPv6.
  world.registry.node().api().set_gateway_address(std::nullopt);
  CHECK(world.body(d1_get("/userlist.txt"), "2001:db8::9", "2001:db8::2") == "");
}

TEST_CASE("readers of JSON see what each user takes, at his own endpoint") {
  GatewayRegistry world;
  world.body(kD0List);
  world.body(d1_get("/userlist.txt"));
  const std::string list = world.body(modern("GET", "/userlist.txt?format=json"));
  CHECK(json_at(list, "/users/0/endpoint") == "127.0.0.1:1111");
  CHECK(json_at(list, "/users/0/transport") == "udp");
  CHECK(json_at(list, "/users/1/endpoint") == "127.0.1.1:2222");
  CHECK(json_at(list, "/users/1/transport") == "tcp");
  CHECK(json_at(list, "/users/1/door") == "netchat");
  CHECK(json_at(list, "/users/3/via") == "relay");
  CHECK(json_at(list, "/users/3/endpoint") == "127.0.0.1:40002");
}

TEST_CASE("whoever has no port is left out, and found by nobody of the other transport") {
  GatewayRegistry world(1);
  CHECK(world.body(d1_get("/userlist.txt")) == "lara@127.0.0.1:50001\nnina@127.0.1.1:2222");
  CHECK(world.status(d1_get("/userlist.txt?username=carol")) == 404);
  CHECK(world.status(modern("GET", "/userlist.txt?username=carol")) == 200);
  CHECK(world.status(modern("GET", "/userlist.txt?username=nina")) == 404);  // carol has UDP's
  CHECK(world.registry.node().tcp_gateway()->left_out() == 2);
  REQUIRE(world.status(post("LOGOUT lara@127.0.0.1:1111")) == 200);
  CHECK(world.body(d1_get("/userlist.txt")) == "nina@127.0.1.1:2222\nsix@127.0.0.1:50002");
}

TEST_CASE("an endpoint's transport is one of two") {
  GatewayRegistry world;
  for (const std::string_view value : {"TCP", "quic", "tcp, tcp", "tcp;", "udp tcp"}) {
    CAPTURE(value);
    const std::string field = "Endpoint-Transport: " + std::string(value) + "\r\n";
    CHECK(world.status(post("UPDATE ali@127.0.0.1:50001", field)) == 400);
    CHECK(world.registry.node().directory().find(name("ali")) == nullptr);
  }
}

}  // namespace
