// What a responder does when INITs repeat, come too fast, or are for a key it does not have.
#include <doctest/doctest.h>

#include "tests/support/test_random.hpp"
#include "tests/unit/support/handshake_pair.hpp"

namespace {

using common::ByteVector;
using common::TimePoint;
using namespace peer::sealed;          // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using test::give_resp;
using test::HandshakePair;
using test::is_believed;
using test::is_refused;
using test::kStart;
using test::kWallStart;
using test::to_hex;

/// The datagram of a type that the responder sends back, decoded.
template <typename T>
T replied(const HandshakeResponder::Result& result) {
  REQUIRE(std::holds_alternative<HandshakeResponder::Reply>(result));
  const auto decoded = decode_datagram(std::get<HandshakeResponder::Reply>(result).datagram);
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<T>(*decoded));
  return std::get<T>(*decoded);
}

/// Alice with keys from a seed, so that every INIT has an ephemeral key of its own.
struct Crowd {
  test::TestRandom random{7};
  SessionKeyRing alice{
      test::identity_of(0xa1), test::name_of("alice"), 0, random, kStart, kWallStart};
  SessionKeyRing bob_keys{
      test::identity_of(0xb1), test::name_of("bob"), 0, random, kStart, kWallStart};
  HandshakeResponder bob{bob_keys, random, kStart};
  SessionIndex next_index = 1;

  HandshakeInitiator initiate() {
    const auto certificate = common::decode_certificate(bob_keys.current().certificate);
    REQUIRE(certificate);
    auto handshake =
        HandshakeInitiator::begin(alice.current(), *certificate, next_index++, {}, random);
    REQUIRE(handshake);
    return *std::move(handshake);
  }

  HandshakeResponder::Result give_bob(TimePoint now, const common::Endpoint& from,
                                      const HandshakeInitiator& initiator) {
    const auto decoded = decode_datagram(initiator.datagram());
    REQUIRE(decoded);
    return bob.handle_init(now, kWallStart, from, std::get<Init>(*decoded));
  }
};

TEST_CASE("an INIT that comes again gets the same RESP again, for 30 s, and at one endpoint") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  const auto answer = pair.answer(pair.give_bob(alice.datagram()), {});
  const auto again = pair.give_bob(alice.datagram(), kStart + 30s - 1ns);
  REQUIRE(std::holds_alternative<HandshakeResponder::Reply>(again));
  CHECK(std::get<HandshakeResponder::Reply>(again).datagram == answer.datagram);

  CHECK(is_refused(pair.give_bob(alice.datagram(), kStart + 30s), InitRefusal::kReplayed));
  pair.bob.ring.handle_timeout(kStart + 31s, kWallStart);
  CHECK(is_refused(pair.give_bob(alice.datagram(), kStart + 31s), InitRefusal::kReplayed));
  CHECK(is_refused(pair.give_bob(alice.datagram(), kStart + 59min), InitRefusal::kReplayed));
}

TEST_CASE("a RESP is not repeated to another endpoint") {
  for (const std::string_view other : {"192.0.2.1:40002", "192.0.2.2:40001"}) {
    CAPTURE(other);
    HandshakePair pair;
    HandshakeInitiator alice = pair.initiate({});
    (void)pair.answer(pair.give_bob(alice.datagram()), {});
    pair.from = test::endpoint(other);
    CHECK(is_refused(pair.give_bob(alice.datagram()), InitRefusal::kReplayed));
  }
}

TEST_CASE("an INIT that was believed but not answered stays refused") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({}, 0xa3);
  CHECK(is_believed(pair.give_bob(alice.datagram())));
  CHECK(is_refused(pair.give_bob(alice.datagram()), InitRefusal::kReplayed));
  HandshakeInitiator next = pair.initiate({}, 0xa4);
  CHECK(is_believed(pair.give_bob(next.datagram())));
}

TEST_CASE("an INIT that is not believed leaves no trace") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  ByteVector bad(alice.datagram().begin(), alice.datagram().end());
  bad[kInitHeaderBytes + kNoiseMessage1Overhead] ^= std::byte{1};  // inside the payload
  const Mac1 mac1 =
      mac1_of(pair.bob.ring.current().mac1_key, common::Bytes(bad).first(bad.size() - kMac1Bytes));
  std::copy(mac1.begin(), mac1.end(), bad.end() - kMac1Bytes);
  CHECK(is_refused(pair.give_bob(bad), InitRefusal::kNotForUs));
  // Otherwise a stranger who sees an INIT pass could have it refused.
  CHECK(is_believed(pair.give_bob(alice.datagram())));
}

