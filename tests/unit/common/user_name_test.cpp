#include <doctest/doctest.h>

#include "common/limits.hpp"
#include "common/user.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::NameError;
using common::UserName;

/// "ok", or why not.
std::string verdict(std::string_view text) {
  const auto name = UserName::parse(text);
  return name ? "ok" : std::string(to_string(name.error()));
}

std::string times(int count, std::string_view text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

constexpr const char* kBadCharacter =
    "has a character other than letters, digits, '_', '-' and '.'";
constexpr const char* kBadFirst = "does not begin with a letter or a digit";

TEST_CASE("names follow the one grammar") {
  struct Row {
    std::string_view name;
    std::string text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"a letter", "a", "ok"},
      {"a digit", "7", "ok"},
      {"a digit first", "1st", "ok"},
      {"the three signs", "a_b-c.d", "ok"},
      {"signs at the end", "a_", "ok"},
      {"two dots", "a..b", "ok"},
      {"64 bytes", std::string(64, 'x'), "ok"},
      {"65 bytes", std::string(65, 'x'), "is longer than 64 bytes"},
      {"300 bytes", std::string(300, 'x'), "is longer than 64 bytes"},
      {"64 bytes in 32 letters", times(32, "ş"), "ok"},
      {"66 bytes in 33 letters", times(33, "ş"), "is longer than 64 bytes"},
      {"nothing", "", "is empty"},
      {"a blank", "a b", kBadCharacter},
      {"only a blank", " ", kBadCharacter},
      {"an at sign", "a@b", kBadCharacter},
      {"a colon", "a:b", kBadCharacter},
      {"a comma", "a,b", kBadCharacter},
      {"a quote", "a\"b", kBadCharacter},
      {"a slash", "a/b", kBadCharacter},
      {"a backslash", "a\\b", kBadCharacter},
      {"a bar", "a|b", kBadCharacter},
      {"an ampersand", "a&b", kBadCharacter},
      {"a bracket", "a[b", kBadCharacter},
      {"a percent sign", "a%20b", kBadCharacter},
      {"a line feed", "a\nb", kBadCharacter},
      {"a carriage return", "a\r", kBadCharacter},
      {"a tab", "a\tb", kBadCharacter},
      {"a NUL", std::string("a\0b", 3), kBadCharacter},
      {"an escape", "a\x1b[2J", kBadCharacter},
      {"DEL", "a\x7f", kBadCharacter},
      {"a dot first", ".a", kBadFirst},
      {"only dots", "..", kBadFirst},
      {"a dash first", "-a", kBadFirst},
      {"an underscore first", "_a", kBadFirst},
      {"a combining mark first", "\u0301a", kBadFirst},
      {"no UTF-8", "a\xff", "is not UTF-8"},
      {"Latin-1", "G\xf6ktu\xf0", "is not UTF-8"},
      {"a cut character", "a\xc3", "is not UTF-8"},
      {"a surrogate", "a\xed\xa0\x80", "is not UTF-8"},
      {"an overlong letter", "\xc1\xa1", "is not UTF-8"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(verdict(row.text) == row.expected);
  }
}

TEST_CASE("real people have real names") {
  for (const std::string_view text :
       {"Göktuğ", "Şule", "İbrahim", "Işıl",   "Çağrı",    "Ünal",     "Zoë",  "Łukasz",
        "Đặng",   "山田", "たろう",  "김철수", "Ирина",    "Ελένη",    "محمد", "فاطمه",
        "דוד",    "अमित", "สมชาย",   "Ñandú",  "O.Connor", "Jean-Luc", "Ḥasan"}) {
    CAPTURE(text);
    CHECK(verdict(text) == "ok");
    const auto name = UserName::parse(text);
    if (name) CHECK(name->text() == text);
  }
}

TEST_CASE("characters that are not seen, or that rearrange a line, are in no name") {
  struct Row {
    std::string_view name;
    std::string_view text;
  };
  const Row rows[] = {
      {"zero-width space", "a\u200bb"},
      {"zero-width joiner", "a\u200db"},
      {"zero-width non-joiner, though Persian words have it", "می\u200cخواهم"},
      {"right-to-left override", "a\u202eb"},
      {"left-to-right isolate", "a\u2066b"},
      {"right-to-left mark", "a\u200f"},
      {"Arabic letter mark", "a\u061c"},
      {"byte order mark", "\ufeffa"},
      {"soft hyphen", "a\u00adb"},
      {"word joiner", "a\u2060b"},
      {"line separator", "\u2028a"},
      {"no-break space", "a\u00a0b"},
      {"ideographic space", "a\u3000b"},
      {"Hangul filler, a letter that shows nothing", "a\u3164"},
      {"Hangul filler alone", "\u3164"},
      {"halfwidth Hangul filler", "a\uffa0"},
      {"Hangul choseong filler", "a\u115f"},
      {"Hangul jungseong filler", "a\u1160"},
      {"combining grapheme joiner", "a\u034fb"},
      {"a variation selector", "a\ufe0f"},
      {"Mongolian vowel separator", "a\u180eb"},
      {"a tag character", "a\U000e0041"},
      {"an emoji", "a👋"},
      {"only an emoji", "👋"},
      {"a regional indicator", "🇹🇷"},
      {"a control of the second set", "a\u0085"},
      {"a private use character", "a\ue000"},
      {"an unassigned character", "a\u0378"},
      {"a currency sign", "a€"},
      {"a superscript digit", "a²"},
      {"a Roman numeral", "Ⅳ"},
      {"a full-width at sign", "a＠b"},
      {"a full-width comma", "a，b"},
      {"a dash that is none of ours", "a–b"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(UserName::parse(row.text).has_value());
  }
}

TEST_CASE("a name is legal in normal form C alone") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const char* no = "is not in Unicode normal form C";
  const Row rows[] = {
      {"composed", "Zo\u00eb", "ok"},
      {"decomposed", "Zoe\u0308", no},
      {"a Turkish dotted capital composed", "\u0130", "ok"},
      {"the same decomposed", "I\u0307", no},
      {"Hangul composed", "\ud55c\uae00", "ok"},
      {"Hangul as single letters", "\u1112\u1161\u11ab", no},
      {"the Angstrom sign is a letter in another place", "\u212b", no},
      {"the Kelvin sign too", "\u212a", no},
      {"a mark that has no composed form stays", "x\u0301", "ok"},
      {"two marks in canonical order", "a\u0323\u0307", no},  // composes with the first
      {"marks out of order", "x\u0301\u0323", no},
      {"the same in order", "x\u0323\u0301", "ok"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(verdict(row.text) == row.expected);
  }
}

TEST_CASE("what a person types is brought into normal form") {
  CHECK(common::normalize_typed_name("Zoe\u0308") == "Zo\u00eb");
  CHECK(common::normalize_typed_name("Zo\u00eb") == "Zo\u00eb");
  CHECK(common::normalize_typed_name("") == "");
  CHECK_FALSE(common::normalize_typed_name("\xff").has_value());
}

TEST_CASE("names that fold to the same are the same, and others are not") {
  struct Row {
    std::string_view name;
    std::string_view a;
    std::string_view b;
    bool same;
  };
  const Row rows[] = {
      {"itself", "ali", "ali", true},
      {"case", "Ali", "aLI", true},
      {"another", "ali", "alia", false},
      {"Turkish letters", "GÖKTUĞ", "göktuğ", true},
      {"Greek final sigma", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", true},
      {"Cyrillic", "ИРИНА", "ирина", true},
      {"sharp s", "Weiß", "WEISS", true},
      {"long s", "ſara", "sara", true},
      {"a ligature", "ﬁgen", "figen", true},
      {"full width", "ＡＬＩ", "ali", true},
      {"half-width kana", "ﾀﾛｳ", "タロウ", true},
      {"dotless i is another letter", "alı", "ali", false},
      {"capital dotless i is a plain I", "ALI", "alı", false},
      {"dotted capital I is not a plain i", "İlker", "ilker", false},
      {"an accent", "zoë", "zoe", false},
      {"Cyrillic that looks Latin", "аli", "ali", false},
      {"signs count", "a-b", "a_b", false},
      {"digits of another script", "a١", "a1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK((test::name(row.a) == test::name(row.b)) == row.same);
    CHECK((test::name(row.a).key() == test::name(row.b).key()) == row.same);
  }
}

TEST_CASE("reserved words are reserved however they are written") {
  for (const std::string_view text : {"user", "User", "USER", "server", "all", "All", "aLL", "room",
                                      "ROOM", "ＵＳＥＲ", "uſer", "ａｌｌ"}) {
    CAPTURE(text);
    CHECK(verdict(text) == "is reserved");
  }
  for (const std::string_view text :
       {"user1", "users", "all.", "a.ll", "rooms", "servers", "аll"}) {
    CAPTURE(text);
    CHECK(verdict(text) == "ok");
  }
}

std::string encode(char32_t c) {
  std::string out;
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
  return out;
}

TEST_CASE("the room can be written to, and nobody can be called so") {
  for (const std::string_view text : {"room", "Room", "ROOM", "\uff32oom"}) {
    CAPTURE(text);
    CHECK(verdict(text) == "is reserved");
    const auto addressee = UserName::parse_addressee(text);
    REQUIRE(addressee.has_value());
    CHECK(addressee->is_room());
    CHECK(addressee->text() == "room");
    CHECK(*addressee == UserName::room());
  }
  for (const std::string_view text : {"all", "server", "user", "a b", "", "room "}) {
    CAPTURE(text);
    REQUIRE(!UserName::parse_addressee(text).has_value());
    CHECK(to_string(UserName::parse_addressee(text).error()) == verdict(text));
  }
  CHECK(!UserName::parse_addressee("rooms")->is_room());
  CHECK(UserName::parse_addressee("Ali")->text() == "Ali");
}

TEST_CASE("every character of Unicode gives a key that is safe in a path, a list and a request") {
  // Keys name folders, and names stand unescaped in lists and JSON.
  int legal = 0;
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const auto name = UserName::parse(encode(c));
    if (!name) continue;
    ++legal;
    CAPTURE(static_cast<unsigned>(c));
    const std::string& key = name->key();
    const bool is_safe = !key.empty() && key[0] != '.' &&
                         key.find_first_of(std::string_view("/\\\0\r\n\t\"@:,|", 11)) == key.npos;
    REQUIRE(is_safe);
    // Folding again changes nothing, else one user could have two keys.
    if (const auto folded = UserName::parse(key)) REQUIRE(folded->key() == key);
  }
  CHECK(legal > 100'000);
}

}  // namespace
