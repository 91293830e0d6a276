// The NetChat door: messages at gateway ports, and to users who take them over TCP.
#include "registry/doors/netchat.hpp"

#include <doctest/doctest.h>

#include "registry/doors/limits.hpp"
#include "registry/node.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/counting_ports.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::doors::NetchatDoor;
using registry::doors::StreamId;

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef";

class NetchatWorld {
 public:
  explicit NetchatWorld(bool has_gateway = true)
      : node_({.gateway_ports = has_gateway ? &udp_ports : nullptr,
               .tcp_gateway_ports = has_gateway ? &tcp_ports : nullptr,
               .is_own_address =
                   [](const common::IpAddress& address) {
                     return address == ip("10.0.0.1") || address.is_loopback();
                   }},
              random_, [] { return std::string(); }) {
    door().set_own_ports({8080});
  }

  registry::Node& node() { return node_; }
  NetchatDoor& door() { return node_.netchat(); }

  void listen(std::string_view text, common::Transport transport,
              std::string_view source = "127.0.0.1") {
    auto parsed = record(text);
    node_.directory().register_user(
        now, {.name = std::move(parsed.name), .endpoint = parsed.endpoint, .transport = transport},
        {.source = ip(source), .token = std::nullopt});
    commit();
  }
  void log_out(std::string_view text) {
    const auto parsed = record(text);
    node_.directory().logout_user(now, parsed.name, parsed.endpoint,
                                  {.source = ip("127.0.0.1"), .token = std::nullopt});
    commit();
  }
  std::uint16_t tcp_port(std::string_view user) {
    node_.tcp_gateway()->prepare_all();
    return node_.directory().find(name(user))->gateway_ports[common::Transport::kTcp];
  }

  StreamId connect(std::uint16_t port, std::string_view source = "127.0.0.1") {
    const StreamId id = ++last_stream_;
    door().handle_accepted(now, id, ip(source), {ip("127.0.0.1"), port});
    settle();
    return id;
  }
  void send(StreamId id, std::string_view bytes) {
    door().handle_bytes(now, id, bytes);
    settle();
  }
  void end(StreamId id) {
    door().handle_end(now, id);
    settle();
  }
  /// A whole message at that user's port, as an old program sends it.
  void say(std::string_view user, std::string_view bytes, std::string_view source = "127.0.0.1") {
    const StreamId id = connect(tcp_port(user), source);
    send(id, bytes);
    end(id);
  }
  void pass(common::Duration duration) {
    now += duration;
    node_.handle_timeout(now);
    settle();
  }
  void deliver(std::string_view to, std::string_view text, std::string_view from = "carol") {
    node_.hub().deliver(registry::Asker::http(), 0,
                        std::make_shared<const registry::Message>(
                            registry::Message{std::string(from), std::string(text), false}),
                        name(to));
    settle();
  }
  void deliver_to_all(std::string_view text) {
    node_.hub().deliver_to_all(registry::Asker::http(), 0,
                               std::make_shared<const registry::Message>(
                                   registry::Message{"carol", std::string(text), true}),
                               name("carol"));
    settle();
  }
  std::uint64_t outcomes(registry::DeliveryOutcome outcome) {
    return node_.hub().counters().outcomes.at(static_cast<std::size_t>(outcome));
  }
  std::uint64_t dropped(const std::string& reason) {
    const auto& counts = node_.tcp_gateway()->counters().dropped;
    const auto it = counts.find(reason);
    return it == counts.end() ? 0 : it->second;
  }
  bool is_closed(StreamId id) const { return closed_.contains(id); }

