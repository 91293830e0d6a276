// The UDP socket of both families, on loopback.
#include "peer/shell/datagram_socket.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <map>

#include "common/limits.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using peer::DatagramSocket;
using peer::Transmit;

DatagramSocket open(std::uint16_t port = 0) {
  auto socket = DatagramSocket::open(port);
  if (!socket) FAIL(socket.error().message());
  return *std::move(socket);
}

Transmit to(std::string_view address, std::uint16_t port, std::string_view text) {
  return {{test::ip(address), port}, common::to_vector(text)};
}

/// "from-address text" for what has arrived, waiting for `count`.
std::vector<std::string> receive(DatagramSocket& socket, std::size_t count) {
  std::vector<std::string> seen;
  while (seen.size() < count) {
    pollfd readable{socket.fd(), POLLIN, 0};
    if (::poll(&readable, 1, 5000) != 1) break;
    socket.receive([&](const common::Endpoint& from, common::Bytes datagram) {
      seen.push_back(from.address.to_string() + ' ' + std::string(common::as_text(datagram)));
    });
  }
  return seen;
}

TEST_CASE("a free port is taken, and a datagram sent to it arrives with its sender's address") {
  DatagramSocket listener = open();
  CHECK(listener.port() >= 1024);
  DatagramSocket sender = open();
  CHECK(sender.port() != listener.port());
  CHECK(sender.send({to("127.0.0.1", listener.port(), "carol: hello all")}) ==
        std::vector<std::string>{""});
  CHECK(receive(listener, 1) == std::vector<std::string>{"127.0.0.1 carol: hello all"});
}

TEST_CASE("a port that is in use is an error that says so") {
  DatagramSocket first = open();
  const auto second = DatagramSocket::open(first.port());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == std::errc::address_in_use);
}

TEST_CASE("more datagrams than one batch all arrive, in order") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  std::vector<Transmit> datagrams;
  for (int i = 0; i < 200; ++i)
    datagrams.push_back(to("127.0.0.1", listener.port(), std::to_string(i)));
  CHECK(sender.send(datagrams) == std::vector<std::string>(200));
  const auto seen = receive(listener, 200);
  REQUIRE(seen.size() == 200);
  for (int i = 0; i < 200; ++i)
    CHECK(seen[static_cast<std::size_t>(i)] == "127.0.0.1 " + std::to_string(i));
}

TEST_CASE("datagrams that were sent in one call arrive one by one, the short last one too") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  const std::string datagrams = std::string(100, 'a') + std::string(100, 'b') + "c";
  sender.send_segments({test::ip("127.0.0.1"), listener.port()}, common::as_bytes(datagrams), 100);
  CHECK(receive(listener, 3) == std::vector<std::string>{"127.0.0.1 " + std::string(100, 'a'),
                                                         "127.0.0.1 " + std::string(100, 'b'),
                                                         "127.0.0.1 c"});
}

TEST_CASE("empty and largest datagrams arrive whole") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  const std::string largest(common::kUdpPayloadBytesMax, 'x');
  CHECK(sender.send({to("127.0.0.1", listener.port(), ""),
                     to("127.0.0.1", listener.port(), largest)}) == std::vector<std::string>(2));
  const auto seen = receive(listener, 2);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == "127.0.0.1 ");
  CHECK(seen[1] == "127.0.0.1 " + largest);
}

