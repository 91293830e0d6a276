#include "common/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/base64.hpp"
#include "common/byte_codec.hpp"

namespace common {
namespace {

constexpr std::size_t kFingerprintBytes = 20;
constexpr std::size_t kFingerprintGroup = 4;

/// RFC 4648 base32 in small letters; `bytes` is a multiple of five long, so there is no padding.
std::string base32(Bytes bytes) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  unsigned held = 0;
  unsigned bits = 0;
  for (const std::byte byte : bytes) {
    held = (held << 8) | std::to_integer<unsigned>(byte);
    bits += 8;
    for (; bits >= 5; bits -= 5) out += kAlphabet[(held >> (bits - 5)) & 31];
    held &= (1u << bits) - 1;
  }
  return out;
}

/// `text` with `separator` after every `size` characters but the last.
std::string in_groups(std::string_view text, std::size_t size, char separator) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != 0 && i % size == 0) out += separator;
    out += text[i];
  }
  return out;
}

std::string dense_fingerprint(const IdentityKey& key) {
  const auto hash = sha256({key.bytes});
  return base32(Bytes(hash).first(kFingerprintBytes));
}

}  // namespace

std::string format_fingerprint(const IdentityKey& key) {
  return in_groups(dense_fingerprint(key), kFingerprintGroup, '-');
}

bool is_fingerprint_of(const IdentityKey& key, std::string_view text) {
  std::string dense;
  for (const char c : text) {
    if (c == '-') continue;
    dense += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return dense == dense_fingerprint(key);
}

std::string format_identity_key(const IdentityKey& key) { return encode_base64(key.bytes); }

std::optional<IdentityKey> parse_identity_key(std::string_view text) {
  const auto bytes = decode_base64(text);
  IdentityKey key;
  if (!bytes || bytes->size() != key.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
  return key;
}

std::string safety_number(const NamedKey& one, const NamedKey& other) {
  const bool in_order = one.name != other.name ? one.name < other.name : one.key <= other.key;
  const NamedKey& first = in_order ? one : other;
  const NamedKey& second = in_order ? other : one;
  constexpr std::string_view kDomain("UMC1-safety\0", 12);
  const auto hash = sha512({as_bytes(kDomain), first.key.bytes, as_bytes(first.name),
                            second.key.bytes, as_bytes(second.name)});
  constexpr std::size_t kGroups = 12;
  constexpr std::size_t kGroupBytes = 5;
  std::string digits;
  for (std::size_t group = 0; group < kGroups; ++group) {
    std::uint64_t value = 0;
    for (const std::byte byte : Bytes(hash).subspan(group * kGroupBytes, kGroupBytes))
      value = (value << 8) | std::to_integer<std::uint64_t>(byte);
    digits += fmt::format("{:05}", value % 100'000);
  }
  return digits;
}

std::string group_digits(std::string_view digits) { return in_groups(digits, 5, ' '); }

ByteVector signed_request_bytes(const SignedRequest& request) {
  constexpr std::string_view kDomain("UMC1-reg\0", 9);
  ByteVector out;
  ByteWriter write(out);
  write.bytes(as_bytes(kDomain));
  for (const std::string_view part : {request.host, request.method, request.path, request.body}) {
    write.u32(static_cast<std::uint32_t>(part.size()));
    write.bytes(as_bytes(part));
  }
  write.u64(request.serial);
  return out;
}

}  // namespace common
