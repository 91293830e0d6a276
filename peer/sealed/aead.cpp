#include "peer/sealed/aead.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "common/check.hpp"

namespace peer::sealed {
namespace {

static_assert(kTagBytes == crypto_aead_chacha20poly1305_ietf_ABYTES);
static_assert(common::Secret::kBytes == crypto_aead_chacha20poly1305_ietf_KEYBYTES);

// Chooses the fast code for this processor; without it the library works, but slowly.
[[maybe_unused]] const bool kIsLibraryReady = sodium_init() >= 0;

using CipherNonce = std::array<unsigned char, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

/// Four zero bytes and the sequence, little-endian: as Noise defines it.
CipherNonce cipher_nonce(std::uint64_t sequence) {
  CipherNonce nonce{};
  for (std::size_t i = 4; i < nonce.size(); ++i) {
    nonce[i] = static_cast<unsigned char>(sequence & 0xff);
    sequence >>= 8;
  }
  return nonce;
}

const unsigned char* raw(common::Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

void seal_with(const common::Secret& key, std::uint64_t nonce, common::Bytes associated,
               common::Bytes plain, std::span<std::byte> out) {
  ENSURE(out.size() == plain.size() + kTagBytes);
  const CipherNonce public_nonce = cipher_nonce(nonce);
  crypto_aead_chacha20poly1305_ietf_encrypt(
      reinterpret_cast<unsigned char*>(out.data()), nullptr, raw(plain), plain.size(),
      raw(associated), associated.size(), nullptr, public_nonce.data(), raw(key.bytes()));
}

bool open_with(const common::Secret& key, std::uint64_t nonce, common::Bytes associated,
               common::Bytes sealed, std::span<std::byte> out) {
  if (sealed.size() < kTagBytes) return false;
  ENSURE(out.size() == sealed.size() - kTagBytes);
  const CipherNonce public_nonce = cipher_nonce(nonce);
  // The tag is verified before anything is written; on failure the library zeroes the output.
  return crypto_aead_chacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(out.data()),
                                                   nullptr, nullptr, raw(sealed), sealed.size(),
                                                   raw(associated), associated.size(),
                                                   public_nonce.data(), raw(key.bytes())) == 0;
}

void seal(const SendKey& key, Nonce nonce, common::Bytes associated, common::Bytes plain,
          std::span<std::byte> out) {
  seal_with(key.key, nonce.sequence(), associated, plain, out);
}

bool open(const ReceiveKey& key, std::uint64_t sequence, common::Bytes associated,
          common::Bytes sealed, std::span<std::byte> out) {
  return open_with(key.key, sequence, associated, sealed, out);
}

}  // namespace peer::sealed
