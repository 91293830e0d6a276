// Chunks, 100-continue, pipelining, the end of input, and time.
#include <doctest/doctest.h>

#include "registry/http/limits.hpp"
#include "tests/unit/support/framing_run.hpp"

namespace {

using namespace std::chrono_literals;
using registry::http::HttpFraming;
using test::FramingRun;
using State = HttpFraming::State;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h:1\r\n\r\n";

std::string chunked(std::string_view body, std::string_view extra = "") {
  return "POST / HTTP/1.1\r\nHost: h:1\r\n" + std::string(extra) +
         "Transfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

std::string in_pieces(const std::string& bytes, std::size_t piece) {
  FramingRun run;
  for (std::size_t at = 0; at < bytes.size(); at += piece) run.feed(bytes.substr(at, piece));
  return run.log();
}

TEST_CASE("chunked bodies, whole, byte by byte and split at every offset") {
  struct Row {
    std::string_view name;
    std::string body;
    std::string_view expected;
  };
  const Row rows[] = {
      {"one chunk", "3\r\nabc\r\n0\r\n\r\n", "POST / modern [abc]; "},
      {"no chunk", "0\r\n\r\n", "POST / modern []; "},
      {"several", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", "POST / modern [abcdef]; "},
      {"capital and small digits", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
       "POST / modern [01234567890123456789]; "},
      {"leading zeros", "0003\r\nabc\r\n000\r\n\r\n", "POST / modern [abc]; "},
      {"line ends inside a chunk", "6\r\na\r\nb\r\n\r\n0\r\n\r\n", "POST / modern [a\r\nb\r\n]; "},
      {"trailer fields are dropped", "3\r\nabc\r\n0\r\nX: y\r\nHost: evil\r\n\r\n",
       "POST / modern [abc]; "},
      {"the next request behind", "3\r\nabc\r\n0\r\n\r\n" + std::string(kGet),
       "POST / modern [abc]; GET / modern []; "},
      {"a minus sign", "-3\r\nabc\r\n", "error 400; "},
      {"a plus sign", "+3\r\nabc\r\n", "error 400; "},
      {"0x", "0x3\r\nabc\r\n", "error 400; "},
      {"a blank before", " 3\r\nabc\r\n", "error 400; "},
      {"a blank behind", "3 \r\nabc\r\n", "error 400; "},
      {"an extension", "3;a=b\r\nabc\r\n", "error 400; "},
      {"an extension alone", "3;\r\nabc\r\n", "error 400; "},
      {"no digits", "\r\nabc\r\n", "error 400; "},
      {"a letter beyond f", "g\r\nabc\r\n", "error 400; "},
      {"data longer than its size", "2\r\nabc\r\n0\r\n\r\n", "error 400; "},
      {"bare LF after the size", "3\nabc\r\n0\r\n\r\n", "error 400; "},
      {"a trailer line that is no field", "0\r\nGET /evil HTTP/1.1\r\n\r\n", "error 400; "},
      {"bare LF in a trailer", "0\r\nX: a\n\nGET /evil HTTP/1.1\r\n\r\n", "error 400; "},
      {"a folded trailer", "0\r\nX: a\r\n b\r\n\r\n", "error 400; "},
      {"bare LF after the data", "3\r\nabc\n0\r\n\r\n", "error 400; "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string bytes = chunked(row.body);
    CHECK(FramingRun().run({bytes}) == row.expected);
    CHECK(in_pieces(bytes, 1) == row.expected);
    for (std::size_t at = 1; at < bytes.size(); ++at) {
      CAPTURE(at);
      CHECK(FramingRun().run({bytes.substr(0, at), bytes.substr(at)}) == row.expected);
    }
  }
}

TEST_CASE("a head's values still hold after a long body moved the buffer") {
  const std::string body(60'000, 'x');
  HttpFraming framing(test::at(0s), 8080);
  std::string bytes =
      "POST /here?a=b HTTP/1.1\r\nHost: h:1\r\nX-Long-Field-Name: value\r\n"
      "Content-Length: 60000\r\n\r\n" +
      body;
  std::string pieces_of_chunks = chunked("", "X-Long-Field-Name: value\r\n");
  for (int i = 0; i < 60; ++i) pieces_of_chunks += "3e8\r\n" + std::string(1000, 'x') + "\r\n";
  pieces_of_chunks += "0\r\n\r\n";
  for (std::string* input : {&bytes, &pieces_of_chunks}) {
    HttpFraming fresh(test::at(0s), 8080);
    for (std::size_t at = 0; at < input->size(); at += 777) {
      fresh.handle_bytes(test::at(0s), std::string_view(*input).substr(at, 777));
      const State state = fresh.poll(test::at(0s));
      if (at + 777 < input->size()) REQUIRE(state == State::kNeedBytes);
    }
    REQUIRE(fresh.poll(test::at(0s)) == State::kRequest);
    CHECK(fresh.request().method == "POST");
    CHECK(fresh.request().field("x-long-field-name") == "value");
    CHECK(fresh.request().body == body);
  }
}

TEST_CASE("pipelined requests come out one by one, however they are cut") {
  const std::string three =
      "GET /1 HTTP/1.1\r\nHost: h:1\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabc"
      "\r\n"  // an empty line between is forgiven
      "GET /3 HTTP/1.1\r\nHost: h:1\r\n\r\n";
  const std::string expected = "GET /1 modern []; POST /2 modern [abc]; GET /3 modern []; ";
  CHECK(FramingRun().run({three}) == expected);
  CHECK(in_pieces(three, 1) == expected);
  for (std::size_t at = 1; at < three.size(); ++at) {
    CAPTURE(at);
    CHECK(FramingRun().run({three.substr(0, at), three.substr(at)}) == expected);
  }
}

TEST_CASE("a body is exactly its declared bytes; what follows is the next request") {
  // Smuggling: a body that looks like a request must not be run as one.
  const std::string inner = "GET /evil HTTP/1.1\r\nHost: h:1\r\n\r\n";
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: " + std::to_string(inner.size()) +
      "\r\n\r\n" + inner + std::string(kGet);
  CHECK(FramingRun().run({bytes}) == "POST / modern [" + inner + "]; GET / modern []; ");
}

TEST_CASE("100 Continue is sent once, to a modern client whose body is still to come") {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h:1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  CHECK(FramingRun().run({head, "abc"}) == "continue; POST / modern [abc]; ");
  CHECK(FramingRun().run({head, "a", "bc"}) == "continue; POST / modern [abc]; ");
  CHECK(FramingRun().run({head + "abc"}) == "POST / modern [abc]; ");
  CHECK(FramingRun().run({head + "a", "bc"}) == "POST / modern [abc]; ");
  const std::string in_chunks = chunked("", "Expect: 100-Continue\r\n");
  CHECK(FramingRun().run({in_chunks, "3\r\nabc\r\n0\r\n\r\n"}) ==
        "continue; POST / modern [abc]; ");
  CHECK(FramingRun().run({"POST / HTTP/1.0\r\nHost: h:1\r\nExpect: 100-continue\r\n"
                          "Content-Length: 3\r\n\r\n",
                          "abc"}) == "POST / modern [abc] close; ");
  CHECK(FramingRun().run({"POST / HTTP/1.1\r\nHost: h:1\r\nExpect: coffee\r\n\r\n"}) ==
        "error 417; ");
  // Each request of a connection by itself.
  CHECK(FramingRun().run({head, "abc" + head, "def"}) ==
        "continue; POST / modern [abc]; continue; POST / modern [def]; ");
}

TEST_CASE("a client that has begun with its body is not told to continue") {
  const std::string in_chunks = chunked("", "Expect: 100-Continue\r\n");
  CHECK(FramingRun().run({in_chunks + "1\r\na\r\n", "2\r\nbc\r\n0\r\n\r\n"}) ==
        "POST / modern [abc]; ");
  CHECK(FramingRun().run({in_chunks + "1\r\na", "\r\n2\r\nbc\r\n0\r\n\r\n"}) ==
        "POST / modern [abc]; ");
}

TEST_CASE("a body that is refused by its length draws no 100 Continue") {
  CHECK(FramingRun().run({"POST / HTTP/1.1\r\nHost: h:1\r\nExpect: 100-continue\r\n"
                          "Content-Length: 99999999\r\n\r\n"}) == "error 413; ");
}

TEST_CASE("the end of input between requests is an end; inside one it is an error") {
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view expected;
  };
  const Row rows[] = {
      {"nothing at all", "", "ended; "},
      {"after a request", std::string(kGet), "GET / modern []; ended; "},
      {"after empty lines", "\r\n\r\n", "ended; "},
      {"in the request line", "GET /", "error 400; "},
      {"in the head", "GET / HTTP/1.1\r\nHost: h:1\r\n", "error 400; "},
      {"in a declared body", "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nab",
       "error 400; "},
      {"before a declared body", "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\n",
       "error 400; "},
      {"in a chunk's size", chunked("3"), "error 400; "},
      {"in a chunk", chunked("3\r\nab"), "error 400; "},
      {"after a chunk", chunked("3\r\nabc"), "error 400; "},
      {"before the last chunk", chunked("3\r\nabc\r\n"), "error 400; "},
      {"in the trailer", chunked("3\r\nabc\r\n0\r\nX: y\r\n"), "error 400; "},
      {"half closed with everything said", std::string(kGet) + std::string(kGet),
       "GET / modern []; GET / modern []; ended; "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(FramingRun().run_to_end({row.bytes}) == row.expected);
    // And when the end is known before the bytes were looked at.
    HttpFraming framing(test::at(0s), 8080);
    framing.handle_bytes(test::at(0s), row.bytes);
    framing.handle_end(test::at(0s));
    State state = framing.poll(test::at(0s));
    while (state == State::kRequest) {
      framing.consume(test::at(0s));
      state = framing.poll(test::at(0s));
    }
    CHECK(state == (row.expected.ends_with("ended; ") ? State::kEnded : State::kError));
  }
}

TEST_CASE("a request has ten seconds from its first byte, however it trickles") {
  FramingRun run;
  run.feed("G");
  for (int second = 0; second < 9; ++second) {
    run.pass(1s);
    run.feed(std::string(1, "ET / HTTP/"[second]));
    CHECK(run.error() == 0);
  }
  run.pass(1s - 1ns);
  CHECK(run.error() == 0);
  run.pass(1ns);
  CHECK(run.error() == 408);
}

TEST_CASE("the time is for head and body together") {
  FramingRun run;
  run.feed("POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\n");
  run.pass(9s);
  run.feed("ab");
  run.pass(1s - 1ns);
  CHECK(run.error() == 0);
  run.pass(1ns);
  CHECK(run.error() == 408);
  FramingRun chunks;
  chunks.feed(chunked("1\r\na\r\n"));
  chunks.pass(10s);
  CHECK(chunks.error() == 408);
}

TEST_CASE("an old program's unfinished body runs out of time too") {
  FramingRun run;
  run.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nREG");
  run.pass(10s - 1ns);
  CHECK(run.error() == 0);
  run.pass(1ns);
  CHECK(run.error() == 408);
}

TEST_CASE("each request has its own time, and so has the pause between two") {
  HttpFraming framing(test::at(0s), 8080);
  CHECK(framing.is_idle());
  CHECK(framing.next_timeout() == test::at(10s));
  framing.handle_bytes(test::at(7s), "GET / HTTP/1.1\r\n");
  CHECK(framing.poll(test::at(7s)) == State::kNeedBytes);
  CHECK_FALSE(framing.is_idle());
  CHECK(framing.next_timeout() == test::at(17s));
  framing.handle_bytes(test::at(8s), "Host: h:1\r\n\r\nGET");
  CHECK(framing.poll(test::at(8s)) == State::kRequest);
  CHECK_FALSE(framing.next_timeout().has_value());  // however long the answer takes
  framing.consume(test::at(20s));
  CHECK(framing.next_timeout() == test::at(30s));  // the next one has begun
  framing.handle_bytes(test::at(21s), " / HTTP/1.1\r\nHost: h:1\r\n\r\n");
  CHECK(framing.poll(test::at(21s)) == State::kRequest);
  framing.consume(test::at(22s));
  CHECK(framing.is_idle());
  CHECK(framing.next_timeout() == test::at(32s));
}

TEST_CASE("a timeout called early or while idle changes nothing") {
  HttpFraming framing(test::at(0s), 8080);
  framing.handle_timeout(test::at(11s));
  CHECK(framing.poll(test::at(11s)) == State::kNeedBytes);
  framing.handle_bytes(test::at(11s), kGet.substr(0, 5));
  framing.handle_timeout(test::at(20s));
  framing.handle_bytes(test::at(20s), kGet.substr(5));
  CHECK(framing.poll(test::at(20s)) == State::kRequest);
}

TEST_CASE("empty lines alone do not keep a connection for ever") {
  FramingRun run;
  for (int i = 0; i < 10 && run.error() == 0; ++i) {
    run.feed("\r\n");
    run.pass(1s);
  }
  CHECK(run.error() == 400);
}

}  // namespace
