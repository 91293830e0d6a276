// Which path and method is answered how: every route, every error's code.
#include <doctest/doctest.h>

#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::json_at;
using test::kJson;
using test::MemoryRegistry;
using test::modern;
using test::post;

TEST_CASE("every route answers, and every wrong method or path is told so") {
  struct Row {
    std::string_view name;
    std::string_view method;
    std::string_view target;
    int status;
    std::string_view type;
    std::string_view allow;
  };
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  constexpr std::string_view kIsJson = "application/json";
  constexpr std::string_view kNone = "(none)";
  constexpr std::string_view kAll = "GET, HEAD, POST";
  const Row rows[] = {
      {"help", "GET", "/", 200, kText, kNone},
      {"the list", "GET", "/userlist.txt", 200, kText, kNone},
      {"the list as lines", "GET", "/userlist.txt?format=lines", 200, kText, kNone},
      {"the list as JSON", "GET", "/userlist.txt?format=json", 200, kIsJson, kNone},
      {"changes", "GET", "/userlist.txt?since=0", 200, kIsJson, kNone},
      {"one user", "GET", "/userlist.txt?username=ali", 200, kText, kNone},
      {"health", "GET", "/healthz", 200, kIsJson, kNone},
      {"readiness", "GET", "/readyz", 200, kIsJson, kNone},
      {"metrics", "GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", kNone},
      {"HEAD of help", "HEAD", "/", 200, kText, kNone},
      {"HEAD of the list", "HEAD", "/userlist.txt", 200, kText, kNone},
      {"HEAD of health", "HEAD", "/healthz", 200, kIsJson, kNone},
      {"an unknown path", "GET", "/nothing", 404, kText, kNone},
      {"an unknown path, written to", "POST", "/nothing", 404, kText, kNone},
      {"another case", "GET", "/USERLIST.TXT", 404, kText, kNone},
      {"a path behind the list", "GET", "/userlist.txt/", 404, kText, kNone},
      {"a path out of the tree", "GET", "/../etc/passwd", 404, kText, kNone},
      {"a place that is still to come", "POST", "/v1/users", 404, kText, kNone},
      {"PUT", "PUT", "/userlist.txt", 405, kText, kAll},
      {"DELETE", "DELETE", "/userlist.txt", 405, kText, kAll},
      {"PATCH", "PATCH", "/", 405, kText, kAll},
      {"OPTIONS", "OPTIONS", "/", 405, kText, kAll},
      {"TRACE", "TRACE", "/", 405, kText, kAll},
      {"POST to health", "POST", "/healthz", 405, kText, "GET, HEAD"},
      {"POST to readiness", "POST", "/readyz", 405, kText, "GET, HEAD"},
      {"POST to metrics", "POST", "/metrics", 405, kText, "GET, HEAD"},
  };
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Answer answer(registry.call(modern(row.method, row.target)));
    CHECK(answer.status == row.status);
    CHECK(answer.field("Content-Type") == row.type);
    CHECK(answer.field("Allow") == row.allow);
    CHECK(answer.field("X-Content-Type-Options") == "nosniff");
    if (row.method == "HEAD") {
      CHECK(answer.body == "");
    } else {
      CHECK(answer.field("Content-Length") == std::to_string(answer.body.size()));
    }
  }
}

TEST_CASE("every error has its own code, the same status in both forms, and JSON that parses") {
  struct Row {
    std::string_view name;
    std::string method;
    std::string target;
    std::string body;
    int code;
    std::string_view text;
  };
  const Row rows[] = {
      {"no record", "POST", "/", "REGISTER ali", 40001, "the record is not name@ip:port"},
      {"an empty body", "POST", "/", "", 40002,
       "the body is not REGISTER, UPDATE or LOGOUT name@ip:port"},
      {"an unknown verb", "POST", "/", "DANCE ali@127.0.0.1:50001", 40002,
       "the body is not REGISTER, UPDATE or LOGOUT name@ip:port"},
      {"a verb in lower case", "POST", "/", "register ali@127.0.0.1:50001", 40002,
       "the body is not REGISTER, UPDATE or LOGOUT name@ip:port"},
      {"a foreign address", "POST", "/", "REGISTER ali@8.8.8.8:50001", 40003,
       "the address 8.8.8.8 is not yours: you come from 127.0.0.1"},
      {"not listed", "POST", "/", "LOGOUT ali@127.0.0.1:50009", 40004,
       "ali@127.0.0.1:50009 is not listed"},
      {"a malformed name", "GET", "/userlist.txt?username=a%20b", "", 40005,
       "the name has a character other than letters, digits, '_', '-' and '.'"},
      {"no name", "GET", "/userlist.txt?username=", "", 40005, "the name is empty"},
      {"a malformed version", "GET", "/userlist.txt?since=x", "", 40006,
       "since is not a version number"},
      {"nobody of that name", "GET", "/userlist.txt?username=zoe", "", 40401,
       "user zoe is not found"},
      {"an unknown path", "GET", "/nothing", "", 40402, "there is nothing under this path"},
      {"an unknown method", "PUT", "/", "", 40501, "the method is not GET, HEAD or POST"},
      {"a name taken", "POST", "/", "REGISTER ali@127.0.0.1:50002", 40601, "the name ali is taken"},
      {"somebody else's record", "POST", "/", "LOGOUT far@10.0.0.5:50001", 40602,
       "far was registered by somebody else"},
  };
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  REQUIRE(Answer(registry.call(post("REGISTER far@10.0.0.5:50001"), "10.0.0.5")).status == 200);
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Answer json(registry.call(modern(row.method, row.target, kJson, row.body)));
    CHECK(json.status == row.code / 100);
    CHECK(json.field("Content-Type") == "application/json");
    CHECK(json_at(json.body, "/code") == std::to_string(row.code));
    CHECK(json_at(json.body, "/http") == std::to_string(row.code / 100));
    CHECK(json_at(json.body, "/error") == row.text);
    CHECK(json_at(json.body, "/link") == "docs/protocol/directory.md#errors");
    const Answer text(registry.call(modern(row.method, row.target, "", row.body)));
    CHECK(text.status == row.code / 100);
    if (row.code == 40006) continue;  // whoever asks ?since= reads JSON
    CHECK(text.field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(text.body == std::string(row.text) + '\n');
  }
}

