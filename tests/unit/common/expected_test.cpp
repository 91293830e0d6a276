#include "common/expected.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace {

using common::expected;
using common::unexpected;

enum class Problem { kSmall, kLarge };

expected<int, Problem> half(int number) {
  if (number % 2 != 0) return unexpected{Problem::kSmall};
  return number / 2;
}

expected<void, Problem> demand(bool holds) {
  if (!holds) return unexpected{Problem::kLarge};
  return {};
}

TEST_CASE("an expected holds the value or the error, never both") {
  const auto good = half(8);
  REQUIRE(good.has_value());
  CHECK(*good == 4);
  CHECK(static_cast<bool>(good));

  const auto bad = half(7);
  CHECK_FALSE(bad.has_value());
  CHECK(bad.error() == Problem::kSmall);
}

TEST_CASE("an expected without a value says only whether it went well") {
  CHECK(demand(true).has_value());
  const auto refused = demand(false);
  CHECK_FALSE(refused.has_value());
  CHECK(refused.error() == Problem::kLarge);
}

TEST_CASE("a value and an error of the same type are told apart") {
  const expected<std::string, std::string> value(std::string("one"));
  const expected<std::string, std::string> error(unexpected{std::string("one")});
  CHECK(value.has_value());
  CHECK_FALSE(error.has_value());
  CHECK(error.error() == "one");
}

TEST_CASE("a value that can only be moved is moved out") {
  expected<std::unique_ptr<int>, Problem> holder(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = *std::move(holder);
  REQUIRE(taken);
  CHECK(*taken == 5);
}

TEST_CASE("an error converts from whatever the error type is made of") {
  const auto fail = []() -> expected<int, std::string> { return unexpected{"why not"}; };
  CHECK(fail().error() == "why not");
}

}  // namespace
