// The peer's HTTP client against real sockets and answers of every sort.
#include "peer/shell/registry_client.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/raw_server.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using peer::HttpRequest;
using peer::RegistryClient;
using test::RawServer;
using test::reply;
using FailureKind = peer::ExchangeFailure::Kind;
using Then = RawServer::Reply::Then;

RegistryClient client_of(const RawServer& server) {
  return RegistryClient({"127.0.0.1", server.port()});
}

/// "200 text body", "200 json {…}", or "unreachable: …".
std::string describe(const RegistryClient::Result<peer::HttpAnswer>& answer) {
  if (answer) {
    return std::to_string(answer->status) + (answer->is_json ? " json " : " text ") + answer->body;
  }
  const auto& failure = answer.error();
  const std::string kind = failure.kind == FailureKind::kUnreachable ? "unreachable"
                           : failure.kind == FailureKind::kNoAnswer  ? "no answer"
                                                                     : "broken";
  return kind + ": " + failure.text;
}

const HttpRequest kList = peer::make_list_request("");

TEST_CASE("answers of registries old and new are read whole") {
  struct Row {
    std::string_view name;
    RawServer::Reply reply;
    std::string_view expected;
  };
  const std::string list = "alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n";
  const std::vector<Row> rows = {
      {"D0 accepted", reply("HTTP/1.1 200 OK\r\n\r\n"), "200 text "},
      {"D0 taken", reply("HTTP/1.1 406 Not Acceptable\r\n\r\n"), "406 text "},
      {"D0 list of 0", reply("HTTP/1.1 400 Bad Request\r\n\r\n"), "400 text "},
      {"D0 list of 2, to the end of input", reply("HTTP/1.1 200 OK\r\n\r\n" + list),
       "200 text alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n"},
      {"the same in pieces",
       {{"HTTP/1.1 200", " OK\r\n", "\r\n", "alice@127.0.0.1:50001,",
         "bob@127.0.0.1:50002,\r\n\r\n"}},
       "200 text alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n"},
      {"with a length", reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Then::kKeep),
       "200 text hello"},
      {"an empty body", reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Then::kKeep),
       "200 text "},
      {"JSON",
       reply("HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
             "Content-Length: 2\r\n\r\n{}",
             Then::kKeep),
       "200 json {}"},
      {"in chunks",
       reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
             Then::kKeep),
       "200 text hello"},
      {"HTTP/1.0", reply("HTTP/1.0 200 OK\r\n\r\nhello"), "200 text hello"},
      {"not found", reply("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 text "},
      {"nothing new", reply("HTTP/1.1 304 Not Modified\r\nETag: \"5\"\r\n\r\n", Then::kKeep),
       "304 text "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RawServer server({row.reply});
    RegistryClient client = client_of(server);
    CHECK(describe(client.exchange(kList)) == row.expected);
  }
}