TEST_CASE("an error in JSON tells how many are online where a sender wants to know") {
  MemoryRegistry registry;
  const auto online = [&] {
    const Answer answer(registry.call(modern("GET", "/userlist.txt?username=zoe", kJson)));
    return json_at(answer.body, "/online");
  };
  CHECK(online() == "0");
  registry.call(post("REGISTER ali@127.0.0.1:50001"));
  CHECK(online() == "1");
}

TEST_CASE("texts of errors cannot be made to carry what a name may not") {
  MemoryRegistry registry;
  const Answer answer(registry.call(modern("GET", "/userlist.txt?username=%1b%5b2J", kJson)));
  CHECK(answer.status == 400);
  CHECK(answer.body.find('\x1b') == std::string::npos);
  const Answer path(registry.call(modern("GET", "/%1b%5b2J%0d%0aSet-Cookie:x", kJson)));
  CHECK(path.status == 404);
  CHECK(path.head.find("Set-Cookie") == std::string::npos);
  CHECK(path.body.find('\x1b') == std::string::npos);
}

TEST_CASE("readiness falls while the registry drains or cannot write") {
  MemoryRegistry registry;
  auto& health = registry.node().api().health();
  CHECK(Answer(registry.call(modern("GET", "/readyz"))).body == "{\"status\":\"ready\"}\n");
  health.is_draining = true;
  const Answer draining(registry.call(modern("GET", "/readyz")));
  CHECK(draining.status == 503);
  CHECK(json_at(draining.body, "/code") == "50303");
  CHECK(draining.field("Retry-After") == "1");
  health.is_draining = false;
  health.is_store_up = false;
  const Answer down(registry.call(modern("GET", "/readyz")));
  CHECK(down.status == 503);
  CHECK(json_at(down.body, "/code") == "50301");
  CHECK(Answer(registry.call(modern("GET", "/healthz"))).status == 200);
  CHECK(Answer(registry.call(modern("GET", "/userlist.txt?format=json"))).status == 200);
}

TEST_CASE("a full registry says so with its own code") {
  MemoryRegistry registry;
  for (std::size_t i = 0; i < registry::Directory::kUsersPerSourceMax; ++i) {
    const std::string body = "REGISTER u" + std::to_string(i) + "@10.0.0.5:50001";
    REQUIRE(Answer(registry.call(post(body), "10.0.0.5")).status == 200);
  }
  const Answer answer(registry.call(post("REGISTER more@10.0.0.5:50001", kJson), "10.0.0.5"));
  CHECK(answer.status == 503);
  CHECK(json_at(answer.body, "/code") == "50302");
}

TEST_CASE("the help shows commands for the address that was asked") {
  MemoryRegistry registry({.hosts = {"registry.example"}});
  const Answer answer(registry.call("GET / HTTP/1.1\r\nHost: registry.example:8080\r\n\r\n"));
  CHECK(answer.status == 200);
  CHECK(answer.body.find("curl http://registry.example:8080/userlist.txt") != std::string::npos);
  CHECK(answer.body.find("LOGOUT alice@127.0.0.1:50001") != std::string::npos);
}

TEST_CASE("requests are counted by operation and status, with no label a stranger chooses") {
  MemoryRegistry registry;
  registry.call(post("REGISTER ali@127.0.0.1:50001"));
  registry.call(post("REGISTER ali@127.0.0.1:50002"));
  registry.call(post("UPDATE ali@127.0.0.1:50003"));
  registry.call(post("LOGOUT ali@127.0.0.1:50001"));
  registry.call(post("DANCE"));
  registry.call(modern("GET", "/userlist.txt?username=ali"));
  registry.call(modern("GET", "/userlist.txt?username=%61li"));
  registry.call(modern("GET", "/userlist.txt?format=json"));
  registry.call(modern("GET", "/userlist.txt"));
  registry.call(modern("GET", "/some/path/of/a/stranger"));
  registry.call(modern("GET", "/healthz"));
  registry.call(modern("BREW", "/"));
  std::string counted;
  for (const auto& [key, count] : registry.node().api().counters().requests)
    counted += key.first + ' ' + std::to_string(key.second) + ' ' + std::to_string(count) + "; ";
  CHECK(counted ==
        "healthz 200 1; list 200 1; logout 400 1; lookup 200 1; other 400 1; other 404 1; "
        "register 200 1; register 406 1; update 200 1; ");
  // What was answered the short way is counted apart.
  CHECK(registry.node().api().counters().ready_lists == 1);
  CHECK(registry.node().api().counters().ready_lookups == 1);
}

}  // namespace
