#include "common/certificate.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/identities.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using common::CertificateError;
using common::decode_certificate;
using common::Identity;
using common::Secret;
using common::UserName;
using test::from_hex;
using test::kAlice;
using test::to_hex;

constexpr std::uint64_t kSerial = 1'700'000'000'000;
constexpr std::uint64_t kNotAfter = 1'700'007'200;

const common::ExchangeKey kSession = common::exchange_key_of(Secret(test::repeated(0xa2)));

ByteVector certificate_for(std::string_view name) {
  return common::issue_certificate(kAlice, *UserName::parse(name), kSession, kSerial, kNotAfter);
}

/// `bytes` with a signature of their own, as somebody with a key but no manners would make them.
ByteVector signed_again(ByteVector bytes) {
  bytes.erase(bytes.end() - 64, bytes.end());
  ByteVector message = common::to_vector(std::string_view("UMC1-session-cert\0", 18));
  message.insert(message.end(), bytes.begin(), bytes.end());
  const auto signature = kAlice.sign(message);
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return bytes;
}

TEST_CASE("a certificate has these bytes") {
  CHECK(to_hex(certificate_for("alice")) ==
        "554d433105616c696365"
        "bc7cbcb5636375fa1d82434d466724d92377f53b980695dd49d26d0ce12205a5"
        "3c5c6ce2dd99e10d2c3de05d773aa15e3e6d971ed4e41389c93b4bbdda177212"
        "0068e5cf8b010000"
        "200d546500000000"
        "a5dd888aefc7714bdf8b5568641bf86f8841431b4791c66979761eb43bb9da45"
        "0942d03e67866fdfece129f409343b32e6ef433eebb5caca76cfad1ed2778603");
}

TEST_CASE("what was issued is read back, with names of every length") {
  for (const std::string& name : {std::string("a"), std::string("Göktuğ"), std::string(64, 'x')}) {
    CAPTURE(name);
    const ByteVector bytes = certificate_for(name);
    CHECK(bytes.size() == common::kCertificateOverhead + name.size());
    const auto certificate = decode_certificate(bytes);
    REQUIRE(certificate);
    CHECK(certificate->name.text() == name);
    CHECK(certificate->identity == kAlice.key());
    CHECK(certificate->session == kSession);
    CHECK(certificate->serial == kSerial);
    CHECK(certificate->not_after_s == kNotAfter);
  }
}

TEST_CASE("any flipped bit and any cut is refused") {
  const ByteVector bytes = certificate_for("alice");
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    ByteVector bad = bytes;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(decode_certificate(bad));
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const auto result = decode_certificate(Bytes(bytes).first(size));
    REQUIRE_FALSE(result);
    CHECK(result.error() == CertificateError::kBadLength);
  }
}

TEST_CASE("a wrong certificate is refused with its reason") {
  struct Row {
    std::string_view name;
    ByteVector bytes;
    CertificateError error;
  };
  ByteVector longer = certificate_for("alice");
  longer.push_back(std::byte{0});
  ByteVector other_mark = certificate_for("alice");
  other_mark[3] = std::byte{'2'};
  ByteVector nameless = certificate_for("a");
  nameless[4] = std::byte{0};
  nameless.erase(nameless.begin() + 5);
  ByteVector long_name = certificate_for(std::string(64, 'x'));
  long_name[4] = std::byte{65};
  long_name.insert(long_name.begin() + 5, std::byte{'x'});
  ByteVector line_end = certificate_for("alice");
  line_end[7] = std::byte{'\n'};
  ByteVector reserved = certificate_for("allx");
  reserved[4] = std::byte{3};
  reserved.erase(reserved.begin() + 8);
  ByteVector not_nfc = certificate_for("Ae12");
  not_nfc[7] = std::byte{0xcc};
  not_nfc[8] = std::byte{0x81};
  ByteVector other_key = certificate_for("alice");
  const auto bob = Identity::from_seed(Secret(test::repeated(0xb1))).key();
  std::copy(bob.bytes.begin(), bob.bytes.end(), other_key.begin() + 10);
  ByteVector low_order_key = certificate_for("alice");
  std::fill(low_order_key.begin() + 10, low_order_key.begin() + 42, std::byte{0});

  const Row rows[] = {
      {"a byte too many", longer, CertificateError::kBadLength},
      {"another mark", signed_again(other_mark), CertificateError::kBadMark},
      {"no name", signed_again(nameless), CertificateError::kBadName},
      {"a name of 65 bytes", signed_again(long_name), CertificateError::kBadName},
      {"a line end in the name", signed_again(line_end), CertificateError::kBadName},
      {"a reserved name", signed_again(reserved), CertificateError::kBadName},
      {"a name that is not in NFC", signed_again(not_nfc), CertificateError::kBadName},
      {"another's identity key", signed_again(other_key), CertificateError::kBadSignature},
      {"an identity key of low order", low_order_key, CertificateError::kBadSignature},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto result = decode_certificate(row.bytes);
    REQUIRE_FALSE(result);
    CHECK(result.error() == row.error);
  }
  // The rows fail for their own reason: signing again as such is legal.
  CHECK(decode_certificate(signed_again(certificate_for("alice"))));
}

TEST_CASE("reading takes one certificate and leaves what follows") {
  ByteVector bytes = certificate_for("alice");
  bytes.push_back(std::byte{7});
  common::ByteReader in(bytes);
  REQUIRE(common::read_certificate(in));
  CHECK(to_hex(in.rest()) == "07");
}

TEST_CASE("a certificate is accepted until a day after its end") {
  auto certificate = *decode_certificate(certificate_for("alice"));
  const auto at = [](std::uint64_t unix_s) {
    return common::WallTime{static_cast<std::int64_t>(unix_s) * 1000};
  };
  CHECK_FALSE(certificate.is_expired(at(kNotAfter - 1)));
  CHECK_FALSE(certificate.is_expired(at(kNotAfter)));
  CHECK_FALSE(certificate.is_expired(at(kNotAfter + 86'400 - 1)));
  CHECK(certificate.is_expired(at(kNotAfter + 86'400)));
  CHECK_FALSE(certificate.is_expired(common::WallTime{-1}));  // a clock before 1970
  certificate.not_after_s = ~std::uint64_t{0};
  CHECK_FALSE(certificate.is_expired(common::WallTime{std::numeric_limits<std::int64_t>::max()}));
  certificate.not_after_s = 0;
  CHECK(certificate.is_expired(at(kNotAfter)));
}

}  // namespace