  void settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      node_.run_hub(now);
      while (const auto transmit = node_.hub().poll_transmit()) {
        datagrams.push_back(common::format_endpoint(transmit->to) + " < " +
                            std::string(common::as_text(*transmit->datagram)));
        node_.handle_transmitted(transmit->delivery, true);
        is_quiet = false;
      }
      while (const auto action = door().poll_action()) {
        is_quiet = false;
        if (const auto* dial = std::get_if<registry::doors::Dial>(&*action)) {
          dialed.push_back(common::format_endpoint(dial->to));
          if (dials_succeed) {
            said_to_[++last_stream_] = dialed.back();
            door().handle_dialed(now, dial->client, last_stream_);
          } else if (!dials_wait) {
            door().handle_dialed(now, dial->client, std::nullopt);
          }
        } else if (const auto* write = std::get_if<registry::doors::Write>(&*action)) {
          REQUIRE_FALSE(closed_.contains(write->stream));
          said.push_back(said_to_.at(write->stream) + " < " + *write->bytes);
        } else if (const auto* close = std::get_if<registry::doors::Close>(&*action)) {
          REQUIRE(closed_.insert(close->stream).second);
        }
      }
    }
  }

  CountingPorts udp_ports{40'001};
  CountingPorts tcp_ports{50'001};
  common::TimePoint now = at(1h);
  bool dials_succeed = true;
  bool dials_wait = false;
  std::vector<std::string> datagrams;
  std::vector<std::string> dialed;
  std::vector<std::string> said;  // "127.0.0.1:2001 < carol: \"hi\""

 private:
  void commit() {
    while (const auto change = node_.poll_change())
      node_.handle_committed(now, {{change->id, node_.directory().version() + 1}});
  }

  TestRandom random_{1};
  registry::Node node_;
  StreamId last_stream_ = 0;
  std::map<StreamId, std::string> said_to_;
  std::set<StreamId> closed_;
};

using common::Transport;
using registry::DeliveryOutcome;

TEST_CASE("a user of TCP is sent the message over a connection of its own") {
  NetchatWorld world;
  world.listen("nina@127.0.0.1:2001", Transport::kTcp);
  world.deliver("nina", "see you at 10");
  CHECK(world.said == std::vector<std::string>{"127.0.0.1:2001 < carol: \"see you at 10\""});
  CHECK(world.outcomes(DeliveryOutcome::kSent) == 1);
  world.deliver("nina", "he said \"hi\"");
  CHECK(world.said.back() == "127.0.0.1:2001 < carol: \"he said ”hi”\" quotes");
}

TEST_CASE("what cannot be sent to him has its outcome") {
  NetchatWorld world;
  world.listen("nina@127.0.0.1:2001", Transport::kTcp);
  SUBCASE("a text that his program would cut") {
    world.deliver("nina", std::string(1024, 'x'));
    CHECK(world.outcomes(DeliveryOutcome::kRefused) == 1);
    CHECK(world.dialed.empty());
  }
  SUBCASE("a sender whose messages are delete signals to his program") {
    world.deliver("nina", "x", "DELETE_MESSAGE");
    CHECK(world.outcomes(DeliveryOutcome::kRefused) == 1);
  }
  SUBCASE("nobody there") {
    world.dials_succeed = false;
    world.deliver("nina", "hi");
    CHECK(world.outcomes(DeliveryOutcome::kLeft) == 1);
  }
  SUBCASE("the registry stops meanwhile") {
    world.dials_succeed = false;
    world.dials_wait = true;
    world.deliver("nina", "hi");
    world.node().shut_down_doors(world.now);
    CHECK(world.outcomes(DeliveryOutcome::kLeft) == 1);
    world.deliver("nina", "again");
    CHECK(world.outcomes(DeliveryOutcome::kLeft) == 2);
  }
  CHECK(world.node().hub().under_way() == 0);
}

TEST_CASE("the registry never connects to itself") {
  struct Row {
    std::string_view name;
    std::string_view endpoint;
    bool is_dialed;
  };
  const Row rows[] = {
      {"its HTTP port", "127.0.0.1:8080", false},
      {"by another loopback address", "127.1.2.3:8080", false},
      {"over IPv6", "[::1]:8080", false},
      {"by its machine's address", "10.0.0.1:8080", false},
      {"that port of another machine", "10.0.0.2:8080", true},
      {"a gateway port", "127.0.0.1:50002", false},
      {"a port of another program", "127.0.0.1:2001", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    NetchatWorld world;
    world.listen("lara@127.0.0.1:1111", Transport::kUdp);
    world.listen("veli@127.0.0.1:1112", Transport::kUdp);
    CHECK(world.tcp_port("veli") == 50'002);
    const bool is_here = ip(row.endpoint.substr(0, row.endpoint.rfind(':')) == "[::1]"
                                ? "::1"
                                : row.endpoint.substr(0, row.endpoint.rfind(':')))
                             .is_loopback();
    world.listen("mallory@" + std::string(row.endpoint), Transport::kTcp,
                 is_here ? "127.0.0.1" : "10.0.0.9");
    world.deliver("mallory", "hi");
    CHECK(world.dialed.size() == (row.is_dialed ? 1 : 0));
    CHECK(world.outcomes(DeliveryOutcome::kRefused) == (row.is_dialed ? 0 : 1));
  }
}

TEST_CASE("a broadcast reaches users of both transports") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.listen("nina@127.0.0.1:2001", Transport::kTcp);
  world.listen("nora@127.0.0.1:2002", Transport::kTcp);
  world.deliver_to_all("tea");
  CHECK(world.datagrams == std::vector<std::string>{"127.0.0.1:1111 < carol: tea"});
  CHECK(world.said == std::vector<std::string>{"127.0.0.1:2001 < carol: \"tea\"",
                                               "127.0.0.1:2002 < carol: \"tea\""});
  CHECK(world.outcomes(DeliveryOutcome::kSent) == 3);
}

TEST_CASE("what comes to a gateway port is for its user") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view expected;
  };
  const Row rows[] = {
      {"a message", "can: \"selam\"", "can: selam"},
      {"inner quotes", "can: \"a \"b\" c\"", "can: a \"b\" c"},
      {"no quotes", "can: selam", "can: selam"},
      {"cut before the second quote", "can: \"selam", "can: selam"},
      {"an id, which is of no use here", "can: \"hi\" id=" + std::string(kId), "can: hi"},
      {"quotes of our own program", "can: \"a ”b”\" quotes", "can: a \"b\""},
      {"line ends", "can: \"a\r\nb\"", "can: a b"},
      {"a line behind it forges nobody", "can: \"a\"\nbob: \"b\"", "can: a\" bob: \"b"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    world.datagrams.clear();
    world.say("lara", row.bytes);
    CHECK(world.datagrams ==
          std::vector<std::string>{"127.0.0.1:1111 < " + std::string(row.expected)});
  }
  CHECK(world.door().stream_count() == 0);
  CHECK(world.node().tcp_gateway()->counters().taken == std::size(rows));
}

TEST_CASE("what is no message is dropped, and counted by its reason") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.listen("bob@192.168.1.5:1112", Transport::kUdp, "192.168.1.5");
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view reason;
  };
  const Row rows[] = {
      {"nothing", "", "empty"},
      {"nobody's", "\"hi\"", "no_sender"},
      {"a name that nobody can have", "a b: \"hi\"", "no_sender"},
      {"somebody else's name", "bob: \"hi\"", "forged_sender"},
      {"an empty text", "can: \"\"", "malformed"},
      {"bad UTF-8", "can: \"\xff\"", "malformed"},
      {"a command for terminals", "can: \"\x1b[2J\"", "malformed"},
      {"a delete signal", "DELETE_MESSAGE:can", "delete"},
      {"one with an id", "DELETE_MESSAGE:can:" + std::string(kId), "delete"},
      {"5 kB", "can: \"" + std::string(5000, 'x') + '"', "too_long"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto before = world.dropped(std::string(row.reason));
    world.say("lara", row.bytes);
    CHECK(world.dropped(std::string(row.reason)) == before + 1);
    CHECK(world.door().stream_count() == 0);
  }
  CHECK(world.datagrams.empty());
  world.say("lara", "bob: \"me\"", "192.168.1.5");
  CHECK(world.datagrams == std::vector<std::string>{"127.0.0.1:1111 < bob: me"});
}

