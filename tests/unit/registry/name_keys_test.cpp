#include "registry/name_keys.hpp"

#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::Identity;
using common::IpAddress;
using common::Secret;
using common::Signer;
using common::TimePoint;
using common::WallTime;
using registry::NameKeys;
using Verdict = NameKeys::Verdict;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using test::kStart;

constexpr WallTime kWall{1'700'000'000'000};
const IpAddress kHome = *IpAddress::parse("192.0.2.1");

/// A request of an identity made from `seed`, with these serials.
Signer signer(unsigned seed, std::uint64_t serial, std::uint64_t certificate_serial = 10,
              std::string_view name = "alice") {
  auto bytes =
      common::issue_certificate(Identity::from_seed(Secret(test::repeated(seed))), test::name(name),
                                {test::repeated(9)}, certificate_serial, 1'700'007'200);
  auto certificate = common::decode_certificate(bytes);
  REQUIRE(certificate);
  return {*std::move(certificate), std::move(bytes), serial};
}

void accept(NameKeys& keys, const Signer& by, TimePoint now = kStart,
            const IpAddress& source = kHome) {
  keys.put(now, keys.next(by.certificate.name, by, source, kWall));
}

TEST_CASE("a name obeys the key it was bound to, with requests and certificates that are not old") {
  NameKeys keys;
  CHECK(keys.judge(test::name("alice"), nullptr) == Verdict::kUnbound);
  const Signer first = signer(1, 100);
  CHECK(keys.judge(test::name("alice"), &first) == Verdict::kUnbound);
  accept(keys, first);

  struct Row {
    std::string_view name;
    std::optional<Signer> signer;
    Verdict verdict;
  };
  const Row rows[] = {
      {"nobody signs", std::nullopt, Verdict::kOther},
      {"another identity", signer(2, 101), Verdict::kOther},
      {"the next request", signer(1, 101), Verdict::kHolder},
      {"the same request again", signer(1, 100), Verdict::kStale},
      {"an older request", signer(1, 99), Verdict::kStale},
      {"a newer certificate", signer(1, 101, 11), Verdict::kHolder},
      {"an older certificate", signer(1, 101, 9), Verdict::kStale},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(keys.judge(test::name("alice"), row.signer ? &*row.signer : nullptr) == row.verdict);
    // Ali and ali are one user.
    CHECK(keys.judge(test::name("Alice"), row.signer ? &*row.signer : nullptr) == row.verdict);
  }
  CHECK(keys.judge(test::name("bob"), nullptr) == Verdict::kUnbound);
}

TEST_CASE("what is held is the newest") {
  NameKeys keys;
  accept(keys, signer(1, 100, 10));
  accept(keys, signer(1, 200, 20), kStart, *IpAddress::parse("192.0.2.9"));
  const auto* key = keys.find(test::name("alice"));
  REQUIRE(key != nullptr);
  CHECK(key->request_serial == 200);
  CHECK(key->certificate_serial == 20);
  CHECK(*key->certificate == common::encode_base64(signer(1, 200, 20).certificate_bytes));
  CHECK(key->source == kHome);
  CHECK(key->used == kWall);
  CHECK(keys.size() == 1);
}

TEST_CASE("a refresh uses its serial up") {
  NameKeys keys;
  accept(keys, signer(1, 100));
  keys.touch(kStart, test::name("alice"), 101);
  const Signer again = signer(1, 101);
  CHECK(keys.judge(test::name("alice"), &again) == Verdict::kStale);
  const Signer next = signer(1, 102);
  CHECK(keys.judge(test::name("alice"), &next) == Verdict::kHolder);
}

TEST_CASE("a key is unused after 90 days without a request") {
  NameKeys keys;
  CHECK_FALSE(keys.next_unused());
  accept(keys, signer(1, 100));
  accept(keys, signer(2, 100, 10, "bob"), kStart + 1h);
  const TimePoint due = kStart + NameKeys::kUnusedMax;
  CHECK(keys.next_unused() == due);
  CHECK(keys.unused(due - 1ns, 10).empty());
  REQUIRE(keys.unused(due, 10).size() == 1);
  CHECK(keys.unused(due, 10)[0].text() == "alice");
  CHECK(keys.unused(due + 1h, 10).size() == 2);
  CHECK(keys.unused(due + 1h, 1).size() == 1);

  keys.touch(due, test::name("alice"), 101);
  CHECK(keys.unused(due, 10).empty());
  CHECK(keys.next_unused() == due + 1h);

  keys.erase(test::name("bob"));
  keys.erase(test::name("nobody"));
  CHECK(keys.next_unused() == due + NameKeys::kUnusedMax);
  CHECK(keys.judge(test::name("bob"), nullptr) == Verdict::kUnbound);
}

TEST_CASE("what a store held goes on from where it was") {
  NameKeys keys;
  accept(keys, signer(1, 100));
  NameKeys restarted;
  for (auto& key : keys.snapshot()) restarted.put(kStart, std::move(key), 24h * 89);
  CHECK(restarted.next_unused() == kStart + 24h);
  const Signer old = signer(1, 100);
  CHECK(restarted.judge(test::name("alice"), &old) == Verdict::kStale);
  // A clock that ran ahead for years does not make the time negative.
  NameKeys late;
  for (auto& key : keys.snapshot()) late.put(kStart, std::move(key), 24h * 10'000);
  CHECK(late.next_unused() == kStart);
}

TEST_CASE("a source binds 4,096 names at most, and what it frees counts no more") {
  NameKeys keys;
  const Signer by = signer(1, 100);
  for (std::size_t i = 0; i < NameKeys::kKeysPerSourceMax; ++i) {
    REQUIRE(keys.has_room(kHome));
    keys.put(kStart, keys.next(test::name("user" + std::to_string(i)), by, kHome, kWall));
  }
  CHECK_FALSE(keys.has_room(kHome));
  CHECK(keys.has_room(*IpAddress::parse("192.0.2.2")));
  keys.erase(test::name("user7"));
  CHECK(keys.has_room(kHome));
  // Our own machine's users are not strangers.
  const IpAddress loopback = *IpAddress::parse("127.0.0.1");
  for (std::size_t i = 0; i <= NameKeys::kKeysPerSourceMax; ++i)
    keys.put(kStart, keys.next(test::name("local" + std::to_string(i)), by, loopback, kWall));
  CHECK(keys.has_room(loopback));
}

}  // namespace
