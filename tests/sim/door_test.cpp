// Runs the doors over many seeds, as sim_test.cpp does the directory.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tests/sim/door_lab.hpp"

namespace {

using namespace std::chrono_literals;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

void check(const std::vector<std::string>& failures, std::uint64_t seed) {
  std::string story;
  for (const std::string& failure : failures) story += "\n  " + failure;
  INFO("repeat with SIM_FIRST=", seed, " SIM_SEEDS=1", story);
  CHECK(failures.empty());
}

}  // namespace

TEST_CASE(
    "users who freeze, break off, vanish and come back are each answered, and nothing is left") {
  const std::uint64_t first = setting("SIM_FIRST", 0);
  const std::uint64_t count = setting("SIM_SEEDS", 180);
  std::uint64_t confirmed = 0;
  std::uint64_t failed = 0;
  std::uint64_t logins = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    sim::DoorLab lab(seed, {.two_connection = 2 + seed % 19});
    check(lab.run(60s), seed);
    confirmed += lab.two_connection().confirmed();
    failed += lab.two_connection().failed();
    logins += lab.two_connection().logins();
  }
  // A simulation in which nothing happens would prove nothing.
  CHECK(confirmed > count);
  CHECK(failed > count);
  CHECK(logins > count);
  MESSAGE(fmt::format("{} seeds: {} logins, {} messages confirmed, {} failed", count, logins,
                      confirmed, failed));
}

TEST_CASE("in the room each line is heard once, in order and by all who read, guests or not") {
  const std::uint64_t first = setting("SIM_FIRST", 0);
  // Each takes as long as four of the others.
  const std::uint64_t count = std::max<std::uint64_t>(setting("SIM_SEEDS", 240) / 4, 1);
  std::uint64_t said = 0;
  std::uint64_t heard = 0;
  std::uint64_t dropped = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    sim::DoorLab lab(seed, {.two_connection = 1 + seed % 7, .room = 2 + seed % 17});
    check(lab.run(60s), seed);
    said += lab.room().said();
    heard += lab.room().heard();
    dropped += lab.room().dropped();
  }
  CHECK(said > 100 * count);
  CHECK(heard > said);
  CHECK(dropped > count / 10);
  MESSAGE(fmt::format("{} seeds: {} lines said, {} heard, {} slow readers dropped", count, said,
                      heard, dropped));
}

TEST_CASE(
    "users of all doors read what is for them, once and with consent, and then reach each other") {
  const std::uint64_t first = setting("SIM_FIRST", 0);
  const std::uint64_t count = std::max<std::uint64_t>(setting("SIM_SEEDS", 400) / 4, 1);
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  std::uint64_t chats = 0;
  std::uint64_t late = 0;
  std::uint64_t reached = 0;
  std::uint64_t asked = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    sim::DoorLab lab(seed, {.two_connection = 1 + seed % 4,
                            .room = 1 + seed % 3,
                            .classic = 1 + seed % 4,
                            .netchat = 1 + seed % 3,
                            .rendezvous = 1 + seed % 6});
    check(lab.run(60s, true), seed);
    written += lab.ledger().written();
    read += lab.ledger().times_read();
    chats += lab.rendezvous().chats();
    late += lab.rendezvous().late();
    reached += lab.reached();
    asked += lab.asked_meanwhile();
  }
  CHECK(written > 100 * count);
  CHECK(read > 100 * count);
  CHECK(chats > 10 * count);
  CHECK(late > count);
  CHECK(asked >= count / 4);
  CHECK(reached == 20 * count);
  MESSAGE(
      fmt::format("{} seeds: {} texts written, {} read; {} chats, {} texts late, {} requests "
                  "among strangers'",
                  count, written, read, chats, late, asked));
}

TEST_CASE("thousands of users at once") {
  // 3,000 in the long runs, where this test's time is nothing.
  const std::uint64_t users = setting("SIM_SEEDS", 200) > 10'000 ? 3000 : 1000;
  sim::DoorLab lab(1, {.two_connection = users});
  check(lab.run(8s), 1);
  CHECK(lab.two_connection().logins() >= users * 5 / 6);
  CHECK(lab.two_connection().confirmed() > 100);
}

TEST_CASE("the same seed gives the same run") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const sim::DoorLab::Sizes sizes{
        .two_connection = 8, .room = 8, .classic = 4, .netchat = 4, .rendezvous = 6};
    sim::DoorLab one(seed, sizes);
    sim::DoorLab two(seed, sizes);
    one.run(30s);
    two.run(30s);
    CHECK(one.trace() == two.trace());
  }
}
