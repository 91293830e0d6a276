#include "common/byte_codec.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/hex.hpp"

namespace {

using common::ByteReader;
using common::ByteVector;
using common::ByteWriter;
using test::from_hex;
using test::to_hex;

TEST_CASE("fields are little-endian, and read back as they were written") {
  ByteVector out;
  ByteWriter write(out);
  write.u8(0x01);
  write.u16(0x0302);
  write.u32(0x07060504);
  write.u64(0x0f0e0d0c0b0a0908);
  write.bytes(from_hex("1011"));
  CHECK(to_hex(out) == "0102030405060708090a0b0c0d0e0f1011");

  ByteReader in(out);
  CHECK(in.u8() == 0x01);
  CHECK(in.u16() == 0x0302);
  CHECK(in.u32() == 0x07060504);
  CHECK(in.u64() == 0x0f0e0d0c0b0a0908);
  CHECK_FALSE(in.finished());
  CHECK(in.remaining() == 2);
  CHECK(to_hex(in.array<2>()) == "1011");
  CHECK(in.finished());
}

TEST_CASE("a read past the end gives zeros, and is remembered") {
  const ByteVector bytes = from_hex("ffffff");
  ByteReader in(bytes);
  CHECK(in.u8() == 0xff);
  CHECK(in.u32() == 0);
  CHECK(in.failed());
  CHECK(in.remaining() == 0);
  CHECK(in.u8() == 0);
  CHECK(in.bytes(1).empty());
  CHECK(to_hex(in.array<2>()) == "0000");
  CHECK(in.rest().empty());
  CHECK_FALSE(in.finished());
}

TEST_CASE("bytes of no length are read anywhere, the end included") {
  ByteReader in(common::Bytes{});
  CHECK(in.bytes(0).empty());
  CHECK(in.rest().empty());
  CHECK(in.finished());
}

}  // namespace
