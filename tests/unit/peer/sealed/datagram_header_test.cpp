#include "peer/sealed/datagram_header.hpp"

#include <doctest/doctest.h>

#include "common/limits.hpp"
#include "tests/unit/support/hex.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using test::from_hex;
using test::to_hex;

const KeyId kKeyId = test::array_from_hex<8>("a0a1a2a3a4a5a6a7");
const Token kToken = test::array_from_hex<16>("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");

template <std::size_t N>
ByteVector with_body(const std::array<std::byte, N>& header, std::size_t body) {
  ByteVector out(header.begin(), header.end());
  for (std::size_t i = 0; i < body; ++i) out.push_back(static_cast<std::byte>(i));
  return out;
}

ByteVector init_of(std::size_t size) {
  return with_body(encode_init_header(0x11223344, kKeyId), size - kInitHeaderBytes);
}

template <typename T>
const T& decoded(const common::expected<Datagram, HeaderError>& result) {
  REQUIRE(result);
  REQUIRE(std::holds_alternative<T>(*result));
  return std::get<T>(*result);
}

TEST_CASE("headers have these bytes") {
  CHECK(to_hex(encode_init_header(0x11223344, kKeyId)) ==
        "fe010100"
        "44332211"
        "a0a1a2a3a4a5a6a7");
  CHECK(to_hex(encode_resp_header(0x55667788, 0x11223344)) ==
        "fe020100"
        "88776655"
        "44332211");
  CHECK(to_hex(encode_data_header(0x55667788, 0x0102030405060708)) ==
        "fe030100"
        "88776655"
        "0807060504030201");
  CHECK(to_hex(encode_retry({0x55667788, kToken})) ==
        "fe040100"
        "88776655"
        "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
  CHECK(to_hex(encode_key_hint({0x55667788, kKeyId})) ==
        "fe050100"
        "88776655"
        "a0a1a2a3a4a5a6a7");
}

TEST_CASE("an INIT comes apart into header, Noise message, token and mac1") {
  const ByteVector bytes = init_of(300);
  const auto result = decode_datagram(bytes);
  const Init& init = decoded<Init>(result);
  CHECK(init.sender_index == 0x11223344);
  CHECK(init.recipient_key == kKeyId);
  CHECK(to_hex(init.header) == to_hex(encode_init_header(0x11223344, kKeyId)));
  CHECK(to_hex(init.noise) == to_hex(Bytes(bytes).subspan(16, 300 - 16 - 32)));
  CHECK(to_hex(init.token) == to_hex(Bytes(bytes).subspan(300 - 32, 16)));
  CHECK(to_hex(init.mac1) == to_hex(Bytes(bytes).last(16)));
  CHECK(to_hex(init.before_mac1) == to_hex(Bytes(bytes).first(300 - 16)));
}

TEST_CASE("a RESP comes apart into header and Noise message") {
  const ByteVector bytes = with_body(encode_resp_header(1, 2), 90);
  const auto result = decode_datagram(bytes);
  const Resp& resp = decoded<Resp>(result);
  CHECK(resp.sender_index == 1);
  CHECK(resp.receiver_index == 2);
  CHECK(to_hex(resp.header) == to_hex(Bytes(bytes).first(12)));
  CHECK(to_hex(resp.noise) == to_hex(Bytes(bytes).subspan(12)));
}

TEST_CASE("a DATA comes apart into header and sealed frames") {
  const ByteVector bytes = with_body(encode_data_header(7, 0x0102030405060708), 40);
  const auto result = decode_datagram(bytes);
  const Data& data = decoded<Data>(result);
  CHECK(data.receiver_index == 7);
  CHECK(data.sequence == 0x0102030405060708);
  CHECK(to_hex(data.header) == to_hex(Bytes(bytes).first(16)));
  CHECK(to_hex(data.sealed) == to_hex(Bytes(bytes).subspan(16)));
}

TEST_CASE("RETRY and KEYHINT are read back as they were written") {
  const auto retry_bytes = encode_retry({5, kToken});
  const auto retry_result = decode_datagram(retry_bytes);
  const Retry& retry = decoded<Retry>(retry_result);
  CHECK(retry.receiver_index == 5);
  CHECK(retry.token == kToken);
  const auto hint_bytes = encode_key_hint({6, kKeyId});
  const auto hint_result = decode_datagram(hint_bytes);
  const KeyHint& hint = decoded<KeyHint>(hint_result);
  CHECK(hint.receiver_index == 6);
  CHECK(hint.unknown_key == kKeyId);
}

TEST_CASE("each type has its lengths, and no other is accepted") {
  struct Row {
    std::string_view name;
    ByteVector header;
    std::size_t bytes_min;
    std::size_t bytes_max;
  };
  const auto vector = [](const auto& array) { return ByteVector(array.begin(), array.end()); };
  const Row rows[] = {
      {"INIT", vector(encode_init_header(1, kKeyId)), 144, 1200},
      {"RESP", vector(encode_resp_header(1, 2)), 72, 1200},
      {"DATA", vector(encode_data_header(1, 2)), 32, common::kUdpPayloadBytesMax},
      {"RETRY", vector(encode_retry({1, kToken})), 24, 24},
      {"KEYHINT", vector(encode_key_hint({1, kKeyId})), 16, 16},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (std::size_t size = 0; size <= 1300; ++size) {
      CAPTURE(size);
      ByteVector bytes = row.header;
      bytes.resize(size);
      const auto result = decode_datagram(bytes);
      const bool fits = size >= row.bytes_min && size <= row.bytes_max;
      REQUIRE(result.has_value() == fits);
      if (!fits) {
        CHECK(result.error() == (size == 0 ? HeaderError::kNotSealed : HeaderError::kBadLength));
      }
    }
    ByteVector longest = row.header;
    longest.resize(common::kUdpPayloadBytesMax);
    CHECK(decode_datagram(longest).has_value() == (row.name == "DATA"));
  }
}

TEST_CASE("a datagram of another kind is refused with its reason") {
  struct Row {
    std::string_view name;
    std::string_view hex;
    HeaderError error;
  };
  const Row rows[] = {
      {"a classic datagram", "616c6963653a2068656c6c6f", HeaderError::kNotSealed},
      {"a byte that UTF-8 never has, but not ours", "ff010100", HeaderError::kNotSealed},
      {"version 0", "fe0100004433221100000000000000000000", HeaderError::kUnknownVersion},
      {"version 2", "fe050200443322110000000000000000", HeaderError::kUnknownVersion},
      {"version 2 of a type unknown here", "fe770200443322110000000000000000",
       HeaderError::kUnknownVersion},
      {"a reserved byte set", "fe050101443322110000000000000000",
       HeaderError::kReservedByteNotZero},
      {"type 0", "fe000100443322110000000000000000", HeaderError::kUnknownType},
      {"type 6", "fe060100443322110000000000000000", HeaderError::kUnknownType},
      {"type 255", "feff0100443322110000000000000000", HeaderError::kUnknownType},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const ByteVector bytes = from_hex(row.hex);
    const auto result = decode_datagram(bytes);
    REQUIRE_FALSE(result);
    CHECK(result.error() == row.error);
  }
}

TEST_CASE("only the first byte tells a sealed datagram from a classic one") {
  CHECK(is_sealed(from_hex("fe")));
  CHECK_FALSE(is_sealed(from_hex("fd")));
  CHECK_FALSE(is_sealed({}));
}

}  // namespace
