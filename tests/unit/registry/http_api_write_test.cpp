// REGISTER, UPDATE and LOGOUT over HTTP: whose bytes, which answers.
#include <doctest/doctest.h>

#include "common/owner_token.hpp"
#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::d0_post;
using test::d1_post;
using test::json_at;
using test::kJson;
using test::MemoryRegistry;
using test::modern;
using test::post;

const std::string kToken = "Owner-Token: " + std::string(43, 'k') + "\r\n";

const registry::Record* find(MemoryRegistry& registry, std::string_view name) {
  return registry.node().directory().find(test::name(name));
}

TEST_CASE("both paths take every verb") {
  for (const std::string_view path : {"/", "/userlist.txt"}) {
    CAPTURE(path);
    MemoryRegistry registry;
    const auto call = [&](std::string_view body) {
      return Answer(registry.call(modern("POST", path, "", body))).status;
    };
    CHECK(call("REGISTER alice@127.0.0.1:50001") == 200);
    CHECK(call("UPDATE alice@127.0.0.1:50002") == 200);
    CHECK(call("LOGOUT alice@127.0.0.1:50002") == 200);
    CHECK(call("LOGOUT alice@127.0.0.1:50002") == 400);
  }
}

TEST_CASE("line ends after the record are forgiven, anything else in the body is not") {
  struct Row {
    std::string_view name;
    std::string body;
    int expected;
  };
  const Row rows[] = {
      {"plain", "REGISTER ali@127.0.0.1:50001", 200},
      {"CRLF", "REGISTER ali@127.0.0.1:50001\r\n", 200},
      {"LF", "REGISTER ali@127.0.0.1:50001\n", 200},
      {"two CRLF", "REGISTER ali@127.0.0.1:50001\r\n\r\n", 200},
      {"two blanks", "REGISTER  ali@127.0.0.1:50001", 400},
      {"a blank behind", "REGISTER ali@127.0.0.1:50001 ", 400},
      {"a tab for the blank", "REGISTER\tali@127.0.0.1:50001", 400},
      {"a blank in front", " REGISTER ali@127.0.0.1:50001", 400},
      {"two records", "REGISTER ali@127.0.0.1:50001\r\nREGISTER veli@127.0.0.1:50002", 400},
      {"an injected line", "REGISTER ali@127.0.0.1:50001\nveli@8.8.8.8:50002", 400},
      {"the verb alone", "REGISTER", 400},
      {"the verb and a blank", "REGISTER ", 400},
      {"a NUL", std::string("REGISTER ali@127.0.0.1:50001\0", 29), 400},
      {"a form's field", "body=REGISTER+ali%40127.0.0.1%3A50001", 400},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    MemoryRegistry registry;
    CHECK(Answer(registry.call(post(row.body))).status == row.expected);
    CHECK(registry.node().directory().size() == (row.expected == 200 ? 1 : 0));
  }
}

TEST_CASE("a malformed record is 400 before anything is said about who holds the name") {
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(post("REGISTER a@127.0.0.1:50001"))).status == 200);
  CHECK(Answer(registry.call(post("REGISTER a@b@127.0.0.1:50001"))).status == 400);
  CHECK(Answer(registry.call(post("REGISTER a@127.0.0.1:80"))).status == 400);
  CHECK(Answer(registry.call(post("REGISTER a@8.8.8.8:50001"))).status == 400);
  CHECK(Answer(registry.call(post("REGISTER a@127.0.0.1:50002"))).status == 406);
}

TEST_CASE("a write is answered with nothing, or in JSON with the lease that it got") {
  MemoryRegistry registry({.rules = {.lease = 30s, .classic_lease = 90s}});
  const Answer plain(registry.call(post("REGISTER ali@127.0.0.1:50001")));
  CHECK(plain.status == 200);
  CHECK(plain.body == "");
  CHECK(plain.field("Content-Length") == "0");

  const Answer json(registry.call(post("REGISTER Şule@127.0.0.1:50002", kJson)));
  CHECK(json.body ==
        "{\"v\":1,\"name\":\"Şule\",\"endpoint\":\"127.0.0.1:50002\",\"lease_s\":90}\n");
  const Answer ours(
      registry.call(post("REGISTER can@127.0.0.1:50003", std::string(kJson) + kToken)));
  CHECK(json_at(ours.body, "/lease_s") == "30");
  const Answer query(
      registry.call(modern("POST", "/?format=json", "", "UPDATE ali@127.0.0.1:50009")));
  CHECK(json_at(query.body, "/endpoint") == "127.0.0.1:50009");
  // A refresh that writes nothing is answered the same way.
  const Answer again(
      registry.call(post("UPDATE can@127.0.0.1:50003", std::string(kJson) + kToken)));
  CHECK(again.body == ours.body);
}

