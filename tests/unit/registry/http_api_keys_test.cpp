// Signed requests over HTTP: the fields, the answers, and where certificates are shown.
#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using test::Answer;
using test::json_at;
using test::kJson;
using test::MemoryRegistry;

struct Signing {
  unsigned identity = 1;
  std::string_view user = "ali";
  std::uint64_t serial = 100;
  std::string_view host = "127.0.0.1:8080";
  std::string_view target = "/userlist.txt";
};

std::string fields_for(std::string_view body, const Signing& how) {
  const auto fields = common::sign_request(
      test::identity_from(how.identity), test::certificate_bytes(how.identity, how.user),
      {.host = how.host, .method = "POST", .path = how.target, .body = body, .serial = how.serial});
  return "Session-Certificate: " + fields.certificate + "\r\nRequest-Serial: " + fields.serial +
         "\r\nRequest-Signature: " + fields.signature + "\r\n";
}

std::string signed_post(std::string_view body, const Signing& how = {}) {
  return test::post(body, std::string(kJson) + fields_for(body, how));
}

TEST_CASE("a signed REGISTER binds the name, and lists and look-ups show the certificate") {
  MemoryRegistry registry;
  const Answer answer(registry.call(signed_post("REGISTER ali@127.0.0.1:50001")));
  CHECK(answer.status == 200);
  CHECK(json_at(answer.body, "/lease_s") == "200");
  const std::string text = common::encode_base64(test::certificate_bytes(1, "ali"));
  const Answer list(registry.call(test::modern("GET", "/userlist.txt", kJson)));
  CHECK(json_at(list.body, "/users/0/certificate") == text);
  const Answer user(registry.call(test::modern("GET", "/userlist.txt?username=ali", kJson)));
  CHECK(json_at(user.body, "/certificate") == text);
  const Answer changes(registry.call(test::modern("GET", "/userlist.txt?since=0", kJson)));
  CHECK(changes.body.find(text) != std::string::npos);
  // The plain forms are what they were.
  const Answer plain(registry.call(test::modern("GET", "/userlist.txt?format=lines")));
  CHECK(plain.body == "ali@127.0.0.1:50001\n");
}

TEST_CASE("what is not rightly signed changes nothing") {
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view error;
  };
  const std::string body = "REGISTER ali@127.0.0.1:50001";
  const std::string right = fields_for(body, {});
  std::string no_serial = right;
  no_serial.erase(no_serial.find("Request-Serial"),
                  no_serial.find("Request-Signature") - no_serial.find("Request-Serial"));
  const Row rows[] = {
      {"a field missing", test::post(body, no_serial), "the request's signature is not complete"},
      {"a field twice", test::post(body, right + "Request-Serial: 100\r\n"),
       "the request's signature is malformed"},
      {"another record", test::post("REGISTER ali@127.0.0.1:50002", right),
       "the request's signature does not fit the request"},
      {"another path", test::modern("POST", "/", right, body),
       "the request's signature does not fit the request"},
      {"signed for another registry",
       test::post(body, fields_for(body, {.host = "127.0.0.1:9090"})),
       "the request's signature does not fit the request"},
      {"a certificate for another name", test::post(body, fields_for(body, {.user = "veli"})),
       "the certificate is for the name veli"},
      {"no Host to be bound by",
       "POST /userlist.txt HTTP/1.0\r\nUser-Agent: test\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n" + right + "\r\n" + body,
       "a signed request needs a Host with its port"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    MemoryRegistry registry;
    const Answer answer(registry.call(row.bytes));
    CHECK(answer.status == 400);
    CHECK(answer.body == std::string(row.error) + '\n');
    CHECK(registry.node().directory().size() == 0);
    CHECK(registry.node().directory().keys().size() == 0);
  }
}

TEST_CASE("a bound name refuses others, and the same request twice") {
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(signed_post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  const Answer unsigned_one(registry.call(test::post("UPDATE ali@127.0.0.1:50002", kJson)));
  CHECK(unsigned_one.status == 406);
  CHECK(json_at(unsigned_one.body, "/code") == "40603");
  const Answer other(
      registry.call(signed_post("REGISTER ali@127.0.0.1:50002", {.identity = 2, .serial = 101})));
  CHECK(json_at(other.body, "/code") == "40603");
  const Answer replayed(registry.call(signed_post("REGISTER ali@127.0.0.1:50001")));
  CHECK(replayed.status == 406);
  CHECK(json_at(replayed.body, "/code") == "40604");
  // An old program gets the status word it knows.
  CHECK(Answer(registry.call(test::d0_post("REGISTER ali@127.0.0.1:50003"))).status == 406);
  CHECK(Answer(registry.call(signed_post("LOGOUT ali@127.0.0.1:50001", {.serial = 101}))).status ==
        200);
}

TEST_CASE("a signed request that had to wait is judged when it runs") {
  MemoryRegistry registry({.commits_at_once = false});
  const auto first = registry.connect();
  registry.send(first, signed_post("REGISTER ali@127.0.0.1:50001"));
  const auto second = registry.connect();
  registry.send(second, signed_post("UPDATE ali@127.0.0.1:50002", {.serial = 101}));
  const auto replay = registry.connect();
  registry.send(replay, signed_post("REGISTER ali@127.0.0.1:50001"));
  registry.commit_all();
  registry.commit_all();
  CHECK(Answer(registry.take_output(first)).status == 200);
  CHECK(Answer(registry.take_output(second)).status == 200);
  CHECK(json_at(Answer(registry.take_output(replay)).body, "/code") == "40604");
}

}  // namespace
