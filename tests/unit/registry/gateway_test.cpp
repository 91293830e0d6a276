// Who has gateway ports of which transport, and whose they are when users come, move and go.
#include "registry/gateway.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/counting_ports.hpp"
#include "tests/unit/support/directory_world.hpp"

namespace {

using namespace test;
using common::Transport;
using registry::Gateway;

struct GatewayWorld : DirectoryWorld {
  explicit GatewayWorld(std::size_t ports_max = 64)
      : hub(directory),
        udp(Transport::kUdp, ports_max, udp_ports, directory, hub),
        tcp(Transport::kTcp, ports_max, tcp_ports, directory, hub) {}

  void listen(std::string_view text, Transport by) {
    transport = by;
    catch_up();
    REQUIRE(register_user(text) == "written");
  }
  /// The store's versions are higher than any that readers were told of.
  void catch_up() { store_version = directory.version(); }
  void attach(std::string_view user, registry::SessionId session) {
    REQUIRE_FALSE(directory.attach({.name = name(user),
                                    .door = common::Door::kTwoConnection,
                                    .source = ip("127.0.0.1"),
                                    .since = {},
                                    .session = session}));
  }
  void prepare() {
    udp.prepare_all();
    tcp.prepare_all();
  }
  /// "udp 40001 tcp 50001"; a - for none.
  std::string ports_of(std::string_view user) const {
    const auto& ports = find(user)->gateway_ports;
    const auto word = [&](Transport by) {
      return ports[by] == 0 ? std::string("-") : std::to_string(ports[by]);
    };
    return "udp " + word(Transport::kUdp) + " tcp " + word(Transport::kTcp);
  }

