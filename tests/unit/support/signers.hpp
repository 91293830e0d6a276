// Users with keys: what they sign, as the registry takes it in.
#pragma once

#include "common/signed_request.hpp"
#include "registry/name_keys.hpp"
#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

inline common::Identity identity_from(unsigned value) {
  return common::Identity::from_seed(common::Secret(repeated(value)));
}

/// A certificate of the identity that `value` stands for; it ends in 2033.
inline common::ByteVector certificate_bytes(unsigned value, std::string_view user,
                                            std::uint64_t serial = 10) {
  return common::issue_certificate(identity_from(value), name(user), {repeated(9)}, serial,
                                   2'000'000'000);
}

/// Who has signed a request with that serial, for `user`.
inline common::Signer signer(unsigned value, std::string_view user, std::uint64_t serial,
                             std::uint64_t certificate_serial = 10) {
  auto bytes = certificate_bytes(value, user, certificate_serial);
  auto certificate = common::decode_certificate(bytes);
  ENSURE(certificate.has_value());
  return {*std::move(certificate), std::move(bytes), serial};
}

/// What a registry that has just started finds on disk of a name that the identity has signed for,
/// and that nobody is listed under.
inline registry::NameKey bound_name(unsigned value, std::string_view user) {
  return {.name = name(user),
          .identity = signer(value, user, 1).certificate.identity,
          .request_serial = 1,
          .certificate_serial = 10,
          .certificate = std::make_shared<const std::string>("x"),
          .source = ip("127.0.0.1"),
          .used = {}};
}

}  // namespace test
