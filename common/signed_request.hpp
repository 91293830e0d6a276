// A request to a registry, signed by the identity that a name is bound to: the header fields that
// carry certificate and signature (docs/protocol/directory.md, "Keys"). Registries of old ignore
// them. A core; peers sign, registries verify.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/certificate.hpp"
#include "common/expected.hpp"
#include "common/identity.hpp"

namespace common {

inline constexpr const char* kCertificateField = "Session-Certificate";
inline constexpr const char* kSerialField = "Request-Serial";
inline constexpr const char* kSignatureField = "Request-Signature";

/// The values of the three fields; all empty for a request that is not signed.
struct SignatureFields {
  std::string certificate;  // base64
  std::string serial;       // decimal
  std::string signature;    // base64

  bool is_empty() const { return certificate.empty() && serial.empty() && signature.empty(); }
};

/// The fields for `request`, whose serial has to be above every earlier one of this identity.
/// `certificate` is one that the identity has issued.
SignatureFields sign_request(const Identity& identity, Bytes certificate,
                             const SignedRequest& request);

/// Who has signed a request, and what he showed for it.
struct Signer {
  Certificate certificate;
  ByteVector certificate_bytes;
  std::uint64_t serial = 0;  // of the request
};

enum class SignatureError {
  kIncomplete,      // one of the fields is missing
  kMalformed,       // not base64, not a number, not of the right length
  kBadCertificate,  // its form, its name, or its own signature
  kExpired,         // the certificate's time is over
  kBadSignature,    // of another request, by another identity, or for another registry
};

/// A short English reason to stand after "the request's signature ".
std::string_view to_string(SignatureError error);

/// The signer of a request, which has the same parts as when it was signed but for its serial,
/// which the fields bring. Whether the serial is new, and whether the certificate's name is the
/// request's, is the caller's to ask.
expected<Signer, SignatureError> verify_request(const SignatureFields& fields,
                                                SignedRequest request, WallTime now);

}  // namespace common
