// A stream as lines, wherever it was cut.
#include "common/line_splitter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace {

using common::LineSplitter;
using Texts = std::vector<std::string>;

constexpr std::size_t kBytesMax = 8;

void take(LineSplitter& splitter, Texts& lines) {
  while (const auto line = splitter.next())
    lines.push_back(line->is_overlong ? "TOO LONG " + line->text : line->text);
}

/// What comes of the pieces: each line, then what is left without an end.
Texts lines_of(const Texts& pieces) {
  LineSplitter splitter(kBytesMax);
  Texts lines;
  for (const std::string& piece : pieces) {
    splitter.push(common::as_bytes(piece));
    take(splitter, lines);
  }
  lines.push_back("rest " + std::string(splitter.pending()));
  return lines;
}

struct Row {
  std::string_view name;
  std::string stream;
  Texts lines;
};

const Row kRows[] = {
    {"nothing", "", {"rest "}},
    {"a line", "one\n", {"one", "rest "}},
    {"two glued", "one\ntwo\n", {"one", "two", "rest "}},
    {"no end yet", "one\ntw", {"one", "rest tw"}},
    {"empty lines", "\n\n", {"", "", "rest "}},
    {"CR before LF", "one\r\n\r\n", {"one", "", "rest "}},
    {"one CR alone is taken off", "one\r\r\n", {"one\r", "rest "}},
    {"CR inside", "o\rne\n", {"o\rne", "rest "}},
    {"NUL and high bytes", std::string("\0\xff\n", 3), {std::string("\0\xff", 2), "rest "}},
    {"as long as may be", "12345678\n", {"12345678", "rest "}},
    {"as long as may be, with CR", "12345678\r\n", {"12345678", "rest "}},
    {"a byte too long", "123456789\n", {"TOO LONG 12345678", "rest "}},
    {"a byte too long, with CR", "123456789\r\n", {"TOO LONG 12345678", "rest "}},
    {"a CR too long", "12345678\r\r\n", {"TOO LONG 12345678", "rest "}},
    {"far too long, then others",
     "123456789012345678901234567890\nab\n123456789\n\n",
     {"TOO LONG 12345678", "ab", "TOO LONG 12345678", "", "rest "}},
    {"too long without an end is told at once, and once",
     "12345678901234567890",
     {"TOO LONG 12345678", "rest "}},
};

TEST_CASE("lines are the same whole, byte by byte, and split at every point") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    CHECK(lines_of({row.stream}) == row.lines);
    Texts bytes;
    for (const char c : row.stream) bytes.emplace_back(1, c);
    CHECK(lines_of(bytes) == row.lines);
    for (std::size_t at = 0; at <= row.stream.size(); ++at) {
      CAPTURE(at);
      CHECK(lines_of({row.stream.substr(0, at), row.stream.substr(at)}) == row.lines);
    }
  }
}

TEST_CASE("an endless line is not kept") {
  LineSplitter splitter(kBytesMax);
  const std::string piece(1000, 'x');
  Texts lines;
  for (int i = 0; i < 1000; ++i) {
    splitter.push(common::as_bytes(piece));
    take(splitter, lines);
    CHECK(splitter.pending().empty());
  }
  splitter.push(common::as_bytes("\nafter\n"));
  take(splitter, lines);
  CHECK(lines == Texts{"TOO LONG xxxxxxxx", "after"});
}

TEST_CASE("a long line in many pieces is searched once") {
  // Searched anew with each piece, this would take minutes.
  LineSplitter splitter(std::size_t{16} << 20);
  const std::string piece(16, 'x');
  for (int i = 0; i < 1'000'000; ++i) {
    splitter.push(common::as_bytes(piece));
    REQUIRE_FALSE(splitter.next().has_value());
  }
  splitter.push(common::as_bytes("\n"));
  CHECK(splitter.next()->text.size() == 16'000'000);
}

}  // namespace