TEST_CASE("an INIT for a key we do not have draws a KEYHINT, shorter than it") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  test::Process restarted("bob", 0xb1, 0xc2);
  const auto decoded = decode_datagram(alice.datagram());
  REQUIRE(decoded);
  const auto result =
      restarted.responder.handle_init(kStart, kWallStart, pair.from, std::get<Init>(*decoded));
  const KeyHint hint = replied<KeyHint>(result);
  CHECK(alice.is_for_this(hint));
  KeyHint other_index = hint;
  other_index.receiver_index ^= 1;
  CHECK_FALSE(alice.is_for_this(other_index));
  KeyHint other_key = hint;
  other_key.unknown_key[7] ^= std::byte{1};
  CHECK_FALSE(alice.is_for_this(other_key));
}

TEST_CASE("hints are few: for a source, and in all") {
  Crowd crowd;
  HandshakeInitiator alice = crowd.initiate();
  SessionKeyRing others(test::identity_of(0xb1), test::name_of("bob"), 0, crowd.random, kStart,
                        kWallStart);
  HandshakeResponder bob(others, crowd.random, kStart);
  const auto decoded = decode_datagram(alice.datagram());
  REQUIRE(decoded);
  const auto hints = [&](TimePoint now, auto&& source_of) {
    int count = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto result = bob.handle_init(now, kWallStart, source_of(i), std::get<Init>(*decoded));
      if (std::holds_alternative<HandshakeResponder::Reply>(result)) ++count;
    }
    return count;
  };
  const auto one = [](int) { return test::endpoint("192.0.2.1:40001"); };
  CHECK(hints(kStart, one) == 20);
  CHECK(hints(kStart, one) == 0);
  CHECK(hints(kStart + 1s, one) == 5);
  const auto many = [](int i) {
    return test::endpoint("10.0." + std::to_string(i / 250) + '.' + std::to_string(1 + i % 250) +
                          ":40001");
  };
  CHECK(hints(kStart + 60s, many) == 100);
  // Our own machine's processes, thousands of them perhaps, restart together.
  CHECK(hints(kStart + 120s, [](int) { return test::endpoint("127.0.0.1:40001"); }) == 1000);
}

TEST_CASE("beyond 200 a second an INIT must carry a token, and one with it passes") {
  Crowd crowd;
  int believed = 0;
  std::vector<HandshakeInitiator> asked;
  for (int i = 0; i < 300; ++i) {
    HandshakeInitiator alice = crowd.initiate();
    // Loopback: no limit a source, so that the one for all is what shows.
    const auto result = crowd.give_bob(kStart, test::endpoint("127.0.0.1:40001"), alice);
    if (is_believed(result)) {
      ++believed;
      continue;
    }
    REQUIRE(alice.handle_retry(replied<Retry>(result)));
    asked.push_back(std::move(alice));
  }
  CHECK(believed == 200);
  for (const HandshakeInitiator& alice : asked) {
    CHECK(is_believed(crowd.give_bob(kStart, test::endpoint("127.0.0.1:40001"), alice)));
  }
}

