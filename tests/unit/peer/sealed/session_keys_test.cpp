#include "peer/sealed/session_keys.hpp"

#include <doctest/doctest.h>

#include <type_traits>

#include "tests/unit/support/hex.hpp"

namespace {

using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using common::Secret;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_copy_constructible_v<Nonce>);
static_assert(!std::is_copy_constructible_v<NonceCounter>);
static_assert(!std::is_copy_constructible_v<SessionKeys>);
static_assert(std::is_nothrow_move_constructible_v<SessionKeys>);

TEST_CASE("a counter gives each nonce once, from zero") {
  NonceCounter counter;
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK(counter.used() == i);
    const auto nonce = counter.next();
    REQUIRE(nonce);
    CHECK(nonce->sequence() == i);
  }
}

TEST_CASE("a counter goes on where it was moved to, and is used up where it was moved from") {
  NonceCounter first;
  REQUIRE(first.next());
  NonceCounter second(std::move(first));
  CHECK_FALSE(first.next());  // NOLINT(bugprone-use-after-move): the very thing tested
  const auto nonce = second.next();
  REQUIRE(nonce);
  CHECK(nonce->sequence() == 1);
  NonceCounter third;
  third = std::move(second);
  CHECK_FALSE(second.next());  // NOLINT(bugprone-use-after-move): the very thing tested
  CHECK(third.used() == 2);
}

TEST_CASE("a secret is wiped where it was moved from") {
  Secret first(test::repeated(0x5a));
  const Secret second(std::move(first));
  // NOLINTNEXTLINE(bugprone-use-after-move): the very thing tested
  CHECK(test::to_hex(first.bytes()) == std::string(64, '0'));
  CHECK(test::to_hex(second.bytes()) == test::to_hex(test::repeated(0x5a)));
  CHECK(test::to_hex(second.clone().bytes()) == test::to_hex(second.bytes()));
}

TEST_CASE("a secret is wiped when it goes") {
  alignas(Secret) std::byte memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(test::repeated(0x5a));
  REQUIRE(memory[0] == std::byte{0x5a});
  secret->~Secret();
  // Read as volatile: the object is gone, but what its memory holds is the question.
  const volatile std::byte* left = memory;
  for (std::size_t i = 0; i < Secret::kBytes; ++i) CHECK(left[i] == std::byte{0});
}

}  // namespace