TEST_CASE("what is no answer is told apart: nothing, something else, cut short") {
  struct Row {
    std::string_view name;
    RawServer::Reply reply;
    std::string_view kind;
  };
  const std::vector<Row> rows = {
      {"closed without a byte", {{}, Then::kClose}, "no answer: it closed without an answer"},
      {"another protocol", reply("SSH-2.0-OpenSSH_9.2\r\n"), "broken: what it says is not HTTP"},
      {"no line end", reply("hello"), "broken: what it says is not HTTP"},
      {"a body cut short", reply("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
       "broken: what it says is not HTTP"},
      {"a head cut short", reply("HTTP/1.1 200 OK\r\nContent-Le"),
       "broken: what it says is not HTTP"},
      {"binary", reply(std::string("\x16\x03\x01\x00\xff\r\n", 7)),
       "broken: what it says is not HTTP"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RawServer server({row.reply});
    RegistryClient client = client_of(server);
    CHECK(describe(client.exchange(kList)) == row.kind);
  }
}

TEST_CASE("a reset connection is told as such") {
  RawServer server({{{}, Then::kReset}});
  RegistryClient client = client_of(server);
  const std::string told = describe(client.exchange(kList));
  CHECK((told == "unreachable: connection reset by peer" ||
         told == "no answer: it closed without an answer"));
}

TEST_CASE("a request leaves in one piece, exact to the byte: old registries read once") {
  RawServer server({reply("HTTP/1.1 200 OK\r\n\r\n"), reply("HTTP/1.1 200 OK\r\n\r\n")});
  RegistryClient client = client_of(server);
  REQUIRE(client
              .exchange(peer::make_registration(peer::Verb::kRegister, test::name("alice"),
                                                test::endpoint("127.0.0.1:50001"), "TOKEN"))
              .has_value());
  REQUIRE(client.exchange(kList).has_value());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  REQUIRE(requests[0].size() == 1);
  REQUIRE(requests[1].size() == 1);
  const std::string& sent = requests[0][0];
  CHECK(sent.starts_with("POST /userlist.txt HTTP/1.1\r\n"));
  CHECK(sent.ends_with("\r\n\r\nREGISTER alice@127.0.0.1:50001"));
  CHECK(sent.find("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n") != sent.npos);
  CHECK(sent.find("\r\nContent-Length: 30\r\n") != sent.npos);
  CHECK(sent.find("\r\nAccept: application/json\r\n") != sent.npos);
  CHECK(sent.find("\r\nOwner-Token: TOKEN\r\n") != sent.npos);
  CHECK(sent.find("\r\nUser-Agent: peer/") != sent.npos);
  CHECK(sent.size() < 2048);
  CHECK(requests[1][0].starts_with("GET /userlist.txt HTTP/1.1\r\n"));
}

TEST_CASE("the longest name's registration still fits one read of an old registry") {
  RawServer server({reply("HTTP/1.1 200 OK\r\n\r\n")});
  RegistryClient client = client_of(server);
  std::string name;
  for (int i = 0; i < 32; ++i) name += "ş";
  REQUIRE(client
              .exchange(peer::make_registration(
                  peer::Verb::kRegister, test::name(name),
                  test::endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:50001"),
                  std::string(43, 'k')))
              .has_value());
  CHECK(server.requests()[0][0].size() < 2048);
}

TEST_CASE("a connection is kept when the registry keeps it, and made anew when it does not") {
  const std::string kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
  RawServer server({reply(kept, Then::kKeep), reply(kept, Then::kKeep), reply(closing, Then::kKeep),
                    reply(kept, Then::kKeep)});
  RegistryClient client = client_of(server);
  for (int i = 0; i < 3; ++i) REQUIRE(describe(client.exchange(kList)) == "200 text x");
  CHECK(server.connections() == 1);
  REQUIRE(describe(client.exchange(kList)) == "200 text x");
  CHECK(server.connections() == 2);
}

TEST_CASE("a kept connection that was closed meanwhile is made anew once, unseen") {
  const std::string kept = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  RawServer server({reply(kept, Then::kClose), reply(kept, Then::kKeep)});
  RegistryClient client = client_of(server);
  REQUIRE(describe(client.exchange(kList)) == "200 text x");
  CHECK(describe(client.exchange(kList)) == "200 text x");
  CHECK(server.connections() == 2);
}

TEST_CASE("a first connection that is closed without an answer is not tried twice") {
  RawServer server({{{}, Then::kClose}, reply("HTTP/1.1 200 OK\r\n\r\n")});
  RegistryClient client = client_of(server);
  CHECK(describe(client.exchange(kList)) == "no answer: it closed without an answer");
  CHECK(server.connections() == 1);
}

TEST_CASE("nobody there is unreachable, with the system's own words") {
  std::uint16_t port = 0;
  { port = RawServer({}).port(); }
  RegistryClient client({"127.0.0.1", port});
  CHECK(describe(client.exchange(kList)) == "unreachable: connection refused");
  CHECK_FALSE(client.connect().has_value());
}

TEST_CASE("a host that does not exist is unreachable") {
  RegistryClient client({"no-such-host.invalid", 8080});
  const auto answer = client.exchange(kList);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == FailureKind::kUnreachable);
  CHECK_FALSE(answer.error().text.empty());
}

TEST_CASE("connect tells our own end's address, and its connection carries the next request") {
  RawServer server({reply("HTTP/1.1 200 OK\r\n\r\n")});
  RegistryClient client = client_of(server);
  const auto local = client.connect();
  REQUIRE(local.has_value());
  CHECK(local->to_string() == "127.0.0.1");
  REQUIRE(client.exchange(kList).has_value());
  CHECK(server.connections() == 1);
}

TEST_CASE("cancel ends an exchange that hangs, and all later ones") {
  RawServer server({{{"HTTP/1.1 200 OK\r\n"}, Then::kStall}});
  RegistryClient client = client_of(server);
  std::thread canceller([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(1ms);
    client.cancel();
  });
  CHECK(describe(client.exchange(kList)) == "unreachable: cancelled");
  canceller.join();
  CHECK(describe(client.exchange(kList)) == "unreachable: cancelled");
}

TEST_CASE("a body that says it is packed is not unpacked: a small answer stays small") {
  RawServer server(
      {reply("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
             "hello",
             Then::kKeep)});
  RegistryClient client = client_of(server);
  const auto answer = client.exchange(kList);
  if (answer) CHECK(answer->body == "hello");
  CHECK(server.requests()[0][0].find("Accept-Encoding") == std::string::npos);
}

std::string describe_all(RegistryClient& client, std::size_t count) {
  std::vector<HttpRequest> requests;
  for (std::size_t i = 0; i < count; ++i)
    requests.push_back(peer::make_lookup(test::name("u" + std::to_string(i))));
  std::string out;
  for (const auto& answer : client.exchange_all(requests)) out += describe(answer) + "; ";
  return out;
}

std::string numbered_answer(int number) {
  return "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(number);
}

TEST_CASE("several requests go together once the registry is known to keep its connection") {
  RawServer server(
      {reply(numbered_answer(0), Then::kKeep),
       reply(numbered_answer(1) + numbered_answer(2) + numbered_answer(3), Then::kKeep)});
  RegistryClient client = client_of(server);
  CHECK(describe_all(client, 4) == "200 text 0; 200 text 1; 200 text 2; 200 text 3; ");
  CHECK(server.connections() == 1);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0][0].starts_with("GET /userlist.txt?username=u0 "));
  for (const std::string_view target : {"u1 ", "u2 ", "u3 "})
    CHECK(requests[1][0].find("GET /userlist.txt?username=" + std::string(target)) !=
          std::string::npos);
  CHECK(describe_all(client, 0) == "");
}

