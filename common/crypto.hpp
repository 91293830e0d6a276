// The cryptographic primitives that the protocols are built from, as plain functions: the only
// place beside peer/sealed/aead.* that knows the library. A core; any thread. Chance comes in as
// arguments.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "common/bytes.hpp"
#include "common/random.hpp"
#include "common/secret.hpp"

namespace common {

/// An X25519 public key (RFC 7748).
struct ExchangeKey {
  std::array<std::byte, 32> bytes{};
  friend auto operator<=>(const ExchangeKey&, const ExchangeKey&) = default;
};

/// An Ed25519 public key (RFC 8032): who somebody is.
struct IdentityKey {
  std::array<std::byte, 32> bytes{};
  friend auto operator<=>(const IdentityKey&, const IdentityKey&) = default;
};

using Signature = std::array<std::byte, 64>;

/// 32 random bytes.
Secret make_secret(Random& random);

/// The public key of any 32 secret bytes.
ExchangeKey exchange_key_of(const Secret& secret);

/// What both sides of an X25519 exchange compute. Nothing when it is all zeros: the other key is
/// one of the few of low order, which would give everybody the same.
[[nodiscard]] std::optional<Secret> x25519(const Secret& own, const ExchangeKey& other);

// Hashes of the parts, one after the other with nothing between.
std::array<std::byte, 32> sha256(std::initializer_list<Bytes> parts);
std::array<std::byte, 64> sha512(std::initializer_list<Bytes> parts);
Secret hmac_sha256(const Secret& key, std::initializer_list<Bytes> parts);
/// BLAKE2b with a key, 16 bytes long.
std::array<std::byte, 16> blake2b_128(std::span<const std::byte, 32> key,
                                      std::initializer_list<Bytes> parts);
/// SipHash-2-4: spreads strangers' input over a table so that they cannot aim.
std::uint64_t siphash(const std::array<std::byte, 16>& key, Bytes bytes);

/// The public key of an Ed25519 seed, and a signature by it; `key` must be the seed's own.
IdentityKey identity_key_of(const Secret& seed);
Signature sign(const Secret& seed, const IdentityKey& key, Bytes message);
/// False, too, for keys of low order and for signatures that are not in their one canonical form.
[[nodiscard]] bool verify(const IdentityKey& key, Bytes message, const Signature& signature);

/// Compares bytes that a stranger should not learn from how long it takes; the sizes are public.
[[nodiscard]] bool is_equal_in_constant_time(Bytes a, Bytes b);

}  // namespace common
