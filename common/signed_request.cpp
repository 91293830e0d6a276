#include "common/signed_request.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/base64.hpp"

namespace common {
namespace {

/// Digits without sign or leading zeros.
std::optional<std::uint64_t> parse_serial(std::string_view text) {
  std::uint64_t serial = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), serial);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return serial;
}

}  // namespace

std::string_view to_string(SignatureError error) {
  switch (error) {
    case SignatureError::kIncomplete:
      return "is not complete";
    case SignatureError::kMalformed:
      return "is malformed";
    case SignatureError::kBadCertificate:
      return "comes with a certificate that is not valid";
    case SignatureError::kExpired:
      return "comes with a certificate that has expired";
    case SignatureError::kBadSignature:
      return "does not fit the request";
  }
  return "is not valid";
}

SignatureFields sign_request(const Identity& identity, Bytes certificate,
                             const SignedRequest& request) {
  return {.certificate = encode_base64(certificate),
          .serial = std::to_string(request.serial),
          .signature = encode_base64(identity.sign(signed_request_bytes(request)))};
}

expected<Signer, SignatureError> verify_request(const SignatureFields& fields,
                                                SignedRequest request, WallTime now) {
  if (fields.certificate.empty() || fields.serial.empty() || fields.signature.empty())
    return unexpected{SignatureError::kIncomplete};
  auto certificate_bytes = decode_base64(fields.certificate);
  const auto signature_bytes = decode_base64(fields.signature);
  const auto serial = parse_serial(fields.serial);
  Signature signature{};
  if (!certificate_bytes || !signature_bytes || !serial ||
      signature_bytes->size() != signature.size())
    return unexpected{SignatureError::kMalformed};
  std::copy(signature_bytes->begin(), signature_bytes->end(), signature.begin());

  auto certificate = decode_certificate(*certificate_bytes);
  if (!certificate) return unexpected{SignatureError::kBadCertificate};
  if (certificate->is_expired(now)) return unexpected{SignatureError::kExpired};
  request.serial = *serial;
  if (!verify(certificate->identity, signed_request_bytes(request), signature))
    return unexpected{SignatureError::kBadSignature};
  return Signer{*std::move(certificate), *std::move(certificate_bytes), *serial};
}

}  // namespace common
