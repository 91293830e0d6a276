// Who somebody is: an Ed25519 key that signs session certificates and requests to a registry, and
// the forms in which people see and compare it (docs/protocol/sealed-datagram.md, "Identity"). A
// core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/crypto.hpp"

namespace common {

/// A key pair made from a 32-byte seed, which is all that a file keeps of it.
class Identity {
 public:
  static Identity from_seed(const Secret& seed) { return Identity(seed.clone()); }
  static Identity make(Random& random) { return Identity(make_secret(random)); }

  const IdentityKey& key() const { return key_; }
  const Secret& seed() const { return seed_; }
  Signature sign(Bytes message) const { return common::sign(seed_, key_, message); }
  Identity clone() const { return from_seed(seed_); }

 private:
  explicit Identity(Secret seed) : seed_(std::move(seed)), key_(identity_key_of(seed_)) {}

  Secret seed_;
  IdentityKey key_;
};

/// What a person types or reads to name a key: 32 characters of small base32 in eight groups of
/// four, joined by "-"; the first 20 bytes of the key's SHA-256.
std::string format_fingerprint(const IdentityKey& key);

/// True if `text` is the key's fingerprint, in capitals or not, with its dashes or without.
bool is_fingerprint_of(const IdentityKey& key, std::string_view text);

/// 32 bytes as 44 characters of base64 with padding: how a key stands in files.
std::string format_identity_key(const IdentityKey& key);
/// The only text that format_identity_key writes for a key; nothing for any other.
std::optional<IdentityKey> parse_identity_key(std::string_view text);

/// A key and the name it goes by.
struct NamedKey {
  const IdentityKey& key;
  std::string_view name;
};

/// 60 digits that are the same on both sides if nobody stands between them; the order of the two
/// does not matter. Without blanks: group_digits() spreads them for reading.
std::string safety_number(const NamedKey& one, const NamedKey& other);

/// "12345 67890 …": five digits a group.
std::string group_digits(std::string_view digits);

/// What of a request to a registry is signed.
struct SignedRequest {
  std::string_view host;    // the Host header's value as sent
  std::string_view method;  // "POST"
  std::string_view path;    // the request target as sent
  std::string_view body;
  std::uint64_t serial = 0;  // unix ms, above every earlier one of this key
};

/// The bytes to sign: bound to the registry by its host, so that no registry can repeat the request
/// at another.
ByteVector signed_request_bytes(const SignedRequest& request);

}  // namespace common
