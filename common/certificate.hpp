// The session certificate: an identity's word that a session key is its own, for a name and a time
// (docs/protocol/sealed-datagram.md, "Session certificate"). Peers put it into every INIT,
// registries hand it on. A core.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/byte_codec.hpp"
#include "common/crypto.hpp"
#include "common/expected.hpp"
#include "common/identity.hpp"
#include "common/limits.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace common {

/// Bytes of a certificate beside the name.
inline constexpr std::size_t kCertificateOverhead = 149;
inline constexpr std::size_t kCertificateBytesMax = kCertificateOverhead + kNameBytesMax;

/// How long a certificate is accepted after its end: clocks of two machines differ.
inline constexpr std::chrono::hours kExpirySlack{24};

/// A certificate whose signature was verified; nothing else makes one of received bytes.
struct Certificate {
  UserName name;
  IdentityKey identity;
  ExchangeKey session;
  std::uint64_t serial = 0;       // unix ms, strictly rising per identity
  std::uint64_t not_after_s = 0;  // unix s

  /// True from 24 h after the end on. Clocks may jump, so nothing but acceptance depends on it.
  bool is_expired(WallTime now) const;
};

enum class CertificateError {
  kBadLength,     // too short, or bytes left over
  kBadMark,       // does not begin with "UMC1"
  kBadName,       // the name's length or grammar
  kBadSignature,  // also for an identity key that is none
};

std::string_view to_string(CertificateError error);

/// The bytes of a certificate, signed by `identity`.
ByteVector issue_certificate(const Identity& identity, const UserName& name,
                             const ExchangeKey& session, std::uint64_t serial,
                             std::uint64_t not_after_s);

/// Takes one certificate off the front of what `in` has left, and verifies its signature. On error
/// how far `in` was read is not said.
expected<Certificate, CertificateError> read_certificate(ByteReader& in);

/// Exactly one certificate.
expected<Certificate, CertificateError> decode_certificate(Bytes bytes);

}  // namespace common
