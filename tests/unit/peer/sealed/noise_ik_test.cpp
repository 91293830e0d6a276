#include "peer/sealed/noise_ik.hpp"

#include <doctest/doctest.h>

#include "peer/sealed/aead.hpp"
#include "tests/unit/peer/sealed/noise_ik_vectors.hpp"
#include "tests/unit/support/hex.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using common::ExchangeKey;
using common::Secret;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using test::from_hex;
using test::to_hex;

NoiseKeyPair pair_of(std::string_view secret_hex) {
  return NoiseKeyPair::of(Secret(test::array_from_hex<32>(secret_hex)));
}
NoiseKeyPair pair_of(unsigned value) { return NoiseKeyPair::of(Secret(test::repeated(value))); }

/// A handshake up to message 1, which every case here begins with.
struct FirstMessage {
  NoiseKeyPair alice = pair_of(0xa2);
  NoiseKeyPair bob = pair_of(0xb2);
  NoiseInitiator initiator{alice, bob.key, pair_of(0xa3), common::as_bytes("prologue")};
  ByteVector bytes = ByteVector(5 + 96);

  FirstMessage() { REQUIRE(initiator.write_message_1(common::as_bytes("hello"), bytes)); }

  std::optional<NoiseResponder::Message1> read(Bytes message) const {
    return NoiseResponder::read_message_1(bob, common::as_bytes("prologue"), message);
  }
};

TEST_CASE("the published vectors come out byte by byte") {
  for (const test::NoiseVector& vector : test::noise_ik_vectors()) {
    CAPTURE(vector.source);
    const ByteVector prologue = from_hex(vector.prologue);
    const NoiseKeyPair responder_static = pair_of(vector.resp_static);
    REQUIRE(to_hex(responder_static.key.bytes) == vector.init_remote_static);

    NoiseInitiator initiator(pair_of(vector.init_static), responder_static.key,
                             pair_of(vector.init_ephemeral), prologue);
    const ByteVector payload_1 = from_hex(vector.messages[0].payload);
    ByteVector message_1(payload_1.size() + 96);
    REQUIRE(initiator.write_message_1(payload_1, message_1));
    CHECK(to_hex(message_1) == vector.messages[0].ciphertext);

    auto read = NoiseResponder::read_message_1(responder_static, prologue, message_1);
    REQUIRE(read);
    CHECK(read->payload == payload_1);
    CHECK(read->remote_static == pair_of(vector.init_static).key);
    CHECK(read->remote_ephemeral == pair_of(vector.init_ephemeral).key);
    const ByteVector payload_2 = from_hex(vector.messages[1].payload);
    ByteVector message_2(payload_2.size() + 48);
    const NoiseTransport responder =
        std::move(read->responder)
            .write_message_2(pair_of(vector.resp_ephemeral), payload_2, message_2);
    CHECK(to_hex(message_2) == vector.messages[1].ciphertext);

    const auto answer = initiator.read_message_2(message_2);
    REQUIRE(answer);
    CHECK(answer->payload == payload_2);
    CHECK(to_hex(answer->transport.from_initiator.bytes()) ==
          to_hex(responder.from_initiator.bytes()));
    CHECK(to_hex(answer->transport.from_responder.bytes()) ==
          to_hex(responder.from_responder.bytes()));
    CHECK(answer->transport.handshake_hash == responder.handshake_hash);
    if (!vector.handshake_hash.empty())
      CHECK(to_hex(responder.handshake_hash) == vector.handshake_hash);

    REQUIRE(vector.messages.size() > 3);
    for (std::size_t i = 2; i < vector.messages.size(); ++i) {
      CAPTURE(i);
      const Secret& key = i % 2 == 0 ? responder.from_initiator : responder.from_responder;
      const ByteVector payload = from_hex(vector.messages[i].payload);
      ByteVector sealed(payload.size() + kTagBytes);
      seal_with(key, i / 2 - 1, {}, payload, sealed);
      CHECK(to_hex(sealed) == vector.messages[i].ciphertext);
    }
  }
}

