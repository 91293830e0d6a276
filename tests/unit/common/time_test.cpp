#include "common/time.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace {

TEST_CASE("wall time is written as RFC 3339 in UTC with milliseconds") {
  struct Row {
    std::string_view name;
    std::int64_t unix_ms;
    std::string_view expected;
  };
  const Row rows[] = {
      {"the epoch", 0, "1970-01-01T00:00:00.000Z"},
      {"one millisecond", 1, "1970-01-01T00:00:00.001Z"},
      {"one before the epoch", -1, "1969-12-31T23:59:59.999Z"},
      {"a billion seconds", 1'000'000'000'000, "2001-09-09T01:46:40.000Z"},
      {"the header's own example", 1'795'215'021'407, "2026-11-20T22:50:21.407Z"},
      {"a leap day", 1'709'208'000'000, "2024-02-29T12:00:00.000Z"},
      {"no leap day in 2100", 4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
      {"the last moment of 32-bit time", 2'147'483'647'000, "2038-01-19T03:14:07.000Z"},
      {"the last of four digits", 253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
      {"one later is clamped", 253'402'300'800'000, "9999-12-31T23:59:59.999Z"},
      {"year 0 begins", -62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
      {"one earlier is clamped", -62'167'219'200'001, "0000-01-01T00:00:00.000Z"},
      {"the largest number", std::numeric_limits<std::int64_t>::max(), "9999-12-31T23:59:59.999Z"},
      {"the smallest number", std::numeric_limits<std::int64_t>::min(), "0000-01-01T00:00:00.000Z"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(common::format_wall_time({row.unix_ms}) == row.expected);
  }
}

TEST_CASE("written times sort as the times do") {
  std::string before;
  for (std::int64_t ms = -10'000'000'000'000; ms < 100'000'000'000'000; ms += 777'777'777'777) {
    const std::string text = common::format_wall_time({ms});
    CHECK(before < text);
    before = text;
  }
}

TEST_CASE("the earliest of times is the first of those that there are") {
  using common::earliest;
  using common::TimePoint;
  const TimePoint one{std::chrono::seconds(1)};
  const TimePoint two{std::chrono::seconds(2)};
  CHECK(earliest({two, one, std::nullopt}) == one);
  CHECK(earliest({std::nullopt, two}) == two);
  CHECK_FALSE(earliest({std::nullopt, std::nullopt}));
  CHECK_FALSE(earliest({}));
}

}  // namespace