  registry::Hub hub;
  CountingPorts udp_ports{40'001};
  CountingPorts tcp_ports{50'001};
  Gateway udp;
  Gateway tcp;
};

TEST_CASE("a user has a gateway port for each transport that he does not take himself") {
  GatewayWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.listen("nina@127.0.0.1:2222", Transport::kTcp);
  world.attach("carol", 7);
  world.prepare();
  CHECK(world.ports_of("lara") == "udp - tcp 50001");
  CHECK(world.ports_of("nina") == "udp 40001 tcp -");
  CHECK(world.ports_of("carol") == "udp 40002 tcp 50002");
  REQUIRE(world.tcp.user_at(50'001) != nullptr);
  CHECK(world.tcp.user_at(50'001)->text() == "lara");
  CHECK(world.udp.user_at(50'001) == nullptr);
  CHECK(world.tcp.user_at(50'003) == nullptr);
  world.prepare();  // nothing more to do
  CHECK(world.udp.open_count() == 2);
  CHECK(world.tcp.open_count() == 2);
}

TEST_CASE("ports go to those who came first, connected or not") {
  GatewayWorld world(2);
  world.listen("nina@127.0.0.1:2221", Transport::kTcp);
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.attach("carol", 7);
  world.listen("nora@127.0.0.1:2222", Transport::kTcp);
  world.prepare();
  CHECK(world.ports_of("nina") == "udp 40001 tcp -");
  CHECK(world.ports_of("carol") == "udp 40002 tcp 50002");
  CHECK(world.ports_of("nora") == "udp - tcp -");
  CHECK(world.ports_of("lara") == "udp - tcp 50001");
  CHECK(world.udp.left_out() == 1);
  CHECK(world.tcp.left_out() == 0);
  SUBCASE("and to the next when one leaves") {
    world.directory.detach(name("carol"), 7);
    world.prepare();
    CHECK(world.udp_ports.closed == std::vector<std::uint16_t>{40'002});
    CHECK(world.tcp_ports.closed == std::vector<std::uint16_t>{50'002});
    CHECK(world.ports_of("nora") == "udp 40003 tcp -");
    CHECK(world.udp.left_out() == 0);
  }
  SUBCASE("a look-up gives none either, while there is none") {
    world.udp.prepare(name("nora"));
    CHECK(world.ports_of("nora") == "udp - tcp -");
    world.catch_up();
    REQUIRE(world.logout_user("nina@127.0.0.1:2221") == "written");
    world.udp.prepare(name("nora"));
    CHECK(world.ports_of("nora") == "udp 40003 tcp -");
  }
}

TEST_CASE("who moves keeps the port that old programs know him by") {
  GatewayWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.prepare();
  world.catch_up();
  REQUIRE(world.update_user("lara@127.0.0.1:1112") == "written");
  world.tcp.close_unused();
  CHECK(world.ports_of("lara") == "udp - tcp 50001");
  CHECK(world.tcp_ports.closed.empty());
  SUBCASE("until he takes that transport himself") {
    world.transport = Transport::kTcp;
    world.catch_up();
    REQUIRE(world.update_user("lara@127.0.0.1:1112") == "written");
    world.prepare();
    CHECK(world.ports_of("lara") == "udp 40001 tcp -");
    CHECK(world.tcp_ports.closed == std::vector<std::uint16_t>{50'001});
    CHECK(world.tcp.user_at(50'001) == nullptr);
  }
  SUBCASE("or leaves") {
    world.catch_up();
    REQUIRE(world.logout_user("lara@127.0.0.1:1112") == "written");
    CHECK(world.tcp.user_at(50'001) == nullptr);  // at once, closed or not
    world.tcp.close_unused();
    CHECK(world.tcp_ports.closed == std::vector<std::uint16_t>{50'001});
  }
  SUBCASE("or another comes after him") {
    world.pass(61s);
    CHECK(world.ask_register("lara@127.0.0.1:1113") == "waiting");
    REQUIRE(world.directory.poll_probe());
    world.directory.handle_probe_result(world.now, name("lara").key(), true);
    world.catch_up();
    REQUIRE(world.register_user("lara@127.0.0.1:1113") == "written");
    CHECK(world.events().ends_with("reclaimed lara"));
    CHECK(world.ports_of("lara") == "udp - tcp -");
    CHECK(world.tcp.user_at(50'001) == nullptr);
  }
}

TEST_CASE("a port changes what readers are told, so it is a new version") {
  GatewayWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const auto before = world.directory.version();
  world.prepare();
  CHECK(world.directory.version() == before + 1);
  const auto changes = world.directory.changes_since(before);
  REQUIRE(changes);
  REQUIRE(changes->changed.size() == 1);
  CHECK(changes->changed[0]->user.name.text() == "lara");
}

TEST_CASE("when no port can be opened, users are left without, and asked for again later") {
  GatewayWorld world;
  world.tcp_ports.ports_max = 1;
  world.listen("a@127.0.0.1:1111", Transport::kUdp);
  world.listen("b@127.0.0.1:1112", Transport::kUdp);
  world.prepare();
  CHECK(world.ports_of("a") == "udp - tcp 50001");
  CHECK(world.ports_of("b") == "udp - tcp -");
  world.tcp_ports.ports_max = 2;
  world.listen("c@127.0.0.1:1113", Transport::kTcp);  // a new version
  world.prepare();
  CHECK(world.ports_of("b") == "udp - tcp 50002");
}

TEST_CASE("a port whose user has gone is nobody's, even if its number comes again") {
  GatewayWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.prepare();
  world.catch_up();
  REQUIRE(world.logout_user("lara@127.0.0.1:1111") == "written");
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);  // without a port of his own yet
  CHECK(world.tcp.user_at(50'001) == nullptr);
  world.prepare();
  CHECK(world.ports_of("lara") == "udp - tcp 50002");
}

TEST_CASE("users of both transports are listed in the order of their registration") {
  GatewayWorld world;
  world.listen("a@127.0.0.1:1111", Transport::kTcp);
  world.listen("b@127.0.0.1:1112", Transport::kUdp);
  world.listen("c@127.0.0.1:1113", Transport::kUdp);
  world.listen("d@127.0.0.1:1114", Transport::kTcp);
  const std::string order = "a@127.0.0.1:1111 b@127.0.0.1:1112 c@127.0.0.1:1113 d@127.0.0.1:1114";
  CHECK(world.list() == order);
  world.transport = Transport::kUdp;
  world.catch_up();
  REQUIRE(world.update_user("a@127.0.0.1:1111") == "written");  // moving keeps the place
  CHECK(world.list() == order);
  const auto snapshot = world.directory.snapshot();
  REQUIRE(snapshot.size() == 4);
  CHECK(snapshot[0].user.transport == Transport::kUdp);
  CHECK(world.directory.registered_count(Transport::kUdp) == 3);
  CHECK(world.directory.registered_count(Transport::kTcp) == 1);
}

}  // namespace