TEST_CASE("message 1 is for one key and one prologue") {
  const FirstMessage first;
  REQUIRE(first.read(first.bytes));
  CHECK_FALSE(
      NoiseResponder::read_message_1(pair_of(0xb9), common::as_bytes("prologue"), first.bytes));
  CHECK_FALSE(NoiseResponder::read_message_1(first.bob, common::as_bytes("prologuf"), first.bytes));
  CHECK_FALSE(NoiseResponder::read_message_1(first.bob, {}, first.bytes));
}

TEST_CASE("message 1 with any bit flipped or cut anywhere is refused") {
  const FirstMessage first;
  for (std::size_t bit = 0; bit < first.bytes.size() * 8; ++bit) {
    // The top bit of an X25519 key means nothing: the key is the same, its hash is not.
    CAPTURE(bit);
    ByteVector bad = first.bytes;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(first.read(bad));
  }
  for (std::size_t size = 0; size < first.bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(first.read(Bytes(first.bytes).first(size)));
  }
  ByteVector longer = first.bytes;
  longer.push_back(std::byte{0});
  CHECK_FALSE(first.read(longer));
}

TEST_CASE(
    "message 2 with any bit flipped or cut anywhere is refused, and the right one still counts") {
  const FirstMessage first;
  auto read = first.read(first.bytes);
  REQUIRE(read);
  ByteVector answer(2 + 48);
  (void)std::move(read->responder).write_message_2(pair_of(0xb3), common::as_bytes("ok"), answer);
  for (std::size_t bit = 0; bit < answer.size() * 8; ++bit) {
    CAPTURE(bit);
    ByteVector bad = answer;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(first.initiator.read_message_2(bad));
  }
  for (std::size_t size = 0; size < answer.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(first.initiator.read_message_2(Bytes(answer).first(size)));
  }
  CHECK(first.initiator.read_message_2(answer));
}

TEST_CASE("keys of low order are refused wherever they stand") {
  // The points of order 1, 2, 4 and 8 on the curve and its twist, and their forms above the prime:
  // https://cr.yp.to/ecdh.html#validate.
  const std::string_view points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  for (const std::string_view hex : points) {
    CAPTURE(hex);
    const ExchangeKey point{test::array_from_hex<32>(hex)};
    CHECK_FALSE(common::x25519(Secret(test::repeated(0xa2)), point));

    // As the recipient's static key.
    NoiseInitiator initiator(pair_of(0xa2), point, pair_of(0xa3), {});
    ByteVector message(96);
    CHECK_FALSE(initiator.write_message_1({}, message));

    // As the ephemeral key of message 1 and of message 2.
    const FirstMessage first;
    ByteVector bad = first.bytes;
    std::copy(point.bytes.begin(), point.bytes.end(), bad.begin());
    CHECK_FALSE(first.read(bad));
    ByteVector answer(48);
    std::copy(point.bytes.begin(), point.bytes.end(), answer.begin());
    CHECK_FALSE(first.initiator.read_message_2(answer));
  }
}

TEST_CASE("a static key of low order, sealed as it should be, is refused") {
  // What a malicious initiator can make: es is honest, s is a low-order point, ss would be zero.
  const NoiseKeyPair bob = pair_of(0xb2);
  const NoiseKeyPair ephemeral = pair_of(0xa3);
  SymmetricState symmetric{Bytes()};
  symmetric.mix_hash(bob.key.bytes);
  ByteVector message(96);
  std::copy(ephemeral.key.bytes.begin(), ephemeral.key.bytes.end(), message.begin());
  symmetric.mix_hash(ephemeral.key.bytes);
  symmetric.mix_key(*common::x25519(ephemeral.secret, bob.key));
  symmetric.encrypt_and_hash(test::repeated(0), std::span(message).subspan(32, 48));
  symmetric.mix_key(Secret());  // DH(s, rs) as it would come out
  symmetric.encrypt_and_hash({}, std::span(message).subspan(80));
  CHECK_FALSE(NoiseResponder::read_message_1(bob, {}, message));
}

}  // namespace
