// What an acknowledgement tells of sequences that came in any order.
#include "peer/sealed/ack_ranges.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using peer::sealed::AckRanges;

std::string text(const peer::sealed::Ack& ack) {
  std::string out;
  for (const auto& range : ack.used()) {
    if (!out.empty()) out += ' ';
    out += range.first == range.last ? fmt::format("{}", range.last)
                                     : fmt::format("{}-{}", range.last, range.first);
  }
  return out;
}

std::string ranges_of(const std::vector<std::uint64_t>& sequences) {
  AckRanges ranges;
  for (const std::uint64_t sequence : sequences) ranges.add(test::at(1s), sequence);
  return text(ranges.make_ack(test::at(1s)));
}

TEST_CASE("sequences become ranges, the newest first") {
  struct Row {
    std::string name;
    std::vector<std::uint64_t> sequences;
    std::string expected;
  };
  const Row rows[] = {
      {"the first", {0}, "0"},
      {"in order", {0, 1, 2, 3}, "3-0"},
      {"one missing", {0, 1, 3}, "3 1-0"},
      {"the missing one comes", {0, 1, 3, 2}, "3-0"},
      {"backwards", {3, 2, 1, 0}, "3-0"},
      {"apart", {9, 5, 1}, "9 5 1"},
      {"one grows upwards", {9, 5, 6}, "9 6-5"},
      {"one grows downwards", {9, 5, 4}, "9 5-4"},
      {"one between two of a gap of three", {9, 5, 7}, "9 7 5"},
      {"a join in the middle", {20, 9, 5, 7, 8, 6}, "20 9-5"},
      {"a join at the end", {20, 3, 1, 2}, "20 3-1"},
      {"begins anywhere", {1000, 999}, "1000-999"},
      {"out of reach when it comes", {5000, 5000 - 2048}, "5000"},
      {"just in reach", {5000, 5000 - 2047}, "5000 2953"},
      {"falls out of reach later", {10, 11, 12, 2059}, "2059 12"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(ranges_of(row.sequences) == row.expected);
  }
}

TEST_CASE("every order of five sequences gives the same ranges") {
  std::vector<std::uint64_t> order = {2, 3, 5, 6, 8};
  do {
    CHECK(ranges_of(order) == "8 6-5 3-2");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("of more ranges than an acknowledgement has the oldest are left out") {
  AckRanges ranges;
  for (std::uint64_t sequence = 0; sequence < 100; sequence += 2)
    ranges.add(test::at(1s), sequence);
  const auto ack = ranges.make_ack(test::at(1s));
  CHECK(ack.range_count == 32);
  CHECK(ack.largest() == 98);
  CHECK(ack.ranges[31].last == 36);
  ranges.add(test::at(1s), 1);  // older than all that are left
  CHECK(ranges.make_ack(test::at(1s)).ranges[31].last == 36);
  ranges.add(test::at(1s), 37);
  CHECK(ranges.make_ack(test::at(1s)).ranges[30] == peer::sealed::AckRange{36, 38});
}

TEST_CASE("random orders agree with a plain set") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    fuzz::SplitmixRandom random(seed);
    AckRanges ranges;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t sequence = random.below(60);
      if (seen.insert(sequence).second) ranges.add(test::at(1s), sequence);
      std::set<std::uint64_t> told;
      const auto ack = ranges.make_ack(test::at(1s));
      for (const auto& range : ack.used())
        for (auto s = range.first; s <= range.last; ++s) told.insert(s);
      CHECK(told == seen);
    }
  }
}

TEST_CASE("the largest's age is told, whatever comes after it") {
  AckRanges ranges;
  ranges.add(test::at(10ms), 5);
  ranges.add(test::at(15ms), 3);
  CHECK(ranges.make_ack(test::at(17ms)).held_ms == 7);
  ranges.add(test::at(20ms), 6);
  CHECK(ranges.make_ack(test::at(20ms)).held_ms == 0);
  CHECK(ranges.make_ack(test::at(2h)).held_ms == 65535);
}

}  // namespace
