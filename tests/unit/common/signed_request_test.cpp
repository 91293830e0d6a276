#include "common/signed_request.hpp"

#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/identities.hpp"

namespace {

using common::Identity;
using common::Secret;
using common::SignatureError;
using common::SignatureFields;
using common::SignedRequest;
using test::kAlice;
using test::kBob;

constexpr common::WallTime kNow{1'700'000'000'000};

const SignedRequest kRequest{.host = "127.0.0.1:8080",
                             .method = "POST",
                             .path = "/userlist.txt",
                             .body = "REGISTER alice@127.0.0.1:50001",
                             .serial = 1'700'000'000'001};

common::ByteVector certificate_of(const Identity& identity, std::uint64_t not_after_s) {
  return common::issue_certificate(identity, *common::UserName::parse("alice"),
                                   common::exchange_key_of(Secret(test::repeated(0xa2))),
                                   1'700'000'000'000, not_after_s);
}

SignatureFields signed_fields() {
  return common::sign_request(kAlice, certificate_of(kAlice, 1'700'007'200), kRequest);
}

TEST_CASE("what was signed is verified, and tells by whom") {
  const SignatureFields fields = signed_fields();
  CHECK(fields.serial == "1700000000001");
  // docs/protocol/sealed-datagram.md, "Vectors": the same request.
  CHECK(common::decode_base64(fields.signature) ==
        test::from_hex(
            "286ccce8f9fb15f6422ef57773f066758d30da20f14b8c5171817bc491206656bdadb508984966"
            "90b197d87367d87ca5539b7579f65f41ed720f1e52de89c902"));
  SignedRequest request = kRequest;
  request.serial = 0;  // the fields bring it
  const auto signer = common::verify_request(fields, request, kNow);
  REQUIRE(signer);
  CHECK(signer->serial == 1'700'000'000'001);
  CHECK(signer->certificate.identity == kAlice.key());
  CHECK(signer->certificate.name.text() == "alice");
  CHECK(signer->certificate_bytes == certificate_of(kAlice, 1'700'007'200));
}

TEST_CASE("a signature is for one request at one registry") {
  struct Row {
    std::string_view name;
    SignedRequest request;
  };
  const auto with = [](auto change) {
    SignedRequest request = kRequest;
    change(request);
    return request;
  };
  const Row rows[] = {
      {"another registry", with([](auto& r) { r.host = "127.0.0.1:8081"; })},
      {"another method", with([](auto& r) { r.method = "PUT"; })},
      {"another target", with([](auto& r) { r.path = "/"; })},
      {"another address", with([](auto& r) { r.body = "REGISTER alice@127.0.0.1:50002"; })},
      {"another verb", with([](auto& r) { r.body = "LOGOUT alice@127.0.0.1:50001"; })},
      {"parts shifted", with([](auto& r) {
         r.path = "/userlist.tx";
         r.body = "tREGISTER alice@127.0.0.1:50001";
       })},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto signer = common::verify_request(signed_fields(), row.request, kNow);
    REQUIRE_FALSE(signer);
    CHECK(signer.error() == SignatureError::kBadSignature);
  }
}

TEST_CASE("fields that do not prove anything are refused with their reason") {
  const auto with = [](auto change) {
    SignatureFields fields = signed_fields();
    change(fields);
    return fields;
  };
  struct Row {
    std::string_view name;
    SignatureFields fields;
    SignatureError error;
  };
  const auto of_bob = certificate_of(kBob, 1'700'007'200);
  const Row rows[] = {
      {"no certificate", with([](auto& f) { f.certificate.clear(); }), SignatureError::kIncomplete},
      {"no serial", with([](auto& f) { f.serial.clear(); }), SignatureError::kIncomplete},
      {"no signature", with([](auto& f) { f.signature.clear(); }), SignatureError::kIncomplete},
      {"a certificate not in base64", with([](auto& f) { f.certificate[5] = '*'; }),
       SignatureError::kMalformed},
      {"half a signature", with([](auto& f) { f.signature.resize(44); }),
       SignatureError::kMalformed},
      {"a signed serial", with([](auto& f) { f.serial = "+1700000000001"; }),
       SignatureError::kMalformed},
      {"a serial with zeros in front", with([](auto& f) { f.serial = "01700000000001"; }),
       SignatureError::kMalformed},
      {"another serial", with([](auto& f) { f.serial = "1700000000002"; }),
       SignatureError::kBadSignature},
      {"a certificate that is none", with([](auto& f) { f.certificate = "AAAA"; }),
       SignatureError::kBadCertificate},
      {"another identity's certificate",
       with([&](auto& f) { f.certificate = common::encode_base64(of_bob); }),
       SignatureError::kBadSignature},
      {"an expired certificate",
       common::sign_request(kAlice, certificate_of(kAlice, 1'699'913'600), kRequest),
       SignatureError::kExpired},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto signer = common::verify_request(row.fields, kRequest, kNow);
    REQUIRE_FALSE(signer);
    CHECK(signer.error() == row.error);
  }
  CHECK(SignatureFields{}.is_empty());
  CHECK_FALSE(signed_fields().is_empty());
}

}  // namespace
