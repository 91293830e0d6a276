// What could be understood in two ways is refused, with the status that says why.
#include <doctest/doctest.h>

#include "tests/unit/support/framing_run.hpp"

namespace {

using namespace std::string_literals;
using test::FramingRun;

/// A modern request with these lines after the request line.
std::string get_with(std::string_view lines) {
  return "GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n";
}
std::string post_with(std::string_view lines, std::string_view body = "") {
  return "POST / HTTP/1.1\r\nHost: h:1\r\n" + std::string(lines) + "\r\n" + std::string(body);
}

struct Row {
  std::string_view name;
  std::string bytes;
  std::string_view expected;
};

/// Each row whole, byte by byte and split at every offset: framing must not depend on segments.
void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(FramingRun().run({row.bytes}) == row.expected);
    std::vector<std::string> single;
    for (const char c : row.bytes) single.emplace_back(1, c);
    CHECK(FramingRun().run(single) == row.expected);
    for (std::size_t at = 1; at < row.bytes.size(); ++at) {
      CAPTURE(at);
      REQUIRE(FramingRun().run({row.bytes.substr(0, at), row.bytes.substr(at)}) == row.expected);
    }
  }
}

constexpr std::string_view kOk = "GET / modern []; ";
constexpr std::string_view kBad = "error 400; ";