TEST_CASE("a LOGOUT is answered with what it removed, and no lease: there is none any more") {
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  const Answer json(registry.call(post("LOGOUT ali@127.0.0.1:50001", kJson)));
  CHECK(json.body == "{\"v\":1,\"name\":\"ali\",\"endpoint\":\"127.0.0.1:50001\"}\n");
}

TEST_CASE("an old NetChat client's UPDATE makes a TCP record, and whatever says that it does") {
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view expected;
  };
  const Row rows[] = {
      {"D0 REGISTER", d0_post("REGISTER ali@127.0.0.1:50001"), "udp classic"},
      {"D0 UPDATE", d0_post("UPDATE ali@127.0.0.1:50001"), "udp classic"},
      {"D1 UPDATE", d1_post("UPDATE ali@127.0.0.1:50001"), "tcp netchat"},
      {"D1 REGISTER", d1_post("REGISTER ali@127.0.0.1:50001"), "udp classic"},
      {"UPDATE that says tcp", post("UPDATE ali@127.0.0.1:50001", "Endpoint-Transport: tcp\r\n"),
       "tcp netchat"},
      {"REGISTER that says tcp",
       post("REGISTER ali@127.0.0.1:50001", "Endpoint-Transport: tcp\r\n"), "tcp netchat"},
      {"UPDATE that says udp", post("UPDATE ali@127.0.0.1:50001", "Endpoint-Transport: udp\r\n"),
       "udp classic"},
      {"modern REGISTER", post("REGISTER ali@127.0.0.1:50001"), "udp classic"},
      {"modern UPDATE", post("UPDATE ali@127.0.0.1:50001"), "udp classic"},
      {"modern UPDATE with close", post("UPDATE ali@127.0.0.1:50001", "Connection: close\r\n"),
       "udp classic"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    MemoryRegistry registry;
    REQUIRE(Answer(registry.call(row.bytes)).status == 200);
    const auto* record = find(registry, "ali");
    REQUIRE(record != nullptr);
    CHECK(std::string(to_string(record->user.transport)) + ' ' +
              std::string(to_string(record->user.door)) ==
          row.expected);
  }
}

TEST_CASE("the owner's token is taken from its header field, and only its hash is kept") {
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(post("REGISTER ali@127.0.0.1:50001", kToken))).status == 200);
  const auto* record = find(registry, "ali");
  REQUIRE(record != nullptr);
  CHECK(record->token == common::hash_owner_token(std::string(43, 'k')));
  const std::string other = "Owner-Token: " + std::string(43, 'o') + "\r\n";
  CHECK(Answer(registry.call(post("REGISTER ali@127.0.0.1:50002", other))).status == 406);
  CHECK(Answer(registry.call(post("REGISTER ali@127.0.0.1:50002"))).status == 406);
  CHECK(Answer(registry.call(post("REGISTER ali@127.0.0.1:50002", kToken))).status == 200);
}

TEST_CASE("a malformed token is an error, not the absence of one") {
  for (const std::string& token :
       {std::string(42, 'k'), std::string(44, 'k'), std::string(42, 'k') + "=",
        std::string(42, 'k') + "%41", std::string(21, 'k') + " " + std::string(21, 'k')}) {
    CAPTURE(token);
    MemoryRegistry registry;
    const std::string fields = std::string(kJson) + "Owner-Token: " + token + "\r\n";
    const Answer answer(registry.call(post("REGISTER ali@127.0.0.1:50001", fields)));
    CHECK(answer.status == 400);
    CHECK(json_at(answer.body, "/code") == "40008");
  }
}

