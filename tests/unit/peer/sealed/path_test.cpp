// Where the other side is, and what an address gets that has not proven itself.
#include "peer/sealed/path.hpp"

#include <doctest/doctest.h>

#include "peer/sealed/limits.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using peer::sealed::Path;

const common::Endpoint kHome = test::endpoint("10.0.0.1:4001");
const common::Endpoint kAway = test::endpoint("10.0.0.9:4001");

TEST_CASE("an address that is not proven gets three times what came from it") {
  Path path(kHome);
  CHECK(path.allowance() == 0);
  path.handle_received(kHome, 100);
  CHECK(path.allowance() == 300);
  path.handle_sent(250);
  CHECK(path.allowance() == 50);
  path.handle_received(kAway, 1000);  // of another
  CHECK(path.allowance() == 50);
  path.prove();
  CHECK(path.allowance() > 1'000'000);
}

TEST_CASE("a move asks for proof, and the answer is it") {
  fuzz::SplitmixRandom random;
  Path path(kHome);
  path.prove();
  path.move(test::at(1s), kAway, random);
  CHECK(path.endpoint() == kAway);
  CHECK_FALSE(path.is_proven());
  CHECK(path.allowance() == 0);
  const auto challenge = path.due_challenge();
  REQUIRE(challenge.has_value());
  path.handle_challenge_sent(test::at(1s), 100ms);
  CHECK_FALSE(path.due_challenge().has_value());
  auto wrong = *challenge;
  wrong[0] ^= std::byte{1};
  CHECK_FALSE(path.handle_response(wrong));
  CHECK_FALSE(path.is_proven());
  CHECK(path.handle_response(*challenge));
  CHECK(path.is_proven());
  CHECK_FALSE(path.next_timeout().has_value());
  CHECK_FALSE(path.handle_response(*challenge));
}

TEST_CASE("a challenge is repeated, and then the old address counts again") {
  fuzz::SplitmixRandom random;
  Path path(kHome);
  path.prove();
  path.move(test::at(1s), kAway, random);
  auto now = test::at(1s);
  int challenges = 0;
  while (path.endpoint() == kAway && challenges < 10) {
    if (path.due_challenge()) {
      ++challenges;
      path.handle_challenge_sent(now, 100ms);
    }
    REQUIRE(path.next_timeout().has_value());
    now = *path.next_timeout();
    path.handle_timeout(now);
  }
  CHECK(challenges == 3);
  CHECK(path.endpoint() == kHome);
  CHECK(path.is_proven());
}

TEST_CASE("a challenge that cannot leave does not stop the clock") {
  fuzz::SplitmixRandom random;
  Path path(kHome);
  path.prove();
  path.move(test::at(1s), kAway, random);
  for (int i = 0; i < 10 && path.next_timeout(); ++i) path.handle_timeout(*path.next_timeout());
  CHECK(path.endpoint() == kHome);
}

TEST_CASE("who comes back to a proven address need not prove it again") {
  fuzz::SplitmixRandom random;
  Path path(kHome);
  path.prove();
  path.move(test::at(1s), kAway, random);
  path.move(test::at(2s), kHome, random);
  CHECK(path.is_proven());
  CHECK(path.endpoint() == kHome);
}

TEST_CASE("an address is asked for proof again when something comes from it, once at a time") {
  fuzz::SplitmixRandom random;
  Path path(kHome);  // as a directory gave it
  CHECK_FALSE(path.next_timeout().has_value());
  auto now = test::at(1s);
  for (int round = 0; round < 3; ++round) {
    path.ask_for_proof(now, random);
    const auto challenge = path.due_challenge();
    REQUIRE(challenge.has_value());
    path.ask_for_proof(now, random);  // one is under way
    CHECK(path.due_challenge() == challenge);
    while (path.next_timeout()) path.handle_timeout(now = *path.next_timeout());
    CHECK(path.endpoint() == kHome);  // there is no better one
    CHECK_FALSE(path.is_proven());
  }
  path.ask_for_proof(now, random);
  CHECK(path.handle_response(path.due_challenge().value()));
  path.ask_for_proof(now, random);
  CHECK_FALSE(path.due_challenge().has_value());
}

}  // namespace
