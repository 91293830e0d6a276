#include "peer/sealed/session_key_ring.hpp"

#include <doctest/doctest.h>

#include "tests/support/test_random.hpp"
#include "tests/unit/support/handshake_pair.hpp"

namespace {

using common::TimePoint;
using common::WallTime;
using peer::sealed::KeyId;
using peer::sealed::SessionKeyRing;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using test::kStart;
using test::kWallStart;

struct Ring {
  explicit Ring(std::uint64_t last_serial = 0)
      : keys(test::identity_of(0xa1), test::name_of("alice"), last_serial, random, kStart,
             kWallStart) {}

  test::TestRandom random{3};
  SessionKeyRing keys;
};

common::Certificate current_certificate(const SessionKeyRing& keys) {
  const auto read = common::decode_certificate(keys.current().certificate);
  REQUIRE(read);
  return *read;
}

TEST_CASE("the current key has a certificate for its name, good for two hours") {
  const Ring ring;
  const auto certificate = current_certificate(ring.keys);
  CHECK(certificate.name.text() == "alice");
  CHECK(certificate.identity == ring.keys.identity().key());
  CHECK(certificate.session == ring.keys.current().pair.key);
  CHECK(certificate.serial == 1'700'000'000'000);
  CHECK(certificate.serial == ring.keys.current().serial);
  CHECK(certificate.not_after_s == 1'700'007'200);
}

TEST_CASE("a key is current for an hour, found for another, and then gone") {
  Ring ring;
  const KeyId first = ring.keys.current().id;
  CHECK(ring.keys.next_timeout() == kStart + 60min);
  CHECK_FALSE(ring.keys.handle_timeout(kStart + 60min - 1ns, kWallStart));
  CHECK(ring.keys.current().id == first);

  CHECK(ring.keys.handle_timeout(kStart + 60min, kWallStart));
  const KeyId second = ring.keys.current().id;
  CHECK(second != first);
  REQUIRE(ring.keys.find(first) != nullptr);
  CHECK(ring.keys.find(first)->id == first);
  CHECK(ring.keys.find(second) == &ring.keys.current());
  CHECK_FALSE(ring.keys.handle_timeout(kStart + 60min, kWallStart));  // twice is harmless

  CHECK(ring.keys.next_timeout() == kStart + 120min);
  CHECK(ring.keys.handle_timeout(kStart + 120min, kWallStart));
  CHECK(ring.keys.find(first) == nullptr);
  CHECK(ring.keys.find(second) != nullptr);
}

TEST_CASE("a key that was replaced early is found for its hour all the same") {
  Ring ring;
  const KeyId first = ring.keys.current().id;
  ring.keys.want_rotation();
  CHECK(ring.keys.next_timeout() == kStart + 1min);
  CHECK(ring.keys.handle_timeout(kStart + 1min, kWallStart));
  CHECK(ring.keys.find(first) != nullptr);
  CHECK(ring.keys.next_timeout() == kStart + 61min);
  // Wanting a new key again, at once: no more than one a minute, and only one previous is kept.
  ring.keys.want_rotation();
  CHECK_FALSE(ring.keys.handle_timeout(kStart + 2min - 1ns, kWallStart));
  CHECK(ring.keys.handle_timeout(kStart + 2min, kWallStart));
  CHECK(ring.keys.find(first) == nullptr);
}

TEST_CASE("a machine that slept for long rotates once") {
  Ring ring;
  const KeyId first = ring.keys.current().id;
  CHECK(ring.keys.handle_timeout(kStart + 100h, kWallStart));
  CHECK_FALSE(ring.keys.handle_timeout(kStart + 100h, kWallStart));
  CHECK(ring.keys.find(first) != nullptr);
}

TEST_CASE("serials rise whatever the clock does") {
  struct Row {
    std::string_view name;
    std::uint64_t last;
    std::int64_t wall_ms;
    std::uint64_t serial;
  };
  const Row rows[] = {
      {"an ordinary clock", 5, 1'800'000'000'000, 1'800'000'000'000},
      {"the same millisecond", 1'800'000'000'000, 1'800'000'000'000, 1'800'000'000'001},
      {"a clock that was set back", 1'800'000'000'000, 1'700'000'000'000, 1'800'000'000'001},
      {"a clock before 1970", 0, -5, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    test::TestRandom random(1);
    SessionKeyRing keys(test::identity_of(0xa1), test::name_of("alice"), row.last, random, kStart,
                        WallTime{row.wall_ms});
    CHECK(keys.current().serial == row.serial);
    CHECK(keys.take_serial(WallTime{row.wall_ms}) == row.serial + 1);
    CHECK(keys.handle_timeout(kStart + 60min, WallTime{row.wall_ms}));
    CHECK(current_certificate(keys).serial == row.serial + 2);
  }
}

}  // namespace