TEST_CASE("a message may come in any pieces") {
  const std::string whole = "Göktuğ: \"he said \"hi\" and left\"";
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const std::vector<std::string> expected = {"127.0.0.1:1111 < Göktuğ: he said \"hi\" and left"};
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CAPTURE(cut);
    world.datagrams.clear();
    const auto id = world.connect(world.tcp_port("lara"));
    world.send(id, whole.substr(0, cut));
    world.send(id, whole.substr(cut));
    world.end(id);
    CHECK(world.datagrams == expected);
  }
  world.datagrams.clear();
  const auto id = world.connect(world.tcp_port("lara"));
  for (const char c : whole) world.send(id, std::string(1, c));
  world.end(id);
  CHECK(world.datagrams == expected);
}

TEST_CASE("a sender who does not close is heard all the same, if he has finished") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const auto id = world.connect(world.tcp_port("lara"));
  SUBCASE("at once with an id") {
    world.send(id, "can: \"hi\" id=" + std::string(kId));
    CHECK(world.datagrams.size() == 1);
    CHECK(world.is_closed(id));
  }
  SUBCASE("soon after a quote that may be the last") {
    world.send(id, "can: \"he said \"hi\"");
    world.pass(200ms);
    CHECK(world.datagrams.empty());
    world.send(id, " and left\"");
    world.pass(200ms);
    CHECK(world.datagrams.empty());
    world.pass(101ms);
    CHECK(world.datagrams ==
          std::vector<std::string>{"127.0.0.1:1111 < can: he said \"hi\" and left"});
    CHECK(world.is_closed(id));
  }
  SUBCASE("never without its end") {
    world.send(id, "can: \"hi");
    world.pass(4999ms);
    CHECK_FALSE(world.is_closed(id));
    world.pass(1ms);
    CHECK(world.is_closed(id));
    CHECK(world.dropped("slow") == 1);
    CHECK(world.datagrams.empty());
  }
  SUBCASE("and quotes one by one buy no time") {
    for (int i = 0; i < 60; ++i) {
      world.send(id, "\"");
      world.pass(100ms);
    }
    CHECK(world.is_closed(id));
  }
  SUBCASE("nor does silence") {
    world.pass(5s);
    CHECK(world.is_closed(id));
    CHECK(world.dropped("slow") == 1);
  }
  CHECK(world.door().stream_count() == 0);
  world.send(id, "late bytes are nobody's");
  world.end(id);
}

