#include "peer/sealed/aead.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/hex.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using common::Secret;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using test::from_hex;
using test::to_hex;

ByteVector sealed(const Secret& key, std::uint64_t nonce, Bytes associated, Bytes plain) {
  ByteVector out(plain.size() + kTagBytes);
  seal_with(key, nonce, associated, plain, out);
  return out;
}

TEST_CASE("sealing is ChaCha20-Poly1305 with four zero bytes and the sequence for its nonce") {
  // The last transport message of cacophony's Noise_IK_25519_ChaChaPoly_SHA256 vector is in
  // noise_ik_test.cpp. This one was made with Python's cryptography:
  // ChaCha20Poly1305(b"\x42" * 32).encrypt(bytes(4) + (0x0102030405060708).to_bytes(8, "little"),
  //                                        b"hello", b"header")
  const Secret key(test::repeated(0x42));
  CHECK(to_hex(sealed(key, 0x0102030405060708, common::as_bytes("header"),
                      common::as_bytes("hello"))) == "849750191942722add2abccca0158724994a529873");
}

TEST_CASE("what was sealed opens, and nothing else does") {
  const Secret key(test::repeated(7));
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 63u, 64u, 65u, 1168u, 60'000u}) {
    CAPTURE(size);
    ByteVector plain(size);
    for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<std::byte>(i * 7);
    const ByteVector box = sealed(key, 9, common::as_bytes("ad"), plain);
    ByteVector out(size);
    REQUIRE(open_with(key, 9, common::as_bytes("ad"), box, out));
    CHECK(out == plain);
    CHECK_FALSE(open_with(key, 8, common::as_bytes("ad"), box, out));
    CHECK_FALSE(open_with(key, 9, common::as_bytes("aD"), box, out));
    CHECK_FALSE(open_with(key, 9, {}, box, out));
    CHECK_FALSE(open_with(Secret(test::repeated(8)), 9, common::as_bytes("ad"), box, out));
    CHECK(out == ByteVector(size));  // a failure leaves nothing of the text
  }
}

TEST_CASE("every flipped bit and every truncation is refused") {
  const Secret key(test::repeated(7));
  const ByteVector box = sealed(key, 1, common::as_bytes("ad"), common::as_bytes("some text"));
  ByteVector out(box.size() - kTagBytes);
  for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
    CAPTURE(bit);
    ByteVector bad = box;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(open_with(key, 1, common::as_bytes("ad"), bad, out));
  }
  for (std::size_t size = 0; size < box.size(); ++size) {
    CAPTURE(size);
    ByteVector rest(size < kTagBytes ? 0 : size - kTagBytes);
    CHECK_FALSE(open_with(key, 1, common::as_bytes("ad"), Bytes(box).first(size), rest));
  }
}

TEST_CASE("text and box may share their memory") {
  SendKey send{Secret(test::repeated(7)), {}};
  const ReceiveKey receive{Secret(test::repeated(7))};
  ByteVector memory = from_hex("0102030405");
  memory.resize(5 + kTagBytes);
  auto nonce = send.nonces.next();
  REQUIRE(nonce);
  seal(send, std::move(*nonce), {}, Bytes(memory).first(5), memory);
  CHECK(memory == sealed(send.key, 0, {}, from_hex("0102030405")));
  REQUIRE(open(receive, 0, {}, memory, std::span(memory).first(5)));
  memory.resize(5);
  CHECK(to_hex(memory) == "0102030405");
}

}  // namespace
