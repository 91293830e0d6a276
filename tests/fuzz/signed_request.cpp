// Any three header fields as a signature, one a line, then the request's body; and the same with
// the signature made right. What is verified is what was signed.
#include "common/signed_request.hpp"

#include "common/base64.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

constexpr common::WallTime kNow{1'700'000'000'000};

const common::Identity& alice() {
  static const common::Identity identity = [] {
    std::array<std::byte, 32> seed{};
    seed.fill(std::byte{0xa1});
    return common::Identity::from_seed(common::Secret(seed));
  }();
  return identity;
}

common::SignedRequest request_with(std::string_view body) {
  return {.host = "127.0.0.1:8080", .method = "POST", .path = "/userlist.txt", .body = body};
}

/// True if the fields are verified for that body.
bool check(const common::SignatureFields& fields, std::string_view body) {
  const auto signer = common::verify_request(fields, request_with(body), kNow);
  if (!signer) {
    ENSURE(!common::to_string(signer.error()).empty());
    return false;
  }
  // Each field has one text for its value.
  ENSURE(common::encode_base64(signer->certificate_bytes) == fields.certificate);
  ENSURE(std::to_string(signer->serial) == fields.serial);
  ENSURE(!signer->certificate.is_expired(kNow));
  // Nothing else was signed.
  ENSURE(!common::verify_request(fields, request_with(std::string(body) + '\n'), kNow));
  common::SignatureFields other = fields;
  other.serial = std::to_string(signer->serial + 1);
  ENSURE(!common::verify_request(other, request_with(body), kNow));
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = fuzz::as_input(data, size);
  common::SignatureFields fields;
  fields.certificate = fuzz::take_line(rest);
  fields.serial = fuzz::take_line(rest);
  fields.signature = fuzz::take_line(rest);
  check(fields, rest);

  // Signed by alice, whatever the serial; verified if the certificate is hers and the serial is
  // one.
  auto request = request_with(rest);
  const auto certificate = common::decode_base64(fields.certificate);
  if (!certificate || fields.serial.empty() || fields.serial.size() > 18) return 0;
  for (const char c : fields.serial)
    if (c < '0' || c > '9') return 0;
  request.serial = std::stoull(fields.serial);
  const auto right = common::sign_request(alice(), *certificate, request);
  const auto decoded = common::decode_certificate(*certificate);
  const bool is_hers = decoded && decoded->identity == alice().key() && !decoded->is_expired(kNow);
  ENSURE(check(right, rest) == is_hers);
  return 0;
}
