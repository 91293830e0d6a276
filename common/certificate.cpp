#include "common/certificate.hpp"

#include <algorithm>

namespace common {
namespace {

constexpr std::string_view kMark = "UMC1";
constexpr std::string_view kSignatureDomain("UMC1-session-cert\0", 18);
constexpr std::size_t kSignatureBytes = 64;

/// What the identity signs: a domain of its own, so that no other signature of it can pass for this
/// one, and every byte before the signature.
ByteVector signed_bytes(Bytes before_signature) {
  ByteVector out = to_vector(kSignatureDomain);
  ByteWriter(out).bytes(before_signature);
  return out;
}

}  // namespace

bool Certificate::is_expired(WallTime now) const {
  if (now.unix_ms < 0) return false;
  const auto now_s = static_cast<std::uint64_t>(now.unix_ms) / 1000;
  constexpr auto kSlackSeconds =
      static_cast<std::uint64_t>(std::chrono::seconds(kExpirySlack).count());
  return now_s > not_after_s && now_s - not_after_s >= kSlackSeconds;
}

std::string_view to_string(CertificateError error) {
  switch (error) {
    case CertificateError::kBadLength:
      return "wrong length";
    case CertificateError::kBadMark:
      return "not a certificate";
    case CertificateError::kBadName:
      return "illegal name";
    case CertificateError::kBadSignature:
      return "wrong signature";
  }
  return "unknown error";
}

ByteVector issue_certificate(const Identity& identity, const UserName& name,
                             const ExchangeKey& session, std::uint64_t serial,
                             std::uint64_t not_after_s) {
  ByteVector out;
  out.reserve(kCertificateOverhead + name.text().size());
  ByteWriter write(out);
  write.bytes(as_bytes(kMark));
  write.u8(static_cast<std::uint8_t>(name.text().size()));
  write.bytes(as_bytes(name.text()));
  write.bytes(identity.key().bytes);
  write.bytes(session.bytes);
  write.u64(serial);
  write.u64(not_after_s);
  write.bytes(identity.sign(signed_bytes(out)));
  return out;
}

expected<Certificate, CertificateError> read_certificate(ByteReader& in) {
  // The whole in one view first, so that the signed part is at hand.
  ByteReader peek = in;
  const Bytes mark = peek.bytes(kMark.size());
  const std::size_t name_size = peek.u8();
  if (peek.failed()) return unexpected{CertificateError::kBadLength};
  if (as_text(mark) != kMark) return unexpected{CertificateError::kBadMark};
  if (name_size == 0 || name_size > kNameBytesMax) return unexpected{CertificateError::kBadName};

  const Bytes whole = in.bytes(kCertificateOverhead + name_size);
  if (in.failed()) return unexpected{CertificateError::kBadLength};
  ByteReader fields(whole.subspan(kMark.size() + 1));
  auto name = UserName::parse(as_text(fields.bytes(name_size)));
  if (!name) return unexpected{CertificateError::kBadName};
  Certificate certificate{.name = *std::move(name),
                          .identity = {fields.array<32>()},
                          .session = {fields.array<32>()},
                          .serial = fields.u64(),
                          .not_after_s = fields.u64()};
  const Signature signature = fields.array<kSignatureBytes>();
  ENSURE(fields.finished());
  const ByteVector message = signed_bytes(whole.first(whole.size() - kSignatureBytes));
  if (!verify(certificate.identity, message, signature))
    return unexpected{CertificateError::kBadSignature};
  return certificate;
}

expected<Certificate, CertificateError> decode_certificate(Bytes bytes) {
  ByteReader in(bytes);
  auto certificate = read_certificate(in);
  if (certificate && !in.finished()) return unexpected{CertificateError::kBadLength};
  return certificate;
}

}  // namespace common
