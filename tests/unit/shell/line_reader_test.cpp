// Lines from a descriptor.
#include "peer/shell/line_reader.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "common/os/unique_fd.hpp"

namespace {

using common::os::UniqueFd;
using peer::LineReader;

struct Pipe {
  Pipe() {
    int fds[2] = {-1, -1};
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    out = UniqueFd(fds[0]);
    in = UniqueFd(fds[1]);
  }
  void write(std::string_view text) {
    REQUIRE(::write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  UniqueFd out;
  UniqueFd in;
};

/// "[a][b]", with '!' before an overlong line's length.
std::string describe(const std::vector<LineReader::Line>& lines) {
  std::string out;
  for (const LineReader::Line& line : lines)
    out += line.is_overlong ? "[!" + std::to_string(line.text.size()) + ']' : '[' + line.text + ']';
  return out;
}

std::string read_all(std::string_view input, std::size_t lines_max = 1) {
  Pipe pipe;
  std::thread writer([&] {
    std::string_view rest = input;
    while (!rest.empty()) {
      const ssize_t written = ::write(pipe.in.get(), rest.data(), rest.size());
      if (written <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    pipe.in.reset();
  });
  LineReader reader(pipe.out.get());
  std::string lines;
  for (auto some = reader.next(lines_max); !some.empty(); some = reader.next(lines_max)) {
    CHECK(some.size() <= lines_max);
    lines += describe(some);
  }
  writer.join();
  return lines;
}

TEST_CASE("lines end at a line feed, and a last one without counts") {
  struct Row {
    std::string_view name;
    std::string_view input;
    std::string_view expected;
  };
  const Row rows[] = {
      {"nothing", "", ""},
      {"one", "list\n", "[list]"},
      {"one without an end", "list", "[list]"},
      {"several", "a\nb\nc\n", "[a][b][c]"},
      {"the last without an end", "a\nb", "[a][b]"},
      {"empty lines", "\n\na\n\n", "[][][a][]"},
      {"a CR stays", "a\r\n", "[a\r]"},
      {"a NUL stays", std::string_view("a\0b\n", 4), std::string_view("[a\0b]", 5)},
      {"not UTF-8", "\xff\n", "[\xff]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const std::size_t lines_max : {1u, 2u, 100u})
      CHECK(read_all(row.input, lines_max) == row.expected);
  }
}

TEST_CASE("lines that have come together are returned together, up to what was asked for") {
  Pipe pipe;
  LineReader reader(pipe.out.get());
  pipe.write("a\nb\nc\nd\ne");
  CHECK(describe(reader.next(2)) == "[a][b]");
  CHECK(describe(reader.next(100)) == "[c][d]");  // without waiting for the end of the fifth
  pipe.write("nd\n");
  CHECK(describe(reader.next(100)) == "[end]");
  pipe.write("x\ny");
  pipe.in.reset();
  CHECK(describe(reader.next(100)) == "[x]");
  CHECK(describe(reader.next(100)) == "[y]");
  CHECK(reader.next(100).empty());
}

TEST_CASE("a line is read up to its bound, and one beyond is cut and skipped to its end") {
  constexpr std::size_t kMax = LineReader::kLineBytesMax;
  CHECK(read_all(std::string(kMax, 'x') + "\nnext\n").ends_with("x][next]"));
  const std::string over = read_all(std::string(kMax + 1, 'x') + "\nnext\n");
  CHECK(over.starts_with("[!"));
  CHECK(over.ends_with("][next]"));
  const std::string far_over = read_all(std::string(3 * kMax, 'x') + "\nnext\n");
  CHECK(far_over.starts_with("[!"));
  CHECK(far_over.ends_with("][next]"));
  CHECK(far_over.find("[!", 2) == far_over.npos);  // told once
}

TEST_CASE("an endless line without an end is told once and then is over") {
  const std::string over = read_all(std::string(3 * LineReader::kLineBytesMax, 'x'));
  CHECK(over.starts_with("[!"));
  CHECK(over.find("][") == over.npos);
}

TEST_CASE("what is there is read without waiting for more") {
  Pipe pipe;
  LineReader reader(pipe.out.get());
  std::vector<LineReader::Line> lines;
  pipe.write("y");
  CHECK(reader.read_available(lines));
  CHECK(lines.empty());
  pipe.write("es\nno\nmay");
  CHECK(reader.read_available(lines));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].text == "yes");
  CHECK(lines[1].text == "no");
  pipe.write("be\n");
  CHECK(reader.read_available(lines));
  CHECK(lines.back().text == "maybe");
  pipe.in.reset();
  CHECK_FALSE(reader.read_available(lines));
}

TEST_CASE("a descriptor that cannot be read is at its end") {
  LineReader reader(-1);
  CHECK(reader.next(1).empty());
  std::vector<LineReader::Line> lines;
  CHECK_FALSE(reader.read_available(lines));
}

TEST_CASE("what waits without an end when input ends is a last line, once") {
  for (const std::string_view rest : {"", "last"}) {
    Pipe pipe;
    LineReader reader(pipe.out.get());
    pipe.write("first\n" + std::string(rest));
    std::vector<LineReader::Line> lines;
    CHECK(reader.read_available(lines));
    CHECK(describe(lines) == "[first]");
    pipe.in.reset();
    CHECK_FALSE(reader.read_available(lines));
    const auto last = reader.take_rest();
    CHECK((last ? last->text : "") == rest);
    CHECK_FALSE(reader.take_rest().has_value());
  }
}

}  // namespace
