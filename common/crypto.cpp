#include "common/crypto.hpp"

#include <sodium.h>

namespace common {
namespace {

// Chooses the fast code for this processor; without it the library works, but slowly.
[[maybe_unused]] const bool kIsLibraryReady = sodium_init() >= 0;

const unsigned char* raw(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw_out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

void wipe(std::span<std::byte> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

Secret make_secret(Random& random) {
  Secret secret;
  random.fill(secret.bytes());
  return secret;
}

ExchangeKey exchange_key_of(const Secret& secret) {
  ExchangeKey key;
  ENSURE(crypto_scalarmult_base(raw_out(key.bytes), raw(secret.bytes())) == 0);
  return key;
}

std::optional<Secret> x25519(const Secret& own, const ExchangeKey& other) {
  Secret shared;
  // security: the library refuses the all-zero result.
  if (crypto_scalarmult(raw_out(shared.bytes()), raw(own.bytes()), raw(other.bytes)) != 0)
    return std::nullopt;
  return shared;
}

std::array<std::byte, 32> sha256(std::initializer_list<Bytes> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const Bytes part : parts) crypto_hash_sha256_update(&state, raw(part), part.size());
  std::array<std::byte, 32> hash{};
  crypto_hash_sha256_final(&state, raw_out(hash));
  return hash;
}

std::array<std::byte, 64> sha512(std::initializer_list<Bytes> parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (const Bytes part : parts) crypto_hash_sha512_update(&state, raw(part), part.size());
  std::array<std::byte, 64> hash{};
  crypto_hash_sha512_final(&state, raw_out(hash));
  return hash;
}

Secret hmac_sha256(const Secret& key, std::initializer_list<Bytes> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key.bytes()), Secret::kBytes);
  for (const Bytes part : parts) crypto_auth_hmacsha256_update(&state, raw(part), part.size());
  Secret out;
  crypto_auth_hmacsha256_final(&state, raw_out(out.bytes()));
  sodium_memzero(&state, sizeof state);
  return out;
}

std::array<std::byte, 16> blake2b_128(std::span<const std::byte, 32> key,
                                      std::initializer_list<Bytes> parts) {
  std::array<std::byte, 16> hash{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, raw(key), key.size(), hash.size());
  for (const Bytes part : parts) crypto_generichash_update(&state, raw(part), part.size());
  crypto_generichash_final(&state, raw_out(hash), hash.size());
  sodium_memzero(&state, sizeof state);
  return hash;
}

std::uint64_t siphash(const std::array<std::byte, 16>& key, Bytes bytes) {
  std::array<std::byte, 8> hash{};
  crypto_shorthash(raw_out(hash), raw(bytes), bytes.size(), raw(key));
  std::uint64_t value = 0;
  for (const std::byte byte : hash) value = (value << 8) | std::to_integer<std::uint64_t>(byte);
  return value;
}

IdentityKey identity_key_of(const Secret& seed) {
  IdentityKey key;
  std::array<std::byte, crypto_sign_SECRETKEYBYTES> expanded{};
  crypto_sign_seed_keypair(raw_out(key.bytes), raw_out(expanded), raw(seed.bytes()));
  wipe(expanded);
  return key;
}

Signature sign(const Secret& seed, const IdentityKey& key, Bytes message) {
  // The library's secret key is the seed followed by the public key.
  std::array<std::byte, crypto_sign_SECRETKEYBYTES> secret{};
  std::copy(seed.bytes().begin(), seed.bytes().end(), secret.begin());
  std::copy(key.bytes.begin(), key.bytes.end(), secret.begin() + Secret::kBytes);
  Signature signature{};
  crypto_sign_detached(raw_out(signature), nullptr, raw(message), message.size(), raw(secret));
  wipe(secret);
  return signature;
}

bool verify(const IdentityKey& key, Bytes message, const Signature& signature) {
  return crypto_sign_verify_detached(raw(signature), raw(message), message.size(),
                                     raw(key.bytes)) == 0;
}

bool is_equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace common