TEST_CASE("since is the wall clock of the registration") {
  MemoryRegistry registry;
  registry.call(post("REGISTER ali@127.0.0.1:50001"));
  CHECK(find(registry, "ali")->user.since.unix_ms == 1'795'215'000'000);
}

TEST_CASE("D0 registers, is refused and leaves with exactly the codes that it looks for") {
  MemoryRegistry registry;
  struct Row {
    std::string_view name;
    std::string body;
    std::string_view expected;
  };
  const Row rows[] = {
      {"accepted", "REGISTER Ali@127.0.0.1:50001", "HTTP/1.1 200 OK\r\n"},
      {"taken", "REGISTER Ali@127.0.0.1:50002", "HTTP/1.1 406 Not Acceptable\r\n"},
      {"taken in another case", "REGISTER ali@127.0.0.1:50002", "HTTP/1.1 406 Not Acceptable\r\n"},
      {"an at sign", "REGISTER a@b@127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"a colon", "REGISTER a:b@127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"a blank", "REGISTER a b@127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"a comma", "REGISTER a,b@127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"no name", "REGISTER @127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"somebody else's address", "REGISTER veli@8.8.8.8:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"LOGOUT of another record", "LOGOUT Ali@127.0.0.1:50002", "HTTP/1.1 400 Bad Request\r\n"},
      {"LOGOUT", "LOGOUT Ali@127.0.0.1:50001", "HTTP/1.1 200 OK\r\n"},
      {"LOGOUT again", "LOGOUT Ali@127.0.0.1:50001", "HTTP/1.1 400 Bad Request\r\n"},
      {"the name is free again", "REGISTER Ali@127.0.0.1:50003", "HTTP/1.1 200 OK\r\n"},
      {"a Turkish name keeps its whole port", "REGISTER Şule@127.0.0.1:33251",
       "HTTP/1.1 200 OK\r\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string answer = registry.call(d0_post(row.body));
    CHECK(answer.substr(0, answer.find("\r\n") + 2) == row.expected);
    CHECK(answer.find("\r\n\r\n") != std::string::npos);
    CHECK(Answer(answer).field("Connection") == "close");
  }
  CHECK(find(registry, "Şule")->user.endpoint == test::endpoint("127.0.0.1:33251"));
}

TEST_CASE("no status line has one of the three numbers that D0 looks for but as its status") {
  // It searches the whole line for 200, 400 and 406.
  MemoryRegistry registry;
  for (const int status : {400, 408, 413, 414, 415, 417, 431, 501, 505}) {
    CAPTURE(status);
    registry::http::HttpEngine engine;
    registry::http::FramedRequest nothing{.method = "GET", .target = "/", .fields = {}, .body = {}};
    const auto answer = engine.run(nothing, {}, {}, false, [&](const auto&) {
      return registry::http::HttpApi::framing_error(
          static_cast<registry::http::FramingError>(status));
    });
    const std::string line = answer.head.substr(0, answer.head.find("\r\n"));
    CHECK(line.starts_with("HTTP/1.1 " + std::to_string(status) + ' '));
    CHECK(line.size() > 13);
    for (const std::string_view number : {"200", "400", "406"})
      CHECK((line.find(number) != line.npos) == (std::to_string(status) == number));
  }
}

TEST_CASE("D1 registers, moves and is refused") {
  MemoryRegistry registry;
  CHECK(Answer(registry.call(d1_post("UPDATE alice@127.0.1.1:40001"))).status == 200);
  CHECK(Answer(registry.call(d1_post("UPDATE alice@127.0.1.1:40002"))).status == 200);
  // The address that he gave, not that of his connection.
  CHECK(find(registry, "alice")->user.endpoint == test::endpoint("127.0.1.1:40002"));
  CHECK(Answer(registry.call(d1_post("UPDATE alice@10.0.0.9:40003"), "10.0.0.9")).status == 406);
  const std::string answer = registry.call(d1_post("UPDATE bob@127.0.1.1:40001"));
  CHECK(answer.ends_with("\r\n\r\n"));  // needed even with an empty body
  CHECK(Answer(answer).field("Connection") == "close");
}

}  // namespace