TEST_CASE("one datagram that cannot be sent does not keep the others back") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  const auto results = sender.send({
      to("127.0.0.1", listener.port(), "one"),
      to("127.0.0.1", listener.port(), std::string(70'000, 'x')),  // longer than UDP has room
      to("127.0.0.1", listener.port(), "two"),
      to("255.255.255.255", listener.port(), "three"),  // broadcasts were not asked for
      to("127.0.0.1", listener.port(), "four"),
  });
  REQUIRE(results.size() == 5);
  CHECK(results[0] == "");
  CHECK(results[1] == "message too long");
  CHECK(results[2] == "");
  CHECK(results[3] == "permission denied");
  CHECK(results[4] == "");
  CHECK(receive(listener, 3).size() == 3);
}

TEST_CASE("that nobody listens is no error, and does not spoil what is sent next") {
  DatagramSocket sender = open();
  std::uint16_t closed = 0;
  { closed = open().port(); }
  DatagramSocket listener = open();
  for (int i = 0; i < 5; ++i)
    CHECK(sender.send({to("127.0.0.1", closed, "x")}) == std::vector<std::string>{""});
  std::vector<Transmit> mixed;
  for (int i = 0; i < 50; ++i) {
    mixed.push_back(to("127.0.0.1", closed, "x"));
    mixed.push_back(to("127.0.0.1", listener.port(), std::to_string(i)));
  }
  CHECK(sender.send(mixed) == std::vector<std::string>(100));
  CHECK(receive(listener, 50).size() == 50);
}

TEST_CASE("nothing to send and nothing to read are no matter") {
  DatagramSocket socket = open();
  CHECK(socket.send({}).empty());
  socket.receive([](const common::Endpoint&, common::Bytes) { FAIL("nothing was sent"); });
}

TEST_CASE("a flood is taken in portions, and nothing of it is lost in between") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  const std::size_t sent = 2000;
  std::vector<Transmit> datagrams(sent, to("127.0.0.1", listener.port(), "x"));
  sender.send(datagrams);
  std::size_t largest = 0;
  std::size_t total = 0;
  for (int i = 0; i < 100 && total < sent; ++i) {
    std::size_t count = 0;
    listener.receive([&](const common::Endpoint&, common::Bytes) { ++count; });
    largest = std::max(largest, count);
    total += count;
  }
  CHECK(total == sent);
  CHECK(largest < 256 + 8 * 64);  // the last call may bring eight times what the kernel joins
}

TEST_CASE("datagrams of all sizes to several addresses arrive in their order, each by itself") {
  DatagramSocket first = open();
  DatagramSocket second = open();
  DatagramSocket sender = open();
  std::vector<Transmit> datagrams;
  std::vector<std::string> for_first;
  std::vector<std::string> for_second;
  // Runs of one size, with a shorter end, a longer one after it, and an empty one between.
  for (const std::size_t size : {3u, 3u, 3u, 1u, 4u, 4u, 0u, 4u, 1200u, 1200u, 1201u, 1201u, 7u}) {
    const std::string text(size, static_cast<char>('a' + for_first.size()));
    datagrams.push_back(to("127.0.0.1", first.port(), text));
    for_first.push_back("127.0.0.1 " + text);
    if (size % 2 == 0) continue;
    datagrams.push_back(to("127.0.0.1", second.port(), text));
    for_second.push_back("127.0.0.1 " + text);
  }
  CHECK(sender.send(datagrams) == std::vector<std::string>(datagrams.size()));
  CHECK(receive(first, for_first.size()) == for_first);
  CHECK(receive(second, for_second.size()) == for_second);
}

TEST_CASE("a run ends with a shorter datagram, and the next begins with a longer one") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  std::vector<Transmit> datagrams;
  std::vector<std::string> expected;
  for (const std::size_t size : {5u, 5u, 2u, 5u, 5u, 1u, 1u, 0u, 6u, 4u, 3u, 4u}) {
    const std::string text(size, static_cast<char>('a' + expected.size()));
    datagrams.push_back(to("127.0.0.1", listener.port(), text));
    expected.push_back("127.0.0.1 " + text);
  }
  CHECK(sender.send(datagrams) == std::vector<std::string>(datagrams.size()));
  CHECK(receive(listener, expected.size()) == expected);
}

TEST_CASE("each of a run that is refused is said to be, and what follows is sent") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  const auto results = sender.send({
      to("255.255.255.255", listener.port(), "one"),
      to("255.255.255.255", listener.port(), "two"),
      to("127.0.0.1", listener.port(), "six"),
      to("127.0.0.1", listener.port(), "ten"),
  });
  CHECK(results == std::vector<std::string>{"permission denied", "permission denied", "", ""});
  CHECK(receive(listener, 2) == std::vector<std::string>{"127.0.0.1 six", "127.0.0.1 ten"});
}

TEST_CASE("where the machine has IPv6, one socket takes both") {
  DatagramSocket listener = open();
  DatagramSocket sender = open();
  if (sender.send({to("::1", listener.port(), "six")}) != std::vector<std::string>{""}) {
    MESSAGE("no IPv6 on this machine: not tried");
    return;
  }
  sender.send({to("127.0.0.1", listener.port(), "four")});
  CHECK(receive(listener, 2) == std::vector<std::string>{"::1 six", "127.0.0.1 four"});
}

}  // namespace