TEST_CASE("a connection that breaks leaves nothing") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const auto id = world.connect(world.tcp_port("lara"));
  world.send(id, "can: \"hi\"");
  world.door().handle_closed(world.now, id);
  world.pass(10s);
  CHECK(world.datagrams.empty());
  CHECK(world.dropped("broken") == 1);
  CHECK_FALSE(world.door().next_timeout());
}

TEST_CASE("a message is for whose port it was when the connection came") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const auto port = world.tcp_port("lara");
  const auto id = world.connect(port);
  world.send(id, "can: \"for lara\"");
  world.log_out("lara@127.0.0.1:1111");
  world.end(id);
  CHECK(world.dropped("nobody") == 1);
  CHECK(world.datagrams.empty());
  const auto late = world.connect(port);
  CHECK(world.is_closed(late));
  CHECK(world.door().counters().refused.at("nobody") == 1);
}

TEST_CASE("one address cannot take all connections") {
  using namespace registry::doors;
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  const auto port = world.tcp_port("lara");
  for (std::size_t i = 0; i < kNetchatStreamsPerSourceMax; ++i) world.connect(port, "10.0.0.5");
  CHECK(world.is_closed(world.connect(port, "10.0.0.5")));
  CHECK(world.door().counters().refused.at("too_many_from_source") == 1);
  CHECK_FALSE(world.is_closed(world.connect(port, "10.0.0.6")));
  while (world.door().stream_count() < kNetchatStreamsMax) world.connect(port, "127.0.0.1");
  CHECK(world.is_closed(world.connect(port, "127.0.0.1")));
  CHECK(world.door().counters().refused.at("too_many") == 1);
  world.pass(5s);
  CHECK(world.door().stream_count() == 0);
  CHECK_FALSE(world.is_closed(world.connect(port, "10.0.0.5")));
}

TEST_CASE("users of both transports talk to each other through their ports") {
  NetchatWorld world;
  world.listen("lara@127.0.0.1:1111", Transport::kUdp);
  world.listen("nina@127.0.0.1:2001", Transport::kTcp);
  world.say("lara", "nina: \"to a listener\"");
  CHECK(world.datagrams == std::vector<std::string>{"127.0.0.1:1111 < nina: to a listener"});
  world.node().gateway()->prepare_all();
  const auto port = world.node().directory().find(name("nina"))->gateway_ports[Transport::kUdp];
  world.node().gateway()->handle_datagram(port, ip("127.0.0.1"),
                                          common::as_bytes("lara: to a NetChat user"));
  world.settle();
  CHECK(world.said == std::vector<std::string>{"127.0.0.1:2001 < lara: \"to a NetChat user\""});
}

TEST_CASE("without gateway ports messages to users of TCP still leave") {
  NetchatWorld world(/*has_gateway=*/false);
  world.listen("nina@127.0.0.1:2001", Transport::kTcp);
  world.deliver("nina", "hi");
  CHECK(world.said.size() == 1);
  CHECK(world.is_closed(world.connect(50'001)));
}

}  // namespace
