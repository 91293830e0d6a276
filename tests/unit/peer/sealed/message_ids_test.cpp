// Which messages were seen, within a bound.
#include "peer/sealed/message_ids.hpp"

#include <doctest/doctest.h>

#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/message_id.hpp"

namespace {

using peer::sealed::MessageId;
using peer::sealed::MessageIds;
using test::id_of;

common::IdentityKey sender_of(unsigned value) {
  common::IdentityKey key;
  key.bytes.fill(static_cast<std::byte>(value));
  return key;
}

TEST_CASE("a message of a sender is new once") {
  fuzz::SplitmixRandom random;
  MessageIds ids(random);
  CHECK(ids.insert(sender_of(1), id_of(7)));
  CHECK_FALSE(ids.insert(sender_of(1), id_of(7)));
  CHECK(ids.insert(sender_of(2), id_of(7)));
  CHECK(ids.insert(sender_of(1), id_of(8)));
  CHECK_FALSE(ids.insert(sender_of(2), id_of(7)));
}

TEST_CASE("the latest messages are remembered, as many as promised, and older ones go") {
  fuzz::SplitmixRandom random;
  MessageIds ids(random);
  constexpr std::uint64_t kCount = 5 * MessageIds::kPerGeneration;
  for (std::uint64_t i = 0; i < kCount; ++i) REQUIRE(ids.insert(sender_of(1), id_of(i)));
  for (std::uint64_t i = kCount - MessageIds::kPerGeneration; i < kCount; ++i)
    REQUIRE_FALSE(ids.insert(sender_of(1), id_of(i)));
  // Of the oldest nothing is left, so memory is bounded.
  for (std::uint64_t i = 0; i < 1000; ++i) REQUIRE(ids.insert(sender_of(1), id_of(i)));
}

}  // namespace
