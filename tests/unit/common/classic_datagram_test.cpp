// The classic datagram, `sender: text`.
#include "common/classic_datagram.hpp"

#include <doctest/doctest.h>

#include "common/limits.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::EncodeError;
using common::kClassicDatagramBytesMax;

std::string encoded_classic(std::string_view sender, std::string_view text) {
  const auto datagram = common::encode_classic(test::name(sender), text);
  if (!datagram) return "! " + common::to_string(datagram.error());
  return std::string(common::as_text(*datagram));
}

/// "carol|hello", "-|text without a sender", or "nothing".
std::string decoded_classic(std::string_view bytes) {
  const auto message = common::decode_classic(common::as_bytes(bytes));
  if (!message) return "nothing";
  return message->sender.value_or("-") + '|' + message->text;
}

TEST_CASE("a datagram is the sender, a colon, a blank and the text, and nothing more") {
  CHECK(encoded_classic("carol", "hello all") == "carol: hello all");
  CHECK(encoded_classic("carol", "hello all").size() == 16);
  CHECK(encoded_classic("Göktuğ", "selam") == "Göktuğ: selam");
  CHECK(encoded_classic("a", "") == "a: ");
  CHECK(encoded_classic("a", "x: y: z") == "a: x: y: z");
  CHECK(encoded_classic("a", "tab\tstays, \x1b too") == "a: tab\tstays, \x1b too");
}

TEST_CASE("a datagram has 2,048 bytes with its sender, and no more") {
  for (const std::string_view sender : {"a", "carol", "Göktuğ"}) {
    CAPTURE(sender);
    const std::size_t room = kClassicDatagramBytesMax - sender.size() - 2;
    CHECK(encoded_classic(sender, std::string(room - 1, 'x')).size() ==
          kClassicDatagramBytesMax - 1);
    CHECK(encoded_classic(sender, std::string(room, 'x')).size() == kClassicDatagramBytesMax);
    CHECK(encoded_classic(sender, std::string(room + 1, 'x')) ==
          "! the text is too long: a classic datagram has 2048 bytes with the sender");
  }
  CHECK(encoded_classic("a", std::string(1'000'000, 'x')).starts_with("! the text is too long"));
}

TEST_CASE("what would break an old listener is refused") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  constexpr std::string_view kOneLine =
      "! the text has a line break or a NUL: a classic message is one line";
  const Row rows[] = {
      {"a line feed", "a\nb", kOneLine},
      {"a line feed at the end", "a\n", kOneLine},
      {"a carriage return", "a\rb", kOneLine},
      {"a NUL", std::string_view("a\0b", 3), kOneLine},
      {"a bad byte", "a\xff", "! the text is not UTF-8"},
      {"a cut character", "a\xc3", "! the text is not UTF-8"},
      {"a surrogate", "\xed\xa0\x80", "! the text is not UTF-8"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(encoded_classic("a", row.text) == row.expected);
  }
}

TEST_CASE("any datagram is read; who sent it is what it claims") {
  const std::string name64(64, 'x');
  const std::string name65(65, 'x');
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string expected;
  };
  const Row rows[] = {
      {"plain", "carol: hello all", "carol|hello all"},
      {"an empty text", "carol: ", "carol|"},
      {"the sender ends at the first colon and blank", "a: b: c", "a|b: c"},
      {"a colon alone does not end it", "a:b: c", "a:b|c"},
      {"no separator", "hello", "-|hello"},
      {"a colon without a blank", "carol:hello", "-|carol:hello"},
      {"a separator first", ": hello", "-|: hello"},
      {"the longest name", name64 + ": x", name64 + "|x"},
      {"one longer is no name", name65 + ": x", "-|" + name65 + ": x"},
      {"a name with a blank, as old programs allow", "a b: x", "a b|x"},
      {"a separator late in a text is none",
       "this is a text without a sender, because its only "
       "separator comes late: here",
       "-|this is a text without a sender, because its only separator comes late: here"},
      {"a line end", "carol: hello\n", "carol|hello\n"},
      {"D1's quotes are text", "alice: \"see you at 10\"", "alice|\"see you at 10\""},
      {"D1's delete signal", "DELETE_MESSAGE:alice", "-|DELETE_MESSAGE:alice"},
      {"no UTF-8", "carol: \xff\xfe", "carol|\xff\xfe"},
      {"one byte", "x", "-|x"},
      {"a NUL", std::string("\0", 1), std::string("-|\0", 3)},
      {"nothing: a registry's probe", "", "nothing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(decoded_classic(row.bytes) == row.expected);
  }
}

TEST_CASE("what was encoded is decoded the same") {
  for (const std::string_view sender : {"a", "Göktuğ", "a-b_c.d"})
    for (const std::string_view text : {"", "x", "a: b", ": ", "\"quoted\"", "selam, dünya 👋"})
      CHECK(decoded_classic(encoded_classic(sender, text)) ==
            std::string(sender) + '|' + std::string(text));
}

TEST_CASE("every truncation of a datagram is read without harm") {
  const std::string whole = "Göktuğ: selam, dünya";
  for (std::size_t size = 1; size <= whole.size(); ++size) {
    CAPTURE(size);
    const std::string cut = whole.substr(0, size);
    const bool has_sender = size >= std::string_view("Göktuğ: ").size();
    CHECK(decoded_classic(cut) == (has_sender ? "Göktuğ|" + cut.substr(10) : "-|" + cut));
  }
}

TEST_CASE("the largest datagram of the network is read whole") {
  const std::string bytes = "a: " + std::string(common::kUdpPayloadBytesMax - 3, 'x');
  CHECK(decoded_classic(bytes).size() == bytes.size() - 1);
}

}  // namespace
