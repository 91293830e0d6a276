// Probes on loopback: only a refusal means that nobody is there.
#include "registry/shell/prober.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

namespace ip = asio::ip;
using common::Transport;

std::string probe(asio::io_context& loop, Transport transport, const std::string& endpoint) {
  std::string result = "no result";
  int calls = 0;
  registry::probe_endpoint(loop, {"key", test::endpoint(endpoint), transport}, [&](bool is_gone) {
    result = is_gone ? "gone" : "there";
    ++calls;
  });
  loop.run();
  loop.restart();
  CHECK(calls == 1);
  return result;
}

template <typename Protocol>
std::string free_endpoint() {
  asio::io_context loop;
  typename Protocol::socket socket(loop,
                                   typename Protocol::endpoint(ip::make_address("127.0.0.1"), 0));
  return "127.0.0.1:" + std::to_string(socket.local_endpoint().port());
}

TEST_CASE("a port that nobody is bound to is gone") {
  asio::io_context loop;
  CHECK(probe(loop, Transport::kUdp, free_endpoint<ip::udp>()) == "gone");
  CHECK(probe(loop, Transport::kTcp, free_endpoint<ip::tcp>()) == "gone");
}

TEST_CASE("a bound UDP port is there, and is sent one empty datagram") {
  asio::io_context loop;
  ip::udp::socket socket(loop, ip::udp::endpoint(ip::make_address("127.0.0.1"), 0));
  CHECK(probe(loop, Transport::kUdp,
              "127.0.0.1:" + std::to_string(socket.local_endpoint().port())) == "there");
  char buffer[16];
  ip::udp::endpoint from;
  CHECK(socket.receive_from(asio::buffer(buffer), from) == 0);
  socket.non_blocking(true);
  asio::error_code nothing_more;
  socket.receive_from(asio::buffer(buffer), from, 0, nothing_more);
  CHECK(nothing_more == asio::error::would_block);
}

TEST_CASE("one who answers a probe is there at once") {
  asio::io_context loop;
  ip::udp::socket socket(loop, ip::udp::endpoint(ip::make_address("127.0.0.1"), 0));
  char buffer[16];
  ip::udp::endpoint from;
  socket.async_receive_from(asio::buffer(buffer), from, [&](const asio::error_code&, std::size_t) {
    socket.send_to(asio::buffer("x", 1), from);
  });
  const auto begun = std::chrono::steady_clock::now();
  CHECK(probe(loop, Transport::kUdp,
              "127.0.0.1:" + std::to_string(socket.local_endpoint().port())) == "there");
  CHECK(std::chrono::steady_clock::now() - begun < registry::kProbeWait);
}

TEST_CASE("a listening TCP port is there, and the connection is closed without a byte") {
  asio::io_context loop;
  ip::tcp::acceptor acceptor(loop, ip::tcp::endpoint(ip::make_address("127.0.0.1"), 0));
  CHECK(probe(loop, Transport::kTcp,
              "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())) == "there");
  ip::tcp::socket accepted = acceptor.accept();
  char buffer[16];
  asio::error_code ended;
  CHECK(accepted.read_some(asio::buffer(buffer), ended) == 0);
  CHECK(ended == asio::error::eof);
}

TEST_CASE("many probes run side by side, each with its own answer") {
  asio::io_context loop;
  int gone = 0;
  int there = 0;
  std::vector<ip::udp::socket> sockets;
  for (int i = 0; i < 10; ++i) {
    sockets.emplace_back(loop, ip::udp::endpoint(ip::make_address("127.0.0.1"), 0));
    const auto count = [&](bool is_gone) { ++(is_gone ? gone : there); };
    const auto bound = "127.0.0.1:" + std::to_string(sockets.back().local_endpoint().port());
    registry::probe_endpoint(loop, {"a", test::endpoint(bound), Transport::kUdp}, count);
    registry::probe_endpoint(loop, {"b", test::endpoint(free_endpoint<ip::udp>()), Transport::kUdp},
                             count);
  }
  loop.run();
  CHECK(there == 10);
  CHECK(gone == 10);
}

}  // namespace