TEST_CASE("a token is for one endpoint and one index, and not for ever") {
  Crowd crowd;
  const auto home = test::endpoint("192.0.2.1:40001");
  // A source that has used up its share is asked, however quiet the rest is.
  std::optional<Retry> retry;
  std::optional<HandshakeInitiator> alice;
  while (!retry) {
    alice = crowd.initiate();
    const auto result = crowd.give_bob(kStart, home, *alice);
    if (!is_believed(result)) retry = replied<Retry>(result);
  }
  Retry other = *retry;
  other.receiver_index ^= 1;
  CHECK_FALSE(alice->handle_retry(other));
  REQUIRE(alice->handle_retry(*retry));

  struct Row {
    std::string_view name;
    common::Endpoint from;
    common::Duration later;
    bool is_proof;
  };
  const Row rows[] = {
      {"at once", home, 0s, true},
      {"another port", test::endpoint("192.0.2.1:40002"), 0s, false},
      {"after 119 s", home, 119s, true},
      {"after 240 s", home, 240s, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RetryTokens tokens(crowd.random, kStart);
    const Token token = tokens.make(kStart, home, 5);
    CHECK(tokens.verify(kStart + row.later, row.from, 5, token) == row.is_proof);
    CHECK_FALSE(tokens.verify(kStart + row.later, row.from, 6, token));
    CHECK_FALSE(tokens.verify(kStart + row.later, row.from, 5, Token{}));
  }
  CHECK(is_believed(crowd.give_bob(kStart, home, *alice)));
}

TEST_CASE("a proven source has a share as well, and beyond it there is silence") {
  Crowd crowd;
  const auto home = test::endpoint("192.0.2.1:40001");
  int believed = 0;
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    HandshakeInitiator alice = crowd.initiate();
    auto result = crowd.give_bob(kStart, home, alice);
    if (std::holds_alternative<HandshakeResponder::Reply>(result)) {
      REQUIRE(alice.handle_retry(replied<Retry>(result)));
      result = crowd.give_bob(kStart, home, alice);
    }
    if (is_believed(result)) ++believed;
    if (is_refused(result, InitRefusal::kTooMany)) ++refused;
  }
  CHECK(believed == 200);  // 100 without a token, 100 with
  CHECK(refused == 200);
  // Another source is not touched by it.
  HandshakeInitiator other = crowd.initiate();
  CHECK(is_believed(crowd.give_bob(kStart, test::endpoint("192.0.2.77:40001"), other)));
}

TEST_CASE("a forger's RETRYs make an initiator send its INIT again no more than three times") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  for (unsigned i = 0; i < 3; ++i)
    CHECK(alice.handle_retry({alice.own_index(), test::repeated<16>(i)}));
  CHECK_FALSE(alice.handle_retry({alice.own_index(), test::repeated<16>(9)}));
  // The INIT still counts: the token matters only to who asked for it.
  auto result = pair.give_bob(alice.datagram());
  REQUIRE(is_believed(result));
  const auto answer = pair.answer(std::move(result), {});
  CHECK(give_resp(alice, answer.datagram));
  CHECK_FALSE(alice.handle_retry({alice.own_index(), test::repeated<16>(9)}));
}

TEST_CASE("a session key serves 16,384 handshakes, then no more, and is replaced within a minute") {
  Crowd crowd;
  // As many ephemeral keys as fit but one, put there directly: a handshake each would take seconds.
  OwnSessionKey& key = *crowd.bob_keys.find(crowd.bob_keys.current().id);
  common::ExchangeKey ephemeral;
  while (key.ephemerals.size() + 1 < EphemeralCache::kEntriesMax) {
    crowd.random.fill(ephemeral.bytes);
    key.ephemerals.insert(ephemeral);
  }
  const auto from = test::endpoint("127.0.0.1:40001");
  HandshakeInitiator last = crowd.initiate();
  auto result = crowd.give_bob(kStart, from, last);
  REQUIRE(is_believed(result));
  const auto answer =
      crowd.bob.answer(kStart, std::get<IncomingHandshake>(std::move(result)), 1, {});
  HandshakeInitiator late = crowd.initiate();
  CHECK(is_refused(crowd.give_bob(kStart, from, late), InitRefusal::kKeyUsedUp));
  // The last one still gets its RESP again.
  CHECK(replied<Resp>(crowd.give_bob(kStart, from, last)).receiver_index == last.own_index());

  CHECK(crowd.bob_keys.next_timeout() == kStart + 1min);
  CHECK_FALSE(crowd.bob_keys.handle_timeout(kStart + 1min - 1ns, kWallStart));
  CHECK(crowd.bob_keys.handle_timeout(kStart + 1min, kWallStart));
  CHECK(is_refused(crowd.give_bob(kStart + 1min, from, late), InitRefusal::kKeyUsedUp));
  // The old key being full does not hurry the new one.
  CHECK(crowd.bob_keys.next_timeout() == kStart + 61min);
  HandshakeInitiator next = crowd.initiate();
  CHECK(is_believed(crowd.give_bob(kStart + 1min, from, next)));
}

TEST_CASE("an answer may come after its session key has gone") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  auto result = pair.give_bob(alice.datagram());
  pair.bob.random.set(0xb4);
  CHECK(pair.bob.ring.handle_timeout(kStart + 60min, kWallStart));
  pair.bob.random.set(0xb5);
  CHECK(pair.bob.ring.handle_timeout(kStart + 120min, kWallStart));
  const auto answer = pair.answer(std::move(result), {}, kStart + 121min);
  CHECK(give_resp(alice, answer.datagram));
}

}  // namespace