TEST_CASE("request lines") {
  check({
      {"plain", "GET / HTTP/1.1\r\nHost: h:1\r\n\r\n", kOk},
      {"a query", "GET /a?b=c%20d HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET /a?b=c%20d modern []; "},
      {"an unknown method is the core's business", "BREW / HTTP/1.1\r\nHost: h:1\r\n\r\n",
       "BREW / modern []; "},
      {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h:1\r\n\r\n", "OPTIONS * modern []; "},
      {"absolute form", "GET http://h:1/a?b HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET /a?b modern []; "},
      {"absolute form without a path", "GET HTTP://h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", kOk},
      {"absolute form without a host", "GET http:///a HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"absolute form of nothing", "GET http:// HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"absolute form with a query for a host", "GET http://?a HTTP/1.1\r\nHost: h:1\r\n\r\n",
       kBad},
      {"another scheme", "GET ftp://h/ HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"authority form", "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"bytes above ASCII in the target, as NetChat sends them",
       "GET /?u=\xc5\x9f HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET /?u=\xc5\x9f modern []; "},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h:1\r\n\r\n", "GET / modern [] close; "},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: h:1\r\n\r\n", "error 505; "},
      {"the beginning of HTTP/2 itself", "PRI * HTTP/2.0\r\n\r\n", "error 505; "},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h:1\r\n\r\n", "error 505; "},
      {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: h:1\r\n\r\n", "error 505; "},
      {"a version in lower case", "GET / http/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a version with two digits", "GET / HTTP/1.10\r\nHost: h:1\r\n\r\n", "error 505; "},
      {"no version", "GET /\r\nHost: h:1\r\n\r\n", kBad},
      {"no target", "GET HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"an empty target", "GET  HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"two blanks before the version", "GET /  HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a blank behind the version", "GET / HTTP/1.1 \r\nHost: h:1\r\n\r\n", kBad},
      {"a tab for a blank", "GET\t/ HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a blank in front", " GET / HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"no method", " / HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a method that is no token", "G(T / HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a relative target", "GET a HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a control in the target", "GET /\x01 HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: h:1\r\n\r\n"s, kBad},
      {"DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"a lone CR in the target", "GET /\ra HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", kBad},
  });
}

TEST_CASE("a TLS greeting is refused when it has a line end, and never understood") {
  FramingRun run;
  run.feed("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(500, 'x'));
  CHECK(run.log() == "");
  run.feed("\r\n\r\n");
  CHECK(run.log() == "error 400; ");
}

TEST_CASE("Host is there exactly once in HTTP/1.1") {
  check({
      {"once", get_with("Host: h:1\r\n"), kOk},
      {"in any case", get_with("hOsT: h:1\r\n"), kOk},
      {"empty", get_with("Host:\r\nAccept: */*\r\n"), kOk},
      {"missing", get_with("Accept: */*\r\n"), kBad},
      {"no fields at all", get_with(""), kBad},
      {"twice, the same", get_with("Host: h:1\r\nHost: h:1\r\n"), kBad},
      {"twice, others", get_with("Host: h:1\r\nhost: evil\r\n"), kBad},
      {"missing in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / modern [] close; "},
      {"twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", kBad},
  });
}

TEST_CASE("header fields") {
  check({
      {"blanks around the value", get_with("Host: \t h:1 \t \r\n"), kOk},
      {"no blank", get_with("Host:h:1\r\n"), kOk},
      {"a tab inside a value", get_with("Host: h:1\r\nX: a\tb\r\n"), kOk},
      {"bytes above ASCII in a value", get_with("Host: h:1\r\nX: \xc5\x9f\xff\r\n"), kOk},
      {"every sign of a token", get_with("Host: h:1\r\n!#$%&'*+-.^_`|~: x\r\n"), kOk},
      {"a blank before the colon", get_with("Host : h:1\r\n"), kBad},
      {"a tab before the colon", get_with("Host\t: h:1\r\n"), kBad},
      {"no colon", get_with("Host: h:1\r\nHello\r\n"), kBad},
      {"no name", get_with("Host: h:1\r\n: x\r\n"), kBad},
      {"a folded line", get_with("Host: h:1\r\nX: a\r\n b\r\n"), kBad},
      {"a folded line with a tab", get_with("Host: h:1\r\nX: a\r\n\tb\r\n"), kBad},
      {"a first line that is folded", get_with(" Host: h:1\r\n"), kBad},
      {"a name that is no token", get_with("Host: h:1\r\nX(Y): a\r\n"), kBad},
      {"a name above ASCII", get_with("Host: h:1\r\nX\xc5\x9f: a\r\n"), kBad},
      {"a control in a value", get_with("Host: h:1\r\nX: a\x01\r\n"), kBad},
      {"an escape in a value", get_with("Host: h:1\r\nX: \x1b[2J\r\n"), kBad},
      {"a NUL in a value", get_with("Host: h:1\r\nX: a\0b\r\n"s), kBad},
      {"DEL in a value", get_with("Host: h:1\r\nX: \x7f\r\n"), kBad},
      {"a lone CR in a value", get_with("Host: h:1\r\nX: a\rb\r\n"), kBad},
  });
}

TEST_CASE("a line end is CRLF and nothing less") {
  check({
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: h:1\r\n\r\n", kBad},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: h:1\nX: y\r\n\r\n", kBad},
      {"bare LF is seen before an unknown version", "GET / HTTP/2\r\nX: y\nZ: z\r\n\r\n", kBad},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: h:1\n\n", kBad},
      // The CR counts as a part of the version.
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: h:1\r\n\r\n", "error 505; "},
      {"CR CR LF after a field", "GET / HTTP/1.1\r\nHost: h:1\r\r\n\r\n", kBad},
      {"LF first", "\nGET / HTTP/1.1\r\nHost: h:1\r\n\r\n", kBad},
  });
}

TEST_CASE("Content-Length is one number of digits") {
  check({
      {"a number", post_with("Content-Length: 3\r\n", "abc"), "POST / modern [abc]; "},
      {"zero", post_with("Content-Length: 0\r\n"), "POST / modern []; "},
      {"leading zeros", post_with("Content-Length: 0003\r\n", "abc"), "POST / modern [abc]; "},
      {"none: no body", post_with(""), "POST / modern []; "},
      {"with GET", "GET / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabc",
       "GET / modern [abc]; "},
      {"twice, the same", post_with("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), kBad},
      {"twice, others", post_with("Content-Length: 3\r\ncontent-length: 4\r\n", "abcd"), kBad},
      {"a list", post_with("Content-Length: 3, 3\r\n", "abc"), kBad},
      {"empty", post_with("Content-Length:\r\n"), kBad},
      {"a plus sign", post_with("Content-Length: +3\r\n", "abc"), kBad},
      {"a minus sign", post_with("Content-Length: -1\r\n"), kBad},
      {"hexadecimal", post_with("Content-Length: 0x3\r\n", "abc"), kBad},
      {"a blank inside", post_with("Content-Length: 1 0\r\n", "abc"), kBad},
      {"a fraction", post_with("Content-Length: 3.0\r\n", "abc"), kBad},
      {"digits of another script", post_with("Content-Length: \xd9\xa3\r\n", "abc"), kBad},
      {"2^64", post_with("Content-Length: 18446744073709551616\r\n"), "error 413; "},
      {"2^64 + 3", post_with("Content-Length: 18446744073709551619\r\n", "abc"), "error 413; "},
      {"a hundred digits", post_with("Content-Length: " + std::string(100, '9') + "\r\n"),
       "error 413; "},
  });
}

TEST_CASE("Transfer-Encoding is chunked alone, and never with a length") {
  const std::string body = "3\r\nabc\r\n0\r\n\r\n";
  check({
      {"chunked", post_with("Transfer-Encoding: chunked\r\n", body), "POST / modern [abc]; "},
      {"in any case", post_with("transfer-encoding: CHUNKED\r\n", body), "POST / modern [abc]; "},
      {"with a length before",
       post_with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", body), kBad},
      {"with a length behind",
       post_with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", body), kBad},
      {"twice", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body),
       kBad},
      {"another coding", post_with("Transfer-Encoding: gzip\r\n"), "error 501; "},
      {"another coding first", post_with("Transfer-Encoding: gzip, chunked\r\n"), "error 501; "},
      {"identity", post_with("Transfer-Encoding: identity\r\n"), "error 501; "},
      {"with a parameter", post_with("Transfer-Encoding: chunked;x=1\r\n", body), "error 501; "},
      {"a word that begins so", post_with("Transfer-Encoding: chunkedd\r\n", body), "error 501; "},
      {"a vertical tab before the word",
       post_with("Transfer-Encoding: \x0b"
                 "chunked\r\n",
                 body),
       kBad},
      {"empty", post_with("Transfer-Encoding:\r\n"), "error 501; "},
      {"in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
       kBad},
  });
}

TEST_CASE("bodies that would have to be unpacked are refused before they are read") {
  check({
      {"gzip", post_with("Content-Encoding: gzip\r\nContent-Length: 3\r\n"), "error 415; "},
      {"two codings", post_with("Content-Encoding: identity, gzip\r\nContent-Length: 3\r\n"),
       "error 415; "},
      {"identity", post_with("Content-Encoding: identity\r\nContent-Length: 3\r\n", "abc"),
       "POST / modern [abc]; "},
      {"a form in parts", post_with("Content-Type: multipart/form-data; boundary=x\r\n"),
       "error 415; "},
      {"a form in parts, in another case", post_with("Content-Type: MultiPart/mixed\r\n"),
       "error 415; "},
      {"a plain form, as curl -d sends",
       post_with("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n", "abc"),
       "POST / modern [abc]; "},
      {"any text", post_with("Content-Type: text/*\r\nContent-Length: 3\r\n", "abc"),
       "POST / modern [abc]; "},
  });
}

TEST_CASE("whether a connection is kept") {
  check({
      {"HTTP/1.1 keeps", get_with("Host: h:1\r\n"), kOk},
      {"unless it says close", get_with("Host: h:1\r\nConnection: close\r\n"),
       "GET / modern [] close; "},
      {"in any case, in a list", get_with("Host: h:1\r\nConnection: Upgrade , CLOSE\r\n"),
       "GET / modern [] close; "},
      {"another word", get_with("Host: h:1\r\nConnection: upgrade\r\n"), kOk},
      {"HTTP/1.0 closes", "GET / HTTP/1.0\r\nHost: h:1\r\n\r\n", "GET / modern [] close; "},
      {"unless it says keep-alive", "GET / HTTP/1.0\r\nHost: h:1\r\nConnection: Keep-Alive\r\n\r\n",
       kOk},
      {"two fields: close wins",
       get_with("Host: h:1\r\nConnection: keep-alive\r\nConnection: close\r\n"),
       "GET / modern [] close; "},
      {"both words: close wins",
       "GET / HTTP/1.0\r\nHost: h:1\r\nConnection: keep-alive, close\r\n\r\n",
       "GET / modern [] close; "},
  });
}

TEST_CASE("after an error nothing further is read") {
  FramingRun run;
  run.feed("GET / HTTP/9.9\r\nHost: h:1\r\n\r\nGET / HTTP/1.1\r\nHost: h:1\r\n\r\n");
  CHECK(run.log() == "error 505; ");
  run.framing().handle_bytes(run.now(), "GET / HTTP/1.1\r\nHost: h:1\r\n\r\n");
  CHECK(run.framing().poll(run.now()) == FramingRun::State::kError);
  CHECK_FALSE(run.framing().next_timeout().has_value());
}

TEST_CASE("a field is found by its name in any case, and the first of several counts") {
  registry::http::HttpFraming framing(test::at({}), 8080);
  framing.handle_bytes(test::at({}),
                       get_with("Host: h:1\r\nX-One: first\r\nx-one: second\r\nX-Two:\r\n"));
  REQUIRE(framing.poll(test::at({})) == FramingRun::State::kRequest);
  const auto& request = framing.request();
  CHECK(request.field("X-ONE") == "first");
  CHECK(request.field("x-two") == "");
  CHECK(request.has_field("x-two"));
  CHECK_FALSE(request.has_field("x-three"));
  CHECK(request.fields.size() == 4);
  CHECK(request.field_list("x-one") == "first, second");
  CHECK(request.field_list("x-two") == "");
  CHECK(request.field_list("x-three") == "");
}

}  // namespace
