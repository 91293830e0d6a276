// Which Host is ours and which Origin may ask: a web page must not act on its reader's registry.
#include <doctest/doctest.h>

#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using test::Answer;
using test::MemoryRegistry;

std::string get(std::string_view fields) {
  return "GET /userlist.txt?format=json HTTP/1.1\r\nUser-Agent: t\r\n" + std::string(fields) +
         "\r\n";
}

TEST_CASE("Host must be an IP literal, localhost or a name of ours") {
  struct Row {
    std::string_view host;
    int expected;
  };
  const Row rows[] = {
      {"127.0.0.1:8080", 200},
      {"127.0.0.1", 200},
      {"192.168.1.7:8080", 200},
      {"8.8.8.8:80", 200},
      {"[::1]:8080", 200},
      {"[::1]", 200},
      {"[2001:db8::1]:8080", 200},
      {"localhost:8080", 200},
      {"LocalHost:8080", 200},
      {"registry.example:8080", 200},
      {"REGISTRY.EXAMPLE", 200},
      {"", 200},
      {"evil.example:8080", 421},
      {"registry.example.evil", 421},
      {"evil-registry.example", 421},
      {"localhost.evil.example", 421},
      {"xlocalhost:8080", 421},
      {"127.0.0.1.evil.example:8080", 421},
      {"localhost:8080:8080", 421},
      {"localhost:", 421},
      {"localhost:x", 421},
      {"localhost:99999", 421},
      {"[::1", 421},
      {"[::1]x", 421},
      {"[::1]:x", 421},
      {"[evil.example]:8080", 421},
      {"::1", 421},
      {"0x7f.1", 421},
      {"2130706433", 421},
      {"user@localhost:8080", 421},
      {"localhost/", 421},
      {"localhost, evil.example", 421},
  };
  MemoryRegistry registry({.hosts = {"registry.example"}});
  for (const Row& row : rows) {
    CAPTURE(row.host);
    const std::string field = "Host: " + std::string(row.host) + "\r\n";
    CHECK(Answer(registry.call(get(field))).status == row.expected);
    // The ready answer of the plain list keeps the same rule.
    registry.call(test::post("REGISTER ali@127.0.0.1:50001"));
    const Answer plain(
        registry.call("GET /userlist.txt HTTP/1.1\r\nUser-Agent: t\r\n" + field + "\r\n"));
    CHECK(plain.status == row.expected);
  }
}

TEST_CASE("a foreign Host may neither read nor write, and is told how to be let in") {
  MemoryRegistry registry;
  const Answer answer(registry.call(
      "POST / HTTP/1.1\r\nHost: evil.example:8080\r\nUser-Agent: t\r\nContent-Length: 28\r\n"
      "\r\nREGISTER ali@127.0.0.1:50001"));
  CHECK(answer.status == 421);
  CHECK(answer.body ==
        "this registry does not answer to that host name; it can be told to with --host NAME\n");
  CHECK(registry.node().directory().size() == 0);
  const Answer json(registry.call(get("Host: evil.example:8080\r\n")));
  CHECK(test::json_at(json.body, "/code") == "42101");
}

TEST_CASE("old programs are exempt: they say whatever their user typed") {
  MemoryRegistry registry;
  CHECK(Answer(registry.call("POST /userlist.txt HTTP/1.1\r\nHost: my-server\r\n"
                             "Content-Type: text/*\r\nContent-Length: 28\r\n\r\n"
                             "REGISTER ali@127.0.0.1:50001\r\n\r\n"))
            .status == 200);
  CHECK(Answer(registry.call("GET /userlist.txt HTTP/1.1\r\nHost: my-server\r\n\r\n")).status ==
        200);
}

TEST_CASE("HTTP/1.0 without a Host is served: no browser leaves it out") {
  MemoryRegistry registry;
  registry.call(test::post("REGISTER ali@127.0.0.1:50001"));
  CHECK(Answer(registry.call("GET /userlist.txt HTTP/1.0\r\n\r\n")).status == 200);
}

TEST_CASE("a foreign Origin is refused, our own is not") {
  struct Row {
    std::string_view name;
    std::string_view fields;
    int expected;
  };
  const Row rows[] = {
      {"none", "Host: localhost:8080\r\n", 200},
      {"our own", "Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n", 200},
      {"our own in another case", "Host: localhost:8080\r\nOrigin: http://LOCALHOST:8080\r\n", 200},
      {"our own on the default port", "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n", 200},
      {"another site", "Host: localhost:8080\r\nOrigin: http://evil.example\r\n", 403},
      {"another port", "Host: localhost:8080\r\nOrigin: http://localhost:3000\r\n", 403},
      {"no port", "Host: localhost:8080\r\nOrigin: http://localhost\r\n", 403},
      {"another scheme", "Host: localhost:8080\r\nOrigin: https://localhost:8080\r\n", 403},
      {"the other name of the same", "Host: localhost:8080\r\nOrigin: http://127.0.0.1:8080\r\n",
       403},
      {"a sandboxed page", "Host: localhost:8080\r\nOrigin: null\r\n", 403},
      {"a file", "Host: localhost:8080\r\nOrigin: file://\r\n", 403},
      {"a name that begins like ours",
       "Host: localhost:8080\r\nOrigin: http://localhost:8080.evil.example\r\n", 403},
      {"an image on another site", "Host: localhost:8080\r\nSec-Fetch-Site: cross-site\r\n", 403},
      {"a neighbour of the same site", "Host: localhost:8080\r\nSec-Fetch-Site: same-site\r\n",
       403},
      {"a page of ours", "Host: localhost:8080\r\nSec-Fetch-Site: same-origin\r\n", 200},
      {"an address typed by the user", "Host: localhost:8080\r\nSec-Fetch-Site: none\r\n", 200},
  };
  MemoryRegistry registry;
  registry.call(test::post("REGISTER ali@127.0.0.1:50001"));
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Answer(registry.call(get(row.fields))).status == row.expected);
    const std::string plain =
        "GET /userlist.txt HTTP/1.1\r\nUser-Agent: t\r\n" + std::string(row.fields) + "\r\n";
    CHECK(Answer(registry.call(plain)).status == row.expected);
    const std::string write = "POST / HTTP/1.1\r\nUser-Agent: t\r\n" + std::string(row.fields) +
                              "Content-Length: 26\r\n\r\nUPDATE ali@127.0.0.1:50001";
    CHECK(Answer(registry.call(write)).status == row.expected);
  }
  CHECK(test::json_at(Answer(registry.call(get(rows[4].fields))).body, "/code") == "40301");
}

TEST_CASE("a page that reads nothing may not write either: the simple POST of a form is foreign") {
  MemoryRegistry registry;
  const Answer answer(registry.call(
      "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0\r\n"
      "Origin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n\r\n"
      "REGISTER ali@127.0.0.1:50001"));
  CHECK(answer.status == 403);
  CHECK(registry.node().directory().size() == 0);
}

}  // namespace
