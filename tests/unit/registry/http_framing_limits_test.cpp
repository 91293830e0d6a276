// Every limit of the framing: at it, one below and one above.
#include <doctest/doctest.h>

#include "registry/http/limits.hpp"
#include "tests/unit/support/framing_run.hpp"

namespace {

namespace http = registry::http;
using test::FramingRun;

/// A GET whose head has exactly so many bytes, empty line included.
std::string head_of(std::size_t bytes) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: h:1\r\nX: ";
  const std::string end = "\r\n\r\n";
  return begin + std::string(bytes - begin.size() - end.size(), 'x') + end;
}

std::string target_of(std::size_t head_bytes) {
  const std::string begin = "GET /";
  const std::string end = " HTTP/1.1\r\nHost: h:1\r\n\r\n";
  return begin + std::string(head_bytes - begin.size() - end.size(), 'x') + end;
}

int error_of(const std::string& bytes, std::size_t piece) {
  FramingRun run;
  for (std::size_t at = 0; at < bytes.size(); at += piece) run.feed(bytes.substr(at, piece));
  return run.error();
}

TEST_CASE("a head has a largest size, whatever pieces it comes in") {
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{1000}, std::size_t{2048}, std::size_t{100'000}}) {
    CAPTURE(piece);
    CHECK(error_of(head_of(http::kHeadBytesMax - 1), piece) == 0);
    CHECK(error_of(head_of(http::kHeadBytesMax), piece) == 0);
    CHECK(error_of(head_of(http::kHeadBytesMax + 1), piece) == 431);
    CHECK(error_of(head_of(http::kHeadBytesMax * 3), piece) == 431);
  }
}

TEST_CASE("a request line that fills the head is called too long a target") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2048}, std::size_t{100'000}}) {
    CAPTURE(piece);
    CHECK(error_of(target_of(http::kHeadBytesMax), piece) == 0);
    CHECK(
        error_of("GET /" + std::string(http::kHeadBytesMax, 'x') + " HTTP/1.1\r\nHost: h:1\r\n\r\n",
                 piece) == 414);
  }
}

TEST_CASE("a head without end is refused at its bound, not kept") {
  FramingRun run;
  run.feed("GET / HTTP/1.1\r\nX: ");
  for (int i = 0; i < 20 && run.error() == 0; ++i) run.feed(std::string(1024, 'x'));
  CHECK(run.error() == 431);
  FramingRun endless_line;
  for (int i = 0; i < 20 && endless_line.error() == 0; ++i)
    endless_line.feed(std::string(1024, 'x'));
  CHECK(endless_line.error() == 414);
}

std::string fields_of(std::size_t count) {
  std::string head = "GET / HTTP/1.1\r\nHost: h:1\r\n";
  for (std::size_t i = 1; i < count; ++i) head += "X: y\r\n";
  return head + "\r\n";
}

TEST_CASE("a request has so many fields and no more") {
  CHECK(error_of(fields_of(http::kFieldsMax - 1), 4096) == 0);
  CHECK(error_of(fields_of(http::kFieldsMax), 4096) == 0);
  CHECK(error_of(fields_of(http::kFieldsMax + 1), 4096) == 431);
}

std::string body_of(std::size_t declared, std::size_t sent) {
  return "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: " + std::to_string(declared) +
         "\r\n\r\n" + std::string(sent, 'x');
}

TEST_CASE("a body has a largest size, refused by its declaration") {
  CHECK(error_of(body_of(http::kBodyBytesMax - 1, http::kBodyBytesMax - 1), 4096) == 0);
  CHECK(error_of(body_of(http::kBodyBytesMax, http::kBodyBytesMax), 4096) == 0);
  CHECK(error_of(body_of(http::kBodyBytesMax + 1, 0), 4096) == 413);
  FramingRun run;
  run.feed(body_of(http::kBodyBytesMax, http::kBodyBytesMax));
  CHECK(run.bodies().size() == http::kBodyBytesMax + 2);
}

std::string chunks(const std::vector<std::size_t>& sizes) {
  std::string out = "POST / HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t size : sizes) {
    char hex[20];
    std::snprintf(hex, sizeof hex, "%zx", size);
    out += hex + std::string("\r\n") + std::string(size, 'x') + "\r\n";
  }
  return out + "0\r\n\r\n";
}

TEST_CASE("a chunked body has the same largest size, in one chunk or in many") {
  constexpr std::size_t kMax = http::kBodyBytesMax;
  CHECK(error_of(chunks({kMax}), 4096) == 0);
  CHECK(error_of(chunks({kMax + 1}), 4096) == 413);
  CHECK(error_of(chunks({kMax - 1, 1}), 4096) == 0);
  CHECK(error_of(chunks({kMax - 1, 1, 1}), 4096) == 413);
  CHECK(error_of(chunks({kMax, 1}), 4096) == 413);
  CHECK(error_of(chunks(std::vector<std::size_t>(kMax / 16, 16)), 2048) == 0);
  CHECK(error_of(chunks(std::vector<std::size_t>(kMax / 16 + 1, 16)), 2048) == 413);
}

TEST_CASE("a chunk's size has so many digits and no more") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto sized = [&](std::size_t digits) {
    return head + std::string(digits - 1, '0') + "3\r\nabc\r\n0\r\n\r\n";
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}}) {
    CAPTURE(piece);
    CHECK(error_of(sized(http::kChunkDigitsMax), piece) == 0);
    CHECK(error_of(sized(http::kChunkDigitsMax + 1), piece) == 400);
    CHECK(error_of(head + "ffffffff\r\n", piece) == 413);
    CHECK(error_of(head + "100000003\r\n", piece) == 400);
    CHECK(error_of(head + std::string(100, '0'), piece) == 400);  // without a line end
  }
}

TEST_CASE("trailer fields have a largest size together") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto with_trailer = [&](std::size_t bytes) {
    // "X: …\r\n" counts, the empty line does not.
    return head + "3\r\nabc\r\n0\r\nX: " + std::string(bytes - 5, 'x') + "\r\n\r\n";
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2048}, std::size_t{100'000}}) {
    CAPTURE(piece);
    CHECK(error_of(with_trailer(http::kHeadBytesMax), piece) == 0);
    CHECK(error_of(with_trailer(http::kHeadBytesMax + 1), piece) == 431);
  }
  std::string many = head + "0\r\n";
  for (int i = 0; i < 3000; ++i) many += "X: y\r\n";
  CHECK(error_of(many, 2048) == 431);
}

TEST_CASE("empty lines before a request are skipped up to a bound") {
  const std::string request = "GET / HTTP/1.1\r\nHost: h:1\r\n\r\n";
  const auto with_lines = [&](std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += "\r\n";
    return out + request;
  };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{4096}}) {
    CAPTURE(piece);
    for (std::size_t count = 0; count <= http::kEmptyLinesMax; ++count)
      CHECK(error_of(with_lines(count), piece) == 0);
    CHECK(error_of(with_lines(http::kEmptyLinesMax + 1), piece) == 400);
    // Each request has its own allowance.
    CHECK(error_of(with_lines(http::kEmptyLinesMax) + with_lines(http::kEmptyLinesMax), piece) ==
          0);
  }
}

}  // namespace
