#include "peer/sealed/rate_limit.hpp"

#include <doctest/doctest.h>

#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::IpAddress;
using common::TimePoint;
using peer::sealed::Rate;
using peer::sealed::SourceBuckets;
using peer::sealed::TokenBucket;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using test::kStart;

constexpr Rate kRate{.per_second = 10, .burst = 3};

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

template <typename Take>
int count(Take&& take) {
  int taken = 0;
  for (int i = 0; i < 100; ++i)
    if (take()) ++taken;
  return taken;
}

TEST_CASE("a bucket gives its burst at once, then its rate, and never saves up more") {
  TokenBucket bucket;
  CHECK(count([&] { return bucket.take(kStart, kRate); }) == 3);
  CHECK_FALSE(bucket.take(kStart + 100ms - 1ns, kRate));
  CHECK(bucket.take(kStart + 100ms, kRate));
  CHECK_FALSE(bucket.take(kStart + 100ms, kRate));
  CHECK(count([&] { return bucket.take(kStart + 24h, kRate); }) == 3);
}

TEST_CASE("sources do not use up each other's share") {
  test::TestRandom random(1);
  SourceBuckets buckets(kRate, random);
  CHECK(count([&] { return buckets.take(kStart, address("192.0.2.1")); }) == 3);
  CHECK(count([&] { return buckets.take(kStart, address("192.0.2.2")); }) == 3);
  CHECK(count([&] { return buckets.take(kStart, address("2001:db8::1")); }) == 3);
}

TEST_CASE("an IPv6 network of 64 bits is one source") {
  test::TestRandom random(1);
  SourceBuckets buckets(kRate, random);
  CHECK(count([&] { return buckets.take(kStart, address("2001:db8::1")); }) == 3);
  CHECK_FALSE(buckets.take(kStart, address("2001:db8::2")));
  CHECK_FALSE(buckets.take(kStart, address("2001:db8::ffff:ffff:ffff:ffff")));
  CHECK(buckets.take(kStart, address("2001:db8:0:1::1")));
}

TEST_CASE("our own machine has no limit") {
  test::TestRandom random(1);
  SourceBuckets buckets(kRate, random);
  CHECK(count([&] { return buckets.take(kStart, address("127.0.0.1")); }) == 100);
  CHECK(count([&] { return buckets.take(kStart, address("::1")); }) == 100);
}

}  // namespace
