#include "common/crypto.hpp"

#include <doctest/doctest.h>

#include "tests/support/test_random.hpp"
#include "tests/unit/support/hex.hpp"

namespace {

using common::as_bytes;
using common::Secret;
using test::array_from_hex;
using test::from_hex;
using test::to_hex;

TEST_CASE("hashes agree with the published examples") {
  // FIPS 180-2, appendix B.1 and C.1.
  CHECK(to_hex(common::sha256({as_bytes("a"), {}, as_bytes("bc")})) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(common::sha512({as_bytes("ab"), as_bytes("c")})) ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  // Python: hmac.new(b"\x0b" * 32, b"Hi There", sha256), blake2b(b"abc", digest_size=16,
  // key=b"\x07" * 32).
  CHECK(to_hex(common::hmac_sha256(Secret(test::repeated(0x0b)), {as_bytes("Hi There")}).bytes()) ==
        "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
  CHECK(to_hex(common::blake2b_128(test::repeated(7), {as_bytes("ab"), as_bytes("c")})) ==
        "c27f58883b0633941eaf605b4cd7ccf4");
}

TEST_CASE("SipHash agrees with its reference") {
  // The paper's example: key 00..0f, message 00..0e gives a129ca6149be45e5; bytes low first.
  const auto key = array_from_hex<16>("000102030405060708090a0b0c0d0e0f");
  CHECK(common::siphash(key, from_hex("000102030405060708090a0b0c0d0e")) == 0xe545be4961ca29a1);
}

TEST_CASE("X25519 agrees with RFC 7748, section 6.1") {
  const Secret alice(
      array_from_hex<32>("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const Secret bob(
      array_from_hex<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  CHECK(to_hex(common::exchange_key_of(alice).bytes) ==
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const auto shared = common::x25519(alice, common::exchange_key_of(bob));
  REQUIRE(shared);
  CHECK(to_hex(shared->bytes()) ==
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  CHECK(to_hex(common::x25519(bob, common::exchange_key_of(alice))->bytes()) ==
        to_hex(shared->bytes()));
}

TEST_CASE("Ed25519 agrees with RFC 8032, section 7.1, test 1") {
  const Secret seed(
      array_from_hex<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  const auto key = common::identity_key_of(seed);
  CHECK(to_hex(key.bytes) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const auto signature = common::sign(seed, key, {});
  CHECK(
      to_hex(signature) ==
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
      "b46bd25bf5f0595bbe24655141438e7a100b");
  CHECK(common::verify(key, {}, signature));
  CHECK_FALSE(common::verify(key, as_bytes("x"), signature));
}

TEST_CASE("a signature has one form, and a key of low order verifies nothing") {
  const Secret seed(test::repeated(1));
  const auto key = common::identity_key_of(seed);
  const auto signature = common::sign(seed, key, as_bytes("text"));
  REQUIRE(common::verify(key, as_bytes("text"), signature));
  for (std::size_t bit = 0; bit < 512; ++bit) {
    CAPTURE(bit);
    auto bad = signature;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(common::verify(key, as_bytes("text"), bad));
  }
  // S + L is the same number to a careless verifier. L, the order of the group, little-endian:
  const auto order =
      array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  auto malleable = signature;
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += std::to_integer<unsigned>(malleable[32 + i]) + std::to_integer<unsigned>(order[i]);
    malleable[32 + i] = static_cast<std::byte>(carry & 0xff);
    carry >>= 8;
  }
  CHECK_FALSE(common::verify(key, as_bytes("text"), malleable));

  // With the neutral element for a key, R = neutral and S = 0 satisfy the bare equation.
  common::IdentityKey neutral;
  neutral.bytes[0] = std::byte{1};
  common::Signature forged{};
  forged[0] = std::byte{1};
  CHECK_FALSE(common::verify(neutral, as_bytes("text"), forged));
}

TEST_CASE("comparing takes sizes and every byte into account") {
  CHECK(common::is_equal_in_constant_time(as_bytes("abc"), as_bytes("abc")));
  CHECK(common::is_equal_in_constant_time({}, {}));
  CHECK_FALSE(common::is_equal_in_constant_time(as_bytes("abc"), as_bytes("abd")));
  CHECK_FALSE(common::is_equal_in_constant_time(as_bytes("abc"), as_bytes("ab")));
}

TEST_CASE("secrets are drawn from the source of chance that is given") {
  test::TestRandom one(1);
  test::TestRandom same(1);
  test::TestRandom other(2);
  const auto secret = common::make_secret(one);
  CHECK(to_hex(secret.bytes()) == to_hex(common::make_secret(same).bytes()));
  CHECK(to_hex(secret.bytes()) != to_hex(common::make_secret(other).bytes()));
  CHECK(to_hex(secret.bytes()) != to_hex(common::make_secret(one).bytes()));
}

}  // namespace
