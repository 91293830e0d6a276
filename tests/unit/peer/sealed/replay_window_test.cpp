#include "peer/sealed/replay_window.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "peer/sealed/session_keys.hpp"
#include "tests/support/test_random.hpp"

namespace {

using peer::sealed::kSequenceEnd;
using peer::sealed::ReplayWindow;

TEST_CASE("sequences are accepted once, as far back as the window reaches") {
  struct Row {
    std::string_view name;
    std::vector<std::uint64_t> marked;
    std::uint64_t sequence;
    bool has_seen;
  };
  const Row rows[] = {
      {"the first of all", {}, 0, false},
      {"far ahead at once", {}, 1'000'000, false},
      {"in order", {0, 1, 2}, 3, false},
      {"a repeat of the newest", {0, 1, 2}, 2, true},
      {"a repeat of an older one", {0, 1, 2}, 0, true},
      {"reordered, not yet seen", {0, 2, 1, 5}, 4, false},
      {"reordered, seen", {0, 2, 1, 5}, 1, true},
      {"2,047 behind", {5'000}, 5'000 - 2'047, false},
      {"2,048 behind", {5'000}, 5'000 - 2'048, true},
      {"2,049 behind", {5'000}, 5'000 - 2'049, true},
      {"2,047 behind and seen", {5'000 - 2'047, 5'000}, 5'000 - 2'047, true},
      {"what one step ahead pushes out", {100, 100 + 2'048}, 100, true},
      {"the same bit one lap later", {63}, 63 + 4'096, false},
      {"the same bit one lap later, after a jump", {63, 63 + 4'097}, 63 + 4'096, false},
      {"a jump of exactly the ring", {10, 10 + 4'096}, 10 + 4'096 - 1, false},
      {"a jump over many rings", {10, 1'000'000}, 1'000'000 - 2'047, false},
      {"the last an honest sender uses", {kSequenceEnd - 2}, kSequenceEnd - 1, false},
      {"the last, repeated", {kSequenceEnd - 1}, kSequenceEnd - 1, true},
      {"2,047 behind the last", {kSequenceEnd - 1}, kSequenceEnd - 2'048, false},
      {"2,048 behind the last", {kSequenceEnd - 1}, kSequenceEnd - 2'049, true},
      {"beyond the end", {}, kSequenceEnd, true},
      {"as large as can be", {5}, ~std::uint64_t{0}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ReplayWindow window;
    for (const std::uint64_t sequence : row.marked) {
      REQUIRE_FALSE(window.has_seen(sequence));
      window.mark(sequence);
    }
    CHECK(window.has_seen(row.sequence) == row.has_seen);
  }
}

TEST_CASE("asking changes nothing") {
  ReplayWindow window;
  window.mark(3'000);
  CHECK_FALSE(window.has_seen(900'000));
  CHECK_FALSE(window.has_seen(3'001));
  CHECK(window.end() == 3'001);
  CHECK_FALSE(window.has_seen(3'000 - 2'047));
}

TEST_CASE("the window agrees with a set that remembers everything") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = random.below(2) == 0 ? 0 : kSequenceEnd - 9'000;
    for (int i = 0; i < 1'000; ++i) {
      // Small steps, steps about as long as the window and the ring, and now and then a jump.
      const std::uint64_t reach[] = {4, 130, 2'100, 4'200};
      const std::uint64_t span = reach[random.below(4)];
      const std::uint64_t base = highest < span ? 0 : highest - span;
      const std::uint64_t sequence = base + random.below(span + span / 8 + 2);
      const bool is_old = highest >= 2'048 && sequence <= highest - 2'048;
      const bool expected = !seen.empty() && (seen.contains(sequence) || is_old);
      const bool is_beyond = sequence >= kSequenceEnd;
      REQUIRE(window.has_seen(sequence) == (expected || is_beyond));
      if (expected || is_beyond) continue;
      window.mark(sequence);
      seen.insert(sequence);
      highest = std::max(highest, sequence);
      if (seen.size() == 1) highest = sequence;
    }
  }
}

}  // namespace
