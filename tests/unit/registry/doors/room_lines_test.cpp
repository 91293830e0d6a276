// The bytes of the chat-room dialect.
#include "registry/doors/room_lines.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {

using namespace registry::doors;
using registry::Message;

/// "hello$" for a line with LF, "hello\r$" with CRLF, "part+" for one that goes on.
std::vector<std::string> lines_of(RoomInput& input, std::size_t text_max) {
  std::vector<std::string> lines;
  while (input.has_next(text_max)) {
    const auto line = input.next(text_max);
    REQUIRE(line.has_value());
    std::string shown(line->text);
    shown += line->end.empty() ? "+" : line->end == "\n" ? "$" : "\\r$";
    lines.push_back(shown);
  }
  CHECK(!input.next(text_max).has_value());
  return lines;
}

TEST_CASE("a line is a line wherever it was cut, and a long one comes in parts") {
  struct Row {
    const char* name;
    std::string bytes;
    std::vector<std::string> lines;
    std::string rest;
  };
  const Row rows[] = {
      {"nothing", "", {}, ""},
      {"one line", "hi\n", {"hi$"}, ""},
      {"CRLF is kept", "hi\r\n", {"hi\\r$"}, ""},
      {"two lines in one segment", "a\nb\n", {"a$", "b$"}, ""},
      {"an empty line", "\n", {"$"}, ""},
      {"an empty line with CR", "\r\n", {"\\r$"}, ""},
      {"half a line waits", "a\nb", {"a$"}, "b"},
      {"a CR inside stays", "a\rb\n", {"a\rb$"}, ""},
      {"a CR alone waits", "a\r", {}, "a\r"},
      {"just as long as it may be", "12345678\n", {"12345678$"}, ""},
      {"just as long, with CR", "12345678\r\n", {"12345678\\r$"}, ""},
      {"just as long, its end to come", "12345678", {}, "12345678"},
      {"just as long, and a CR", "12345678\r", {}, "12345678\r"},
      {"one more", "123456789\n", {"12345678+", "9$"}, ""},
      {"one more, its end to come", "123456789", {}, "123456789"},
      {"one more, with CR", "123456789\r\n", {"12345678+", "9\\r$"}, ""},
      {"two more", "1234567890", {"12345678+"}, "90"},
      {"thrice as long", "1234567812345678123\n", {"12345678+", "12345678+", "123$"}, ""},
      {"no character is cut", "1234567ğ90\n", {"1234567+", "ğ90$"}, ""},
      {"nor one of four bytes", "12345😀90\n", {"12345+", "😀90$"}, ""},
      {"what is not UTF-8 is cut anywhere",
       std::string(10, '\x80') + "\n",
       {std::string(8, '\x80') + "+", "\x80\x80$"},
       ""},
      {"a forged beginning is text", "x\r<bob> hi\n", {"x\r<bob> +", "hi$"}, ""},
  };
  constexpr std::size_t kTextMax = 8;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (std::size_t split = 0; split <= row.bytes.size(); ++split) {
      CAPTURE(split);
      RoomInput input;
      input.push(std::string_view(row.bytes).substr(0, split));
      auto lines = lines_of(input, kTextMax);
      input.push(std::string_view(row.bytes).substr(split));
      for (auto& line : lines_of(input, kTextMax)) lines.push_back(line);
      CHECK(lines == row.lines);
      CHECK(input.rest() == row.rest);
      CHECK(input.size() == row.rest.size());
    }
    RoomInput input;
    std::vector<std::string> lines;
    for (const char byte : row.bytes) {
      input.push({&byte, 1});
      for (auto& line : lines_of(input, kTextMax)) lines.push_back(line);
    }
    CHECK(lines == row.lines);
  }
}

TEST_CASE("a line that was taken back comes again, as short as is asked for") {
  RoomInput input;
  input.push("one\n12345678\nthree\n");
  CHECK(input.next(8)->text == "one");
  CHECK(input.next(8)->text == "12345678");
  input.take_back();
  CHECK(input.next(4)->text == "1234");
  CHECK(input.next(8)->text == "5678");
  CHECK(input.next(8)->text == "three");
}

TEST_CASE("a message is a line with its sender in front, and every part of it is") {
  const std::string name64(64, 'n');
  struct Row {
    const char* name;
    Message message;
    std::string bytes;
  };
  const Row rows[] = {
      {"said in the room", {"alice", "hi", false, true, "\n"}, "<alice> hi\n"},
      {"with the sender's line end", {"alice", "hi", false, true, "\r\n"}, "<alice> hi\r\n"},
      {"nothing", {"alice", "", false, true, "\n"}, "<alice> \n"},
      {"for one", {"carol", "hi", false, false, "\n"}, "<carol to you> hi\n"},
      {"for all", {"carol", "hi", true, false, "\n"}, "<carol to all> hi\n"},
      {"a forged beginning", {"carol", "<bob> hi", false, true, "\n"}, "<carol> <bob> hi\n"},
      {"just as long as a line may be",
       {"alice", std::string(2039, 'x'), false, true, "\n"},
       "<alice> " + std::string(2039, 'x') + "\n"},
      {"one more",
       {"alice", std::string(2040, 'x'), false, true, "\n"},
       "<alice> " + std::string(2039, 'x') + "\n<alice> x\n"},
      {"the longest",
       {name64, std::string(4096, 'x'), false, false, "\n"},
       [&] {
         const std::string begin = "<" + name64 + " to you> ";
         const std::string part = begin + std::string(2048 - begin.size() - 1, 'x') + "\n";
         const std::size_t left = 4096 - 2 * (2048 - begin.size() - 1);
         return part + part + begin + std::string(left, 'x') + "\n";
       }()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(format_room_message(row.message) == row.bytes);
  }
}

TEST_CASE("what can be said at once fits a line of the room and a classic datagram") {
  for (const std::size_t size : {1U, 5U, 64U}) {
    const std::string name(size, 'n');
    const std::string text(room_text_max(name), 'x');
    CHECK(format_room_message({name, text, false, true, "\r\n"}).size() <= kRoomLineBytesMax);
    CHECK(("room: <" + name + "> " + text).size() == 2048);
  }
}

TEST_CASE("the bytes that an old program waits for are these") {
  CHECK(kRoomPrompt.size() == 28);
  CHECK(kRoomWelcome.size() == 30);
}

}  // namespace
