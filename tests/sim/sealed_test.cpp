// Runs sealed messengers over many seeds. SIM_SEEDS says how many (default 2,000), SIM_FIRST where
// to begin: a failure prints the two settings that repeat it alone.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "tests/sim/sealed_world.hpp"

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

void add(sim::SealedWorld::Totals& sum, const sim::SealedWorld::Totals& one) {
  sum.sent += one.sent;
  sum.received += one.received;
  sum.early += one.early;
  sum.delivered += one.delivered;
  sum.handled += one.handled;
  sum.signed_receipts += one.signed_receipts;
  sum.given_up += one.given_up;
  sum.key_changed += one.key_changed;
  sum.restarts += one.restarts;
  sum.rebinds += one.rebinds;
  sum.replayed += one.replayed;
  sum.forged += one.forged;
}

TEST_CASE("sealed messages are delivered once, in order, or told to be not") {
  const std::uint64_t first = setting("SIM_FIRST", 0);
  const std::uint64_t count = setting("SIM_SEEDS", 2000);
  sim::SealedWorld::Totals sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    sim::SealedWorld world(seed);
    const auto failures = world.run();
    add(sum, world.totals());
    std::string story;
    for (const std::string& failure : failures) story += "\n  " + failure;
    INFO("repeat with SIM_FIRST=", seed, " SIM_SEEDS=1", story);
    CHECK(failures.empty());
  }
  // A simulation in which nothing happens would prove nothing.
  CHECK(sum.received > count);
  CHECK(sum.delivered > count);
  if (count >= 100) {
    CHECK(sum.handled > 0);
    CHECK(sum.signed_receipts > 0);
    CHECK(sum.early > 0);
    CHECK(sum.given_up > 0);
    CHECK(sum.key_changed > 0);
    CHECK(sum.replayed > 0);
    CHECK(sum.forged > 0);
  }
  MESSAGE(fmt::format(
      "{} seeds: {} sent, {} received ({} early), {} delivered, {} handled, {} signed for, {} "
      "given up, "
      "{} key changed; {} restarts, {} moves, {} replays and {} forgeries refused",
      count, sum.sent, sum.received, sum.early, sum.delivered, sum.handled, sum.signed_receipts,
      sum.given_up, sum.key_changed, sum.restarts, sum.rebinds, sum.replayed, sum.forged));
}

TEST_CASE("the same seed gives the same run") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    sim::SealedWorld one(seed);
    sim::SealedWorld two(seed);
    one.run();
    two.run();
    CHECK(one.trace() == two.trace());
  }
  sim::SealedWorld other(6);
  other.run();
  sim::SealedWorld another(7);
  another.run();
  CHECK(other.trace() != another.trace());
}

}  // namespace
