// Messages between the doors: connected users, classic listeners, gateway ports and HTTP.
#include "registry/hub.hpp"

#include <doctest/doctest.h>

#include "registry/message_text.hpp"
#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;

/// A user's gateway port, opened as if a list had been asked for; 0 if he has none.
std::uint16_t gateway_port(DoorWorld& world, std::string_view user) {
  world.node().gateway()->prepare_all();
  return world.node().directory().find(name(user))->gateway_ports[common::Transport::kUdp];
}

void datagram(DoorWorld& world, std::uint16_t port, std::string_view source,
              std::string_view text) {
  world.node().gateway()->handle_datagram(port, ip(source), common::as_bytes(text));
  world.settle();
}

TEST_CASE("a connected user reaches classic listeners, alone and all of them") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.listen("lara@127.0.0.1:50010");
  world.listen("veli@127.0.0.1:50011");
  world.send(carol.la, "/list\n/to lara merhaba\n");
  CHECK(world.said(carol.la) == std::string("301 lara veli carol dave\n") + k303);
  CHECK(world.datagrams == std::vector<std::string>{"127.0.0.1:50010 < carol: merhaba"});
  world.datagrams.clear();
  world.send(carol.la, "/toall tea\n");
  CHECK(world.datagrams.size() == 2);
  CHECK(world.said(carol.la).empty());  // dave has not confirmed
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  SUBCASE("a datagram that the network does not take is no delivery") {
    world.datagrams_fail = true;
    world.send(carol.la, "/to lara again\n");
    CHECK(world.said(carol.la) == k304);
  }
  SUBCASE("a text that no old listener can take whole is refused") {
    world.datagrams.clear();
    world.send(carol.la, "/to lara " + std::string(2049, 'x') + '\n');
    CHECK(world.said(carol.la) == k304);
    CHECK(world.datagrams.empty());
  }
}

TEST_CASE("what arrives at a gateway port is for its user") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto port = gateway_port(world, "carol");
  REQUIRE(port != 0);
  datagram(world, port, "127.0.0.1", "utku: selam\n");
  CHECK(world.said(carol.lb) == "/from utku selam\n");
  world.send(carol.lb, k302);
  datagram(world, port, "127.0.0.1", "utku: two\r\nlines");
  CHECK(world.said(carol.lb) == "/from utku two lines\n");
  const auto& counters = world.node().gateway()->counters();
  CHECK(counters.taken == 2);
  for (const std::string_view bad :
       {"", "no sender", "two words: x", "utku: ", "utku: a\x1b[2J", "utku: \xff"})
    datagram(world, port, "127.0.0.1", bad);
  CHECK(world.said(carol.lb).empty());
  CHECK(counters.taken == 2);
  CHECK(counters.dropped.at("empty") == 1);
  CHECK(counters.dropped.at("no_sender") == 2);
  CHECK(counters.dropped.at("malformed") == 3);
}

TEST_CASE("the name of somebody who is known counts only from where he is") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.log_in("dave", "pw2", "192.168.1.5");
  world.listen("lara@192.168.1.6:50010");
  const auto port = gateway_port(world, "carol");
  for (const auto& [source, text] : {std::pair{"192.168.1.9", "lara: x"},
                                     {"192.168.1.9", "LARA: x"},
                                     {"192.168.1.9", "dave: x"},
                                     {"127.0.0.1", "erin: x"}})  // has an account, is not here
    datagram(world, port, source, text);
  CHECK(world.said(carol.lb).empty());
  CHECK(world.node().gateway()->counters().dropped.at("forged_sender") == 4);
  datagram(world, port, "192.168.1.6", "lara: me");
  CHECK(world.said(carol.lb) == "/from lara me\n");
  world.send(carol.lb, k302);
  datagram(world, port, "192.168.1.5", "dave: me");
  CHECK(world.said(carol.lb) == "/from dave me\n");
}

