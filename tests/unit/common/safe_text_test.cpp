#include "common/safe_text.hpp"

#include <doctest/doctest.h>

namespace {

using common::to_terminal;

TEST_CASE("everything that could command a terminal or rearrange a line is made visible") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"nothing", "", ""},
      {"plain text", "Good evening everyone!", "Good evening everyone!"},
      {"a tab stays", "a\tb", "a\tb"},
      {"a backslash stays", "a\\x1b", "a\\x1b"},
      {"escape", "\x1b[2J", "\\x1b[2J"},
      {"a window title", "\x1b]0;owned\x07", "\\x1b]0;owned\\x07"},
      {"line feed", "a\nb", "a\\x0ab"},
      {"carriage return", "a\rb", "a\\x0db"},
      {"backspace", "a\bb", "a\\x08b"},
      {"NUL", std::string_view("a\0b", 3), "a\\x00b"},
      {"DEL", "a\x7f", "a\\x7f"},
      {"C1 control CSI",
       "a\xc2\x9b"
       "31m",
       "a<U+009B>31m"},
      {"C1 next line", "\xc2\x85", "<U+0085>"},
      {"line separator", "a\u2028b", "a<U+2028>b"},
      {"paragraph separator", "a\u2029b", "a<U+2029>b"},
      {"right-to-left override", "a\u202egnp.exe", "a<U+202E>gnp.exe"},
      {"pop directional formatting", "\u202c", "<U+202C>"},
      {"isolates", "\u2066\u2067\u2068\u2069", "<U+2066><U+2067><U+2068><U+2069>"},
      {"left-to-right and right-to-left marks", "\u200e\u200f", "<U+200E><U+200F>"},
      {"Arabic letter mark", "\u061c", "<U+061C>"},
      {"zero-width space", "a\u200bb", "a<U+200B>b"},
      {"byte order mark", "\ufeffa", "<U+FEFF>a"},
      {"word joiner", "a\u2060b", "a<U+2060>b"},
      {"soft hyphen", "a\u00adb", "a<U+00AD>b"},
      {"interlinear annotation", "\ufff9", "<U+FFF9>"},
      {"a tag character", "\U000e0041", "<U+E0041>"},
      {"no-break space stays", "a\u00a0b", "a\u00a0b"},
      {"Turkish", "Şule, Göktuğ, İstanbul", "Şule, Göktuğ, İstanbul"},
      {"Arabic stays in its own order", "سلام", "سلام"},
      {"Persian with its non-joiner", "می\u200cخواهم", "می\u200cخواهم"},
      {"an emoji family with joiners", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
      {"combining marks", "e\u0301", "e\u0301"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(to_terminal(row.text) == row.expected);
    CHECK(common::is_harmless(row.text) == (row.text == row.expected));
  }
}

TEST_CASE("bytes that are no UTF-8 are shown as bytes, and what follows them is read again") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"a lone continuation byte", "a\x80z", "a\\x80z"},
      {"a byte that UTF-8 never has", "\xff", "\\xff"},
      {"cut after the first of two", "a\xc3", "a\\xc3"},
      {"cut after two of three", "a\xe2\x80", "a\\xe2\\x80"},
      {"cut after three of four", "\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
      {"a beginning that another follows", "\xc3\xc3\xb6", "\\xc3ö"},
      {"an overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
      {"an overlong NUL", "\xc0\x80", "\\xc0\\x80"},
      {"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"an escape behind a cut character", "\xe2\x80\x1b[2J", "\\xe2\\x80\\x1b[2J"},
      {"Latin-1", "G\xf6ktu", "G\\xf6ktu"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(to_terminal(row.text) == row.expected);
    CHECK_FALSE(common::is_harmless(row.text));
    CHECK_FALSE(common::is_utf8(row.text));
  }
}

TEST_CASE("a tab is made visible where one line must stay one field") {
  CHECK(to_terminal("a\tb", /*tab_allowed=*/false) == "a\\x09b");
  CHECK(common::is_harmless("a\tb"));
}

TEST_CASE("what was made harmless is harmless, and stays as it is") {
  std::string everything;
  for (int byte = 0; byte < 256; ++byte) everything += static_cast<char>(byte);
  for (int first = 0x80; first < 256; ++first)
    for (int second = 0x80; second < 0xc0; ++second)
      (everything += static_cast<char>(first)) += static_cast<char>(second);
  const std::string safe = to_terminal(everything);
  CHECK(common::is_harmless(safe));
  CHECK(common::is_utf8(safe));
  for (const char c : safe) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\t'));
}

TEST_CASE("no byte sequence of one character or less passes a control through") {
  // Every code point, encoded by hand so that the library is not its own judge.
  for (char32_t c = 0; c < 0x3000; ++c) {
    std::string text;
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | (c >> 6));
      text += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      text += static_cast<char>(0xe0 | (c >> 12));
      text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
      text += static_cast<char>(0x80 | (c & 0x3f));
    }
    const bool is_control = (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0);
    const bool is_bidi = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
                         c == 0x200e || c == 0x200f || c == 0x061c;
    const bool is_break = c == 0x2028 || c == 0x2029;
    if (!is_control && !is_bidi && !is_break) continue;
    CAPTURE(static_cast<unsigned>(c));
    CHECK_FALSE(common::is_harmless(text));
  }
}

}  // namespace
