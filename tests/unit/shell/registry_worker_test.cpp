// Registering from a thread of its own: which endpoint is asked for, and how results come back.
#include "peer/shell/registry_worker.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include "tests/unit/support/raw_server.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using peer::RegistryWorker;
using peer::Verb;
using test::posted;
using test::RawServer;
using test::reply;

RegistryWorker::Job job(Verb verb) {
  return {verb, test::name("ali"), 50001, std::nullopt, std::nullopt};
}

RegistryWorker::Result wait_for(RegistryWorker& worker) {
  pollfd ready{worker.fd(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  auto result = worker.take_result();
  REQUIRE(result.has_value());
  CHECK_FALSE(worker.take_result().has_value());
  return *std::move(result);
}

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

TEST_CASE("the address of the route to the registry is registered, with the socket's port") {
  RawServer server({reply(kOk)});
  RegistryWorker worker({"127.0.0.1", server.port()});
  worker.start(job(Verb::kRegister));
  const auto result = wait_for(worker);
  CHECK(common::format_endpoint(result.endpoint) == "127.0.0.1:50001");
  REQUIRE(result.outcome.has_value());
  CHECK(std::holds_alternative<peer::Accepted>(*result.outcome));
  CHECK(posted(server, 0) == "REGISTER ali@127.0.0.1:50001");
}

TEST_CASE("an advertised address is registered instead, and its port if it has one") {
  struct Row {
    std::string_view name;
    common::HostPort advertise;
    std::string_view expected;
  };
  const Row rows[] = {
      {"an address", {"192.0.2.7", 0}, "REGISTER ali@192.0.2.7:50001"},
      {"an address and a port", {"192.0.2.7", 40000}, "REGISTER ali@192.0.2.7:40000"},
      {"IPv6", {"2001:db8::7", 0}, "REGISTER ali@[2001:db8::7]:50001"},
      {"a name", {"localhost", 0}, "REGISTER ali@127.0.0.1:50001"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RawServer server({reply(kOk)});
    RegistryWorker worker({"127.0.0.1", server.port()});
    auto wanted = job(Verb::kRegister);
    wanted.advertise = row.advertise;
    worker.start(wanted);
    wait_for(worker);
    CHECK(posted(server, 0) == row.expected);
  }
}

TEST_CASE("an advertised host that does not exist is told, and nothing is registered") {
  RawServer server({});
  RegistryWorker worker({"127.0.0.1", server.port()});
  auto wanted = job(Verb::kRegister);
  wanted.advertise = common::HostPort{"no-such-host.invalid", 0};
  worker.start(wanted);
  const auto result = wait_for(worker);
  REQUIRE_FALSE(result.outcome.has_value());
  CHECK(result.outcome.error().text == "cannot find the host no-such-host.invalid");
  CHECK(server.requests().empty());
}

TEST_CASE("a LOGOUT names what was registered, to the byte, whatever the route is by then") {
  RawServer server({reply(kOk), reply(kOk)});
  RegistryWorker worker({"127.0.0.1", server.port()});
  auto wanted = job(Verb::kRegister);
  wanted.advertise = common::HostPort{"192.0.2.7", 40000};
  worker.start(wanted);
  wait_for(worker);
  worker.start(job(Verb::kLogout));
  wait_for(worker);
  CHECK(posted(server, 1) == "LOGOUT ali@192.0.2.7:40000");
}

TEST_CASE("the token goes along in its header field") {
  RawServer server({reply(kOk)});
  RegistryWorker worker({"127.0.0.1", server.port()});
  auto wanted = job(Verb::kUpdate);
  wanted.owner_token = std::string(43, 'k');
  worker.start(wanted);
  wait_for(worker);
  CHECK(server.requests()[0][0].find("\r\nOwner-Token: " + std::string(43, 'k') + "\r\n") !=
        std::string::npos);
}

TEST_CASE("a registry that is not there is a result like any other") {
  std::uint16_t port = 0;
  { port = RawServer({}).port(); }
  RegistryWorker worker({"127.0.0.1", port});
  worker.start(job(Verb::kRegister));
  const auto result = wait_for(worker);
  REQUIRE_FALSE(result.outcome.has_value());
  CHECK(result.outcome.error().kind == peer::ExchangeFailure::Kind::kUnreachable);
}

TEST_CASE("a worker that is destroyed while its registry hangs does not hang itself") {
  RawServer server({{{"HTTP/1.1 200 OK\r\n"}, RawServer::Reply::Then::kStall}});
  RegistryWorker worker({"127.0.0.1", server.port()});
  worker.start(job(Verb::kRegister));
  while (server.requests().empty()) ::poll(nullptr, 0, 1);
}

}  // namespace
