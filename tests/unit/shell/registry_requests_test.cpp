// A conversation's requests to the registry: what goes out, and in which order answers come.
#include "peer/shell/registry_requests.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include "tests/unit/support/raw_server.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using peer::Conversation;
using peer::RegistryRequests;
using test::posted;
using test::RawServer;
using test::reply;

RegistryRequests::Answer wait_for(RegistryRequests& requests) {
  pollfd ready{requests.fd(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  auto answer = requests.take_answer();
  REQUIRE(answer.has_value());
  return *std::move(answer);
}

RegistryRequests::Request registration(std::uint16_t port) {
  return {.request = {.method = "POST", .target = "/", .body = "UPDATE ali@", .headers = {}},
          .own_port = port};
}
RegistryRequests::Request get(const std::string& target) {
  return {.request = {.method = "GET", .target = target, .body = {}, .headers = {}}};
}

std::string answer_of(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_CASE("a registration ends in the address of the route, and the port it names") {
  RawServer server({reply(answer_of("ok"))});
  RegistryRequests requests({"127.0.0.1", server.port()}, std::nullopt);
  requests.push(registration(40001));
  const auto answer = wait_for(requests);
  CHECK(posted(server, 0) == "UPDATE ali@127.0.0.1:40001");
  REQUIRE(answer.own.has_value());
  CHECK(common::format_endpoint(*answer.own) == "127.0.0.1:40001");
  REQUIRE(answer.answer.has_value());
  CHECK(answer.answer->body == "ok");
}

TEST_CASE("an advertised address takes its place") {
  RawServer server({reply(answer_of("")), reply(answer_of(""))});
  RegistryRequests host({"127.0.0.1", server.port()}, common::HostPort{"192.0.2.7", 0});
  host.push(registration(40001));
  wait_for(host);
  CHECK(posted(server, 0) == "UPDATE ali@192.0.2.7:40001");
  RegistryRequests both({"127.0.0.1", server.port()}, common::HostPort{"192.0.2.7", 50000});
  both.push(registration(40001));
  wait_for(both);
  CHECK(posted(server, 1) == "UPDATE ali@192.0.2.7:50000");

  RegistryRequests nowhere({"127.0.0.1", server.port()},
                           common::HostPort{"no-such-host.invalid", 0});
  nowhere.push(registration(40001));
  const auto answer = wait_for(nowhere);
  REQUIRE_FALSE(answer.answer.has_value());
  CHECK(answer.answer.error().text == "cannot find the host no-such-host.invalid");
}

TEST_CASE("as many as there may be are answered in their order, a connection each") {
  std::vector<RawServer::Reply> replies;
  for (std::size_t i = 0; i < Conversation::kRegistryRequestsMax; ++i)
    replies.push_back(reply(answer_of(std::to_string(i)), RawServer::Reply::Then::kKeep));
  RawServer server(replies);
  RegistryRequests requests({"127.0.0.1", server.port()}, std::nullopt);
  for (std::size_t i = 0; i < Conversation::kRegistryRequestsMax; ++i)
    requests.push(get("/" + std::to_string(i)));
  for (std::size_t i = 0; i < Conversation::kRegistryRequestsMax; ++i) {
    const auto answer = wait_for(requests);
    CHECK_FALSE(answer.own.has_value());
    REQUIRE(answer.answer.has_value());
    CHECK(answer.answer->body == std::to_string(i));
    CHECK(server.requests()[i][0].starts_with("GET /" + std::to_string(i) + " HTTP/1.1\r\n"));
  }
  CHECK(server.connections() == static_cast<int>(Conversation::kRegistryRequestsMax));
}

TEST_CASE("a registry that is not there is an answer like any other, and the next is asked for") {
  std::uint16_t port = 0;
  { port = RawServer({}).port(); }
  RegistryRequests requests({"127.0.0.1", port}, std::nullopt);
  requests.push(registration(40001));
  requests.push(get("/"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = wait_for(requests);
    REQUIRE_FALSE(answer.answer.has_value());
    CHECK(answer.answer.error().kind == peer::ExchangeFailure::Kind::kUnreachable);
  }
}

TEST_CASE("who leaves while the registry hangs does not hang himself") {
  RawServer server({{{"HTTP/1.1 200 OK\r\n"}, RawServer::Reply::Then::kStall}});
  RegistryRequests requests({"127.0.0.1", server.port()}, std::nullopt);
  requests.push(get("/"));
  requests.push(get("/never"));
  while (server.requests().empty()) ::poll(nullptr, 0, 1);
  CHECK(requests.stop_within(std::chrono::seconds(5)));
}

}  // namespace