TEST_CASE("gateway ports go to the first who come, and back when they leave") {
  DoorWorld world("a pw\nb pw\nc pw\n", {}, 2);
  CHECK(world.ports.opened.empty());
  const auto a = world.log_in("a", "pw");
  world.log_in("b", "pw");
  world.log_in("c", "pw");
  CHECK(world.ports.opened.empty());  // nobody has asked yet
  const auto port = gateway_port(world, "a");
  CHECK(world.ports.opened.size() == 2);
  CHECK(gateway_port(world, "c") == 0);
  CHECK(world.node().gateway()->left_out() == 1);
  world.send(a.la, "/exit\n");
  CHECK(world.ports.closed == std::vector{port});
  CHECK(gateway_port(world, "c") != 0);
  CHECK(world.node().gateway()->left_out() == 0);
  datagram(world, port, "127.0.0.1", "utku: late");
  CHECK(world.node().gateway()->counters().dropped.at("nobody") == 1);
}

TEST_CASE("a text for a line is one line of harmless UTF-8") {
  using registry::one_line_text;
  CHECK(one_line_text("hello") == "hello");
  CHECK(one_line_text("a\nb\r\n\r\nc\n") == "a b c");
  CHECK(one_line_text("tab\there") == "tab\there");
  CHECK(one_line_text("İstanbul") == "İstanbul");
  CHECK_FALSE(one_line_text(""));
  CHECK_FALSE(one_line_text("\n\n"));
  CHECK_FALSE(one_line_text("\x1b[2J"));
  CHECK_FALSE(one_line_text("\xc2\x9b"));
  CHECK_FALSE(one_line_text("\xff"));
  CHECK_FALSE(one_line_text(std::string(4097, 'x')));
  CHECK(one_line_text(std::string(4096, 'x')).has_value());
}

TEST_CASE("the list's version moves on with users who come and go, and tells what changed") {
  DoorWorld world;
  auto& directory = world.node().directory();
  const auto before = directory.version();
  const auto carol = world.log_in("carol", "s3cret");
  CHECK(directory.version() > before);
  auto changes = directory.changes_since(before);
  REQUIRE(changes);
  REQUIRE(changes->changed.size() == 1);
  CHECK(changes->changed[0]->user.is_relayed);
  const auto online = directory.version();
  world.listen("lara@127.0.0.1:50010");
  CHECK(directory.version() > online);
  world.send(carol.la, "/exit\n");
  changes = directory.changes_since(online);
  REQUIRE(changes);
  CHECK(changes->removed == std::vector<std::string>{"carol"});
  CHECK(directory.snapshot().size() == 1);  // what is stored
}

TEST_CASE("a connected user's name is nobody else's, nor is an account's") {
  DoorWorld world;
  world.log_in("carol", "s3cret");
  auto& directory = world.node().directory();
  const auto claim = [&](std::string_view user) {
    const registry::Registration wanted{.name = name(user),
                                        .endpoint = endpoint("127.0.0.1:50001")};
    const registry::Caller caller{.source = ip("127.0.0.1"), .token = std::nullopt};
    const auto registered = directory.register_user(world.now(), wanted, caller);
    const auto updated = directory.update_user(world.now(), wanted, caller);
    CHECK(std::get<registry::Refusal>(registered) == std::get<registry::Refusal>(updated));
    return std::get<registry::Refusal>(registered);
  };
  CHECK(claim("Carol") == registry::Refusal::kAccountName);
  CHECK(claim("erin") == registry::Refusal::kAccountName);
  world.door().set_accounts({});
  CHECK(claim("carol") == registry::Refusal::kNameTaken);
  const auto port = gateway_port(world, "carol");
  CHECK(std::get<registry::Refusal>(directory.logout_user(
            world.now(), name("carol"), {common::IpAddress(), port},
            {.source = ip("127.0.0.1"), .token = std::nullopt})) == registry::Refusal::kNotOwner);
}

}  // namespace
