// Old programs: how they are told from others, and how their bodies end. The bytes are what the
// originals send.
#include <doctest/doctest.h>

#include "registry/http/http_framing.hpp"
#include "registry/http/limits.hpp"
#include "tests/unit/support/framing_run.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using namespace std::chrono_literals;
using registry::http::HttpFraming;
using registry::http::Program;
using test::FramingRun;
using test::kD0List;

constexpr std::string_view kD0Register =
    "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/*\r\n"
    "Content-Length: 30\r\n\r\nREGISTER alice@127.0.0.1:50001\r\n\r\n";
constexpr std::string_view kD1Register =
    "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 29\r\n\r\n"
    "UPDATE alice@192.0.2.10:40001";
constexpr std::string_view kD1Lookup =
    "GET /userlist.txt?username=bob HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

TEST_CASE("the old programs' own bytes are understood whole, byte by byte and split anywhere") {
  struct Row {
    std::string_view name;
    std::string_view bytes;
    std::string_view expected;
  };
  const Row rows[] = {
      {"D0 register", kD0Register,
       "POST /userlist.txt old-classic [REGISTER alice@127.0.0.1:50001]"},
      {"D0 list", kD0List, "GET /userlist.txt old-classic []"},
      {"D0 logout",
       "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/*\r\n"
       "Content-Length: 28\r\n\r\nLOGOUT alice@127.0.0.1:50001\r\n\r\n",
       "POST /userlist.txt old-classic [LOGOUT alice@127.0.0.1:50001]"},
      // 29 characters declared, 30 bytes sent: the name has a letter of two bytes.
      {"D0 register of a Turkish name",
       "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/*\r\n"
       "Content-Length: 29\r\n\r\nREGISTER \xc5\x9eule@127.0.0.1:33251\r\n\r\n",
       "POST /userlist.txt old-classic [REGISTER \xc5\x9eule@127.0.0.1:33251]"},
      {"the Java relative",
       "POST /userlist.txt HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/*\r\n"
       "content-length: 32\r\n\r\nREGISTER alice@127.0.0.1:50001\r\n",
       "POST /userlist.txt old-classic [REGISTER alice@127.0.0.1:50001]"},
      {"the Java relative with Connection: close",
       "POST /userlist.txt HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 32\r\n"
       "connection: close\r\n\r\nREGISTER alice@127.0.0.1:50001\r\n",
       "POST /userlist.txt old-netchat [REGISTER alice@127.0.0.1:50001]"},
      {"D1 register", kD1Register, "POST / old-netchat [UPDATE alice@192.0.2.10:40001]"},
      {"D1 register of a Turkish name",
       "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 29\r\n\r\n"
       "UPDATE G\xc3\xb6ktu\xc4\x9f@127.0.1.1:40001",
       "POST / old-netchat [UPDATE G\xc3\xb6ktu\xc4\x9f@127.0.1.1:40001]"},
      {"D1 list", "GET /userlist.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
       "GET /userlist.txt old-netchat []"},
      {"D1 lookup", kD1Lookup, "GET /userlist.txt?username=bob old-netchat []"},
      {"D1 lookup of a Turkish name, not encoded",
       "GET /userlist.txt?username=G\xc3\xb6ktu\xc4\x9f HTTP/1.1\r\nHost: localhost\r\n"
       "Connection: close\r\n\r\n",
       "GET /userlist.txt?username=G\xc3\xb6ktu\xc4\x9f old-netchat []"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string bytes(row.bytes);
    const std::string expected = std::string(row.expected) + " close; ";
    CHECK(FramingRun().run({bytes}) == expected);
    std::vector<std::string> single;
    for (const char c : bytes) single.emplace_back(1, c);
    CHECK(FramingRun().run(single) == expected);
    for (std::size_t at = 1; at < bytes.size(); ++at) {
      CAPTURE(at);
      CHECK(FramingRun().run({bytes.substr(0, at), bytes.substr(at)}) == expected);
    }
  }
}

TEST_CASE("an old program sends neither Accept fields nor a User-Agent, nor a port in Host") {
  struct Row {
    std::string_view name;
    std::string_view fields;
    std::uint16_t port;
    Program expected;
  };
  const Row rows[] = {
      {"D0", "Host: 127.0.0.1\r\n", 8080, Program::kOldClassic},
      {"D0 by name", "Host: registry.example\r\n", 8080, Program::kOldClassic},
      {"D1", "Host: localhost\r\nConnection: close\r\n", 8080, Program::kOldNetchat},
      {"D1 in another case", "HOST: localhost\r\nconnection: CLOSE\r\n", 8080,
       Program::kOldNetchat},
      {"close among others", "Host: h\r\nConnection: keep-alive, close\r\n", 8080,
       Program::kOldNetchat},
      {"keep-alive is not close", "Host: h\r\nConnection: keep-alive\r\n", 8080,
       Program::kOldClassic},
      {"a Host with a port", "Host: 127.0.0.1:8080\r\n", 8080, Program::kModern},
      {"wrk", "Host: 127.0.0.1:8080\r\nConnection: close\r\n", 8080, Program::kModern},
      {"a Host with another port", "Host: 127.0.0.1:1\r\n", 8080, Program::kModern},
      {"an IPv6 host without a port", "Host: [::1]\r\n", 8080, Program::kOldClassic},
      {"an IPv6 host with one", "Host: [::1]:8080\r\n", 8080, Program::kModern},
      {"a User-Agent", "Host: h\r\nUser-Agent: x\r\n", 8080, Program::kModern},
      {"an empty User-Agent", "Host: h\r\nUser-Agent:\r\n", 8080, Program::kModern},
      {"curl", "Host: h\r\nUser-Agent: curl/7.88\r\nAccept: */*\r\n", 8080, Program::kModern},
      {"Accept", "Host: h\r\nAccept: */*\r\n", 8080, Program::kModern},
      {"Accept-Encoding alone", "Host: h\r\nAccept-Encoding: identity\r\n", 8080, Program::kModern},
      {"Accept-Language in lower case", "Host: h\r\naccept-language: tr\r\n", 8080,
       Program::kModern},
      {"a field that only contains Accept", "Host: h\r\nX-Accept: x\r\n", 8080,
       Program::kOldClassic},
      {"on port 80 the port says nothing", "Host: 127.0.0.1\r\n", 80, Program::kOldClassic},
      {"on port 80 even a port in Host", "Host: 127.0.0.1:80\r\n", 80, Program::kOldClassic},
      {"on port 80 with an agent", "Host: 127.0.0.1\r\nUser-Agent: x\r\n", 80, Program::kModern},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HttpFraming framing(test::at(0s), row.port);
    framing.handle_bytes(test::at(0s),
                         "GET /userlist.txt HTTP/1.1\r\n" + std::string(row.fields) + "\r\n");
    REQUIRE(framing.poll(test::at(0s)) == HttpFraming::State::kRequest);
    CHECK(framing.request().program == row.expected);
    if (row.expected != Program::kModern) CHECK_FALSE(framing.request().keep_alive);
  }
}

TEST_CASE("HTTP/1.0 comes from no old program") {
  for (const std::string_view fields : {"", "Host: 127.0.0.1\r\n", "Connection: close\r\n"}) {
    CAPTURE(fields);
    HttpFraming framing(test::at(0s), 8080);
    framing.handle_bytes(test::at(0s), "GET / HTTP/1.0\r\n" + std::string(fields) + "\r\n");
    REQUIRE(framing.poll(test::at(0s)) == HttpFraming::State::kRequest);
    CHECK(framing.request().program == Program::kModern);
  }
}

std::string old_post(std::string_view length, std::string_view body) {
  std::string out = "POST /userlist.txt HTTP/1.1\r\nHost: h\r\n";
  if (!length.empty()) out += "Content-Length: " + std::string(length) + "\r\n";
  return out + "\r\n" + std::string(body);
}

TEST_CASE("an old program's body is its first line, and its declared length a minimum") {
  struct Row {
    std::string_view name;
    std::string bytes;
    common::Duration wait;
    std::string_view expected;
  };
  const auto grace = registry::http::kOldBodyGrace;
  const Row rows[] = {
      {"a line end ends it at once", old_post("3", "abc\r\n"), 0s, "[abc]"},
      {"a line end before the length does too", old_post("30", "abc\r\n"), 0s, "[abc]"},
      {"more than declared, up to the line end", old_post("3", "abcdef\r\n"), 0s, "[abcdef]"},
      {"what follows the line end is not run", old_post("3", "abc\r\n\r\nGET / HTTP/1.1\r\n"), 0s,
       "[abc]"},
      {"as many characters as declared", old_post("3", "abc"), 0s, "[abc]"},
      {"characters, not bytes",
       old_post("3",
                "a\xc5\x9f"
                "c"),
       0s,
       "[a\xc5\x9f"
       "c]"},
      {"bytes counted by another program: after the grace",
       old_post("4",
                "a\xc5\x9f"
                "c"),
       grace,
       "[a\xc5\x9f"
       "c]"},
      {"bytes counted by another program: not before",
       old_post("4",
                "a\xc5\x9f"
                "c"),
       grace - 1ms, ""},
      {"fewer bytes than declared: never", old_post("4", "abc"), 9s, ""},
      {"nothing declared: after the grace", old_post("", "abc"), grace, "[abc]"},
      {"nothing declared: not before", old_post("", "abc"), grace - 1ms, ""},
      {"nothing declared, nothing sent", old_post("", ""), grace, "[]"},
      {"nothing declared, a line end", old_post("", "abc\r\n"), 0s, "[abc]"},
      {"declared empty", old_post("0", ""), 0s, "[]"},
      {"a bare LF stays in the body", old_post("3", "a\nb\r\n"), 0s, "[a\nb]"},
      {"half a line end does not count", old_post("3", "abc\r"), 0s, "[abc]"},
      {"a lone CR in the middle stays", old_post("3", "a\rb"), 0s, "[a\rb]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    FramingRun run;
    run.feed(row.bytes);
    run.pass(row.wait);
    CHECK(run.bodies() == row.expected);
  }
}

TEST_CASE("a body that comes in a second segment is waited for") {
  FramingRun run;
  run.feed(old_post("30", ""));
  CHECK(run.bodies() == "");
  run.pass(3s);
  run.feed("REGISTER alice@127.");
  CHECK(run.bodies() == "");
  run.pass(3s);
  run.feed("0.0.1:50001");
  CHECK(run.bodies() == "[REGISTER alice@127.0.0.1:50001]");
}

TEST_CASE("the end of input ends a body that has its declared length") {
  FramingRun run;
  run.feed(old_post("4",
                    "a\xc5\x9f"
                    "c"));
  CHECK(run.bodies() == "");
  run.end();
  CHECK(run.bodies() ==
        "[a\xc5\x9f"
        "c]");
}

TEST_CASE("the end of input does not make a body whole that is shorter than declared") {
  // `REGISTER alice@127.0.0.1:50001` cut by one byte would register port 5000.
  for (const std::string_view cut :
       {"", "REGISTER alice@127.0.0.1:5", "REGISTER alice@127.0.0.1:5000"}) {
    CAPTURE(cut);
    FramingRun run;
    run.feed(old_post("30", cut));
    run.end();
    CHECK(run.bodies() == "");
    CHECK(run.error() == 400);
  }
}

TEST_CASE("an old program's body is bounded like any other") {
  constexpr std::size_t kMax = registry::http::kBodyBytesMax;
  const auto outcome = [](std::string_view length, std::size_t size, std::string_view end) {
    FramingRun run;
    run.feed(old_post(length, std::string(size, 'x') + std::string(end)));
    return run.error() != 0 ? std::to_string(run.error())
                            : std::to_string(run.bodies().size()) + " in brackets";
  };
  CHECK(outcome("65536", kMax, "") == std::to_string(kMax + 2) + " in brackets");
  CHECK(outcome("65537", 1, "") == "413");
  CHECK(outcome("", kMax + 1, "") == "413");
  CHECK(outcome("5", kMax + 1, "\r\n") == "413");
}

TEST_CASE("an old program's connection closes after one answer, and nothing more is run on it") {
  HttpFraming framing(test::at(0s), 8080);
  framing.handle_bytes(test::at(0s), std::string(kD0List) + std::string(kD0Register));
  REQUIRE(framing.poll(test::at(0s)) == HttpFraming::State::kRequest);
  CHECK(framing.request().method == "GET");
  CHECK_FALSE(framing.request().keep_alive);
}

TEST_CASE("a GET of an old program is complete with its head: nothing more is waited for") {
  HttpFraming framing(test::at(0s), 8080);
  framing.handle_bytes(test::at(0s), kD0List);
  CHECK(framing.poll(test::at(0s)) == HttpFraming::State::kRequest);
}

}  // namespace