TEST_CASE("to an old registry several requests go one after the other, each by itself") {
  const std::string d0 = "HTTP/1.1 200 OK\r\n\r\nalice@127.0.0.1:50001,\r\n\r\n";
  RawServer server({reply(d0), reply(d0), reply(d0)});
  RegistryClient client = client_of(server);
  const std::string one = "200 text alice@127.0.0.1:50001,\r\n\r\n; ";
  CHECK(describe_all(client, 3) == one + one + one);
  CHECK(server.connections() == 3);
  for (const auto& request : server.requests()) {
    REQUIRE(request.size() == 1);
    CHECK(request[0].find("GET ", 4) == std::string::npos);
  }
}

TEST_CASE("when one of several requests has no answer, there are the answers before it") {
  RawServer server({reply(numbered_answer(0), Then::kKeep), reply(numbered_answer(1))});
  RegistryClient client = client_of(server);
  CHECK(describe_all(client, 4) == "200 text 0; 200 text 1; ");
}

TEST_CASE("an answer that closes the connection ends what was sent with it") {
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
  RawServer server({reply(numbered_answer(0), Then::kKeep), reply(closing, Then::kKeep),
                    reply(numbered_answer(5), Then::kKeep)});
  RegistryClient client = client_of(server);
  CHECK(describe_all(client, 3) == "200 text 0; 200 text x; ");
  CHECK(describe(client.exchange(kList)) == "200 text 5");  // on a new connection
}

TEST_CASE("after a failure the rest of several requests are not tried") {
  RawServer server({{{}, Then::kClose}, {{}, Then::kClose}, {{}, Then::kClose}});
  RegistryClient client = client_of(server);
  CHECK(describe_all(client, 3) == "no answer: it closed without an answer; ");
  CHECK(server.connections() == 1);
}

TEST_CASE("an ETag is handed on as it is") {
  RawServer server(
      {reply("HTTP/1.1 200 OK\r\nETag: \"12j-10.0.0.1\"\r\nContent-Length: 0\r\n\r\n")});
  RegistryClient client = client_of(server);
  const auto answer = client.exchange(kList);
  REQUIRE(answer.has_value());
  CHECK(answer->etag == "\"12j-10.0.0.1\"");
}

TEST_CASE("a redirection is an answer, not an order") {
  RawServer server(
      {reply("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
             "Content-Length: 0\r\n\r\n")});
  RegistryClient client = client_of(server);
  CHECK(describe(client.exchange(kList)) == "301 text ");
  CHECK(server.connections() == 1);
}

}  // namespace
