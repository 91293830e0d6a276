// Any bytes as a certificate, as they are and with a right signature put to them: what is accepted
// is what issuing writes.
#include "common/certificate.hpp"

#include <algorithm>
#include <optional>

#include "tests/fuzz/support/input.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using common::CertificateError;

const common::Identity& alice() {
  static const common::Identity identity = [] {
    std::array<std::byte, 32> seed{};
    seed.fill(std::byte{0xa1});
    return common::Identity::from_seed(common::Secret(seed));
  }();
  return identity;
}

void check(Bytes bytes, const common::Certificate& certificate) {
  ENSURE(bytes.size() == common::kCertificateOverhead + certificate.name.text().size());
  ENSURE(common::UserName::parse(certificate.name.text()).has_value());
  if (certificate.identity != alice().key()) return;  // from the corpus: only alice's seed is here
  const ByteVector again = common::issue_certificate(alice(), certificate.name, certificate.session,
                                                     certificate.serial, certificate.not_after_s);
  ENSURE(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  (void)certificate.is_expired({static_cast<std::int64_t>(certificate.serial)});
}

/// The input with alice's key and signature in their places; nothing if it is too short for them.
std::optional<ByteVector> signed_by_alice(Bytes input) {
  if (input.size() < common::kCertificateOverhead) return std::nullopt;
  const std::size_t size = common::kCertificateOverhead + std::to_integer<std::size_t>(input[4]);
  if (input.size() < size) return std::nullopt;
  constexpr std::size_t kSignature = 64;
  ByteVector bytes(input.begin(), input.end());
  const auto at = [&bytes](std::size_t offset) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  };
  const auto& key = alice().key().bytes;
  std::copy(key.begin(), key.end(), at(size - kSignature - 16 - 32 - 32));
  ByteVector message = common::to_vector(std::string_view("UMC1-session-cert\0", 18));
  message.insert(message.end(), at(0), at(size - kSignature));
  const auto signature = alice().sign(message);
  std::copy(signature.begin(), signature.end(), at(size - kSignature));
  return bytes;
}

void decode(Bytes bytes) {
  const auto certificate = common::decode_certificate(bytes);
  if (certificate) check(bytes, *certificate);

  // The same at the front of something longer, as an INIT has it.
  common::ByteReader in(bytes);
  const auto front = common::read_certificate(in);
  if (certificate) ENSURE(front && in.finished());
  if (!certificate && front) ENSURE(certificate.error() == CertificateError::kBadLength);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = common::as_bytes(fuzz::as_input(data, size));
  decode(input);
  if (const auto bytes = signed_by_alice(input)) {
    decode(*bytes);
    // With a right signature only the form can be wrong.
    common::ByteReader in(*bytes);
    const auto front = common::read_certificate(in);
    ENSURE(front || front.error() != CertificateError::kBadSignature);
  }
  return 0;
}
