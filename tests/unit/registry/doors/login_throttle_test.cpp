// How long failed logins hold back the next ones.
#include "registry/doors/login_throttle.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::doors::LoginThrottle;

TEST_CASE("five failures are free, then the delay doubles up to half a minute and no further") {
  LoginThrottle throttle;
  const common::TimePoint now{1h};
  const auto source = ip("192.0.2.1");
  for (int i = 0; i < LoginThrottle::kFreeFailures; ++i) {
    CHECK(throttle.delay(now, source, "carol") == 0s);
    throttle.handle_failure(now, source, "carol");
  }
  for (const auto expected : {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
    CHECK(throttle.delay(now, source, "carol") == expected);
    throttle.handle_failure(now, source, "carol");
  }
}

TEST_CASE("an address is held back whatever account it tries, and an account whoever tries it") {
  LoginThrottle throttle;
  const common::TimePoint now{1h};
  for (int i = 0; i < 6; ++i)
    throttle.handle_failure(now, ip("192.0.2.1"), "user" + std::to_string(i));
  CHECK(throttle.delay(now, ip("192.0.2.1"), "fresh") == 2s);
  CHECK(throttle.delay(now, ip("192.0.2.2"), "fresh") == 0s);
  for (int i = 0; i < 6; ++i)
    throttle.handle_failure(now, ip("198.51.100." + std::to_string(i + 1)), "carol");
  CHECK(throttle.delay(now, ip("203.0.113.1"), "carol") == 2s);
  CHECK(throttle.delay(now, ip("203.0.113.1"), "dave") == 0s);
}

TEST_CASE("time forgives, one failure every twelve seconds") {
  LoginThrottle throttle;
  common::TimePoint now{1h};
  const auto source = ip("192.0.2.1");
  for (int i = 0; i < 7; ++i) throttle.handle_failure(now, source, "carol");
  CHECK(throttle.delay(now + 11s, source, "carol") == 4s);
  CHECK(throttle.delay(now + 12s, source, "carol") == 2s);
  CHECK(throttle.delay(now + 36s, source, "carol") == 0s);
  // Five a minute go on for ever.
  LoginThrottle slow;
  for (int i = 0; i < 100; ++i) {
    CHECK(slow.delay(now, source, "carol") == 0s);
    slow.handle_failure(now, source, "carol");
    now += 12s;
  }
}

TEST_CASE("a success forgives the account, not the address") {
  LoginThrottle throttle;
  const common::TimePoint now{1h};
  for (int i = 0; i < 6; ++i) throttle.handle_failure(now, ip("192.0.2.1"), "carol");
  throttle.handle_success("carol");
  CHECK(throttle.delay(now, ip("192.0.2.9"), "carol") == 0s);
  CHECK(throttle.delay(now, ip("192.0.2.1"), "carol") == 2s);
}

TEST_CASE("of too many the one that failed longest ago is forgotten") {
  LoginThrottle throttle;
  const common::TimePoint now{1h};
  for (int i = 0; i < 6; ++i) throttle.handle_failure(now, ip("192.0.2.1"), "first");
  for (std::size_t i = 0; i < LoginThrottle::kEntriesMax; ++i)
    throttle.handle_failure(now, ip("192.0.2.2"), "user" + std::to_string(i));
  CHECK(throttle.delay(now, ip("192.0.2.9"), "first") == 0s);
  CHECK(throttle.delay(now, ip("192.0.2.1"), "other") ==
        2s);  // addresses have a table of their own
}

}  // namespace
