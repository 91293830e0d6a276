#include "common/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <set>

#include "tests/support/test_random.hpp"

namespace {

TEST_CASE("a seed gives the same numbers again, and another seed gives others") {
  test::TestRandom first(7);
  test::TestRandom again(7);
  test::TestRandom other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto number = first.u64();
    CHECK(number == again.u64());
    differs |= number != other.u64();
  }
  CHECK(differs);
}

TEST_CASE("the test source gives the numbers that the standard fixes for its engine") {
  // The standard: the 10,000th number of a default-seeded mt19937_64 is 9981545732273789042.
  test::TestRandom random(std::mt19937_64::default_seed);
  for (int i = 1; i < 10'000; ++i) random.u64();
  CHECK(random.u64() == 9981545732273789042ULL);
}

TEST_CASE("a draw below a bound stays below it and reaches every number") {
  test::TestRandom random(1);
  for (const std::uint64_t bound : {1ULL, 2ULL, 3ULL, 10ULL, 1000ULL}) {
    CAPTURE(bound);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 20'000; ++i) {
      const auto number = random.below(bound);
      REQUIRE(number < bound);
      seen.insert(number);
    }
    CHECK(seen.size() == bound);
  }
}

/// Gives the numbers it was told to, in order.
class Script final : public common::Random {
 public:
  explicit Script(std::vector<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}
  void fill(std::span<std::byte> out) override {
    std::uint64_t draw = numbers_.at(next_++);
    for (std::byte& byte : out) {
      byte = static_cast<std::byte>(draw >> 56);
      draw <<= 8;
    }
  }
  std::size_t used() const { return next_; }

 private:
  std::vector<std::uint64_t> numbers_;
  std::size_t next_ = 0;
};

TEST_CASE("draws that would favour low numbers are drawn again") {
  // 2^64 mod 10 is 6: of all draws, those below 6 would give 0 to 5 once more than 6 to 9.
  Script random({0, 5, 6});
  CHECK(random.below(10) == 6);
  CHECK(random.used() == 3);
}

TEST_CASE("a bound that divides the range exactly needs one draw") {
  Script random({0});
  CHECK(random.below(1ULL << 32) == 0);
  CHECK(random.used() == 1);
}

TEST_CASE("every byte of a span is filled, whatever its length") {
  for (std::size_t size = 0; size <= 33; ++size) {
    CAPTURE(size);
    std::array<int, 33> times_changed{};
    test::TestRandom random(size + 1);
    for (int round = 0; round < 64; ++round) {
      std::array<std::byte, 33> bytes{};
      random.fill(std::span(bytes).first(size));
      for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != std::byte{0}) ++times_changed[i];
    }
    for (std::size_t i = 0; i < times_changed.size(); ++i)
      CHECK((times_changed[i] > 0) == (i < size));
  }
}

}  // namespace
