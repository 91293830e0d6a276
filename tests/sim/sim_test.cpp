// Runs the simulated lab over many seeds. SIM_SEEDS says how many (default 200), SIM_FIRST where to
// begin: a failure prints the two settings that repeat it alone.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "tests/sim/world.hpp"

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Totals {
  std::uint64_t delivered = 0;
  std::uint64_t registrations = 0;
  std::uint64_t reclaims = 0;
};

void check_seed(std::uint64_t seed, Totals& totals) {
  sim::World world(seed);
  const auto failures = world.run();
  totals.delivered += world.delivered();
  totals.registrations += world.registrations();
  totals.reclaims += world.reclaims();
  std::string story;
  for (const std::string& failure : failures) story += "\n  " + failure;
  INFO("repeat with SIM_FIRST=", seed, " SIM_SEEDS=1", story);
  CHECK(failures.empty());
}

}  // namespace

TEST_CASE("a lab with faults keeps its names and comes to rest") {
  const std::uint64_t first = setting("SIM_FIRST", 0);
  const std::uint64_t count = setting("SIM_SEEDS", 200);
  Totals totals;
  for (std::uint64_t seed = first; seed < first + count; ++seed) check_seed(seed, totals);
  // A simulation in which nothing happens would prove nothing.
  CHECK(totals.delivered > count);
  CHECK(totals.registrations > count);
  if (count >= 100) CHECK(totals.reclaims > 0);
  MESSAGE(fmt::format("{} seeds: {} messages shown, {} registrations answered, {} names reclaimed",
                      count, totals.delivered, totals.registrations, totals.reclaims));
}

TEST_CASE("the same seed gives the same run") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    sim::World one(seed);
    sim::World two(seed);
    one.run();
    two.run();
    CHECK(one.trace() == two.trace());
  }
  sim::World other(6);
  other.run();
  sim::World another(7);
  another.run();
  CHECK(other.trace() != another.trace());
}
