#include "common/suggest.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace {

constexpr std::array<std::string_view, 5> kWords = {"list", "unicast", "multicast", "broadcast",
                                                    "exit"};

TEST_CASE("the nearest word within two edits is suggested") {
  struct Row {
    std::string_view name;
    std::string word;
    std::string_view expected;
  };
  const Row rows[] = {
      {"itself", "list", "list"},
      {"a letter left out", "lst", "list"},
      {"a letter too many", "liist", "list"},
      {"another letter", "lisd", "list"},
      {"two letters swapped", "lsit", "list"},
      {"two edits", "brodcas", "broadcast"},
      {"three edits", "brodca", ""},
      {"one edit beats two", "unicasts", "unicast"},
      {"upper case counts as edits", "LIST", ""},
      {"nothing like any", "dance", ""},
      {"nothing at all", "", ""},
      {"far too long", std::string(100, 'l'), ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(common::suggest(row.word, kWords) == row.expected);
  }
}

TEST_CASE("a short word is not suggested for one that shares nothing with it") {
  constexpr std::array<std::string_view, 2> kShort = {"-n", "-W"};
  CHECK(common::suggest("xy", kShort).empty());
  CHECK(common::suggest("", kShort).empty());
  CHECK(common::suggest("-m", kShort) == "-n");
}

TEST_CASE("of equally near words the first is suggested") {
  constexpr std::array<std::string_view, 3> kNear = {"cat", "bat", "hat"};
  CHECK(common::suggest("rat", kNear) == "cat");
}

TEST_CASE("without candidates nothing is suggested") { CHECK(common::suggest("list", {}).empty()); }

TEST_CASE("every single edit of a word leads back to it") {
  for (const std::string_view word : kWords) {
    CAPTURE(word);
    for (std::size_t i = 0; i < word.size(); ++i) {
      CAPTURE(i);
      std::string shorter(word);
      shorter.erase(i, 1);
      std::string other(word);
      other[i] = '#';
      std::string longer(word);
      longer.insert(i, "#");
      for (const std::string& typed : {shorter, other, longer})
        CHECK(common::suggest(typed, kWords) == word);
    }
  }
}

}  // namespace
