#include "peer/sealed/noise_ik.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/byte_codec.hpp"
#include "peer/sealed/aead.hpp"

namespace peer::sealed {
namespace {

using common::Bytes;
using common::ByteVector;
using common::ExchangeKey;
using common::Secret;

// Exactly 32 bytes, so that it is the first hash as it stands.
constexpr std::string_view kProtocolName = "Noise_IK_25519_ChaChaPoly_SHA256";
static_assert(kProtocolName.size() == 32);

constexpr std::size_t kKeyBytes = 32;

/// HKDF of Noise with two outputs.
std::pair<Secret, Secret> hkdf(const Secret& chaining_key, Bytes input) {
  const Secret temporary = common::hmac_sha256(chaining_key, {input});
  const std::byte one[] = {std::byte{1}};
  const std::byte two[] = {std::byte{2}};
  Secret first = common::hmac_sha256(temporary, {one});
  Secret second = common::hmac_sha256(temporary, {first.bytes(), two});
  return {std::move(first), std::move(second)};
}

/// MixKey(DH(own, other)); false when that is all zeros.
[[nodiscard]] bool mix_dh(SymmetricState& symmetric, const Secret& own, const ExchangeKey& other) {
  const auto shared = common::x25519(own, other);
  if (!shared) return false;
  symmetric.mix_key(*shared);
  return true;
}

}  // namespace

NoiseKeyPair NoiseKeyPair::of(Secret secret) {
  const ExchangeKey key = common::exchange_key_of(secret);
  return {std::move(secret), key};
}

SymmetricState::SymmetricState(Bytes prologue) {
  const Bytes name = common::as_bytes(kProtocolName);
  std::copy(name.begin(), name.end(), hash_.begin());
  chaining_key_ = Secret(hash_);
  mix_hash(prologue);
}

SymmetricState SymmetricState::clone() const {
  SymmetricState copy;
  copy.hash_ = hash_;
  copy.chaining_key_ = chaining_key_.clone();
  copy.key_ = key_.clone();
  copy.nonce_ = nonce_;
  return copy;
}

void SymmetricState::mix_hash(Bytes data) { hash_ = common::sha256({hash_, data}); }

void SymmetricState::mix_key(const Secret& input) {
  std::tie(chaining_key_, key_) = hkdf(chaining_key_, input.bytes());
  nonce_ = 0;
}

void SymmetricState::encrypt_and_hash(Bytes plain, std::span<std::byte> out) {
  seal_with(key_, nonce_++, hash_, plain, out);
  mix_hash(out);
}

bool SymmetricState::decrypt_and_hash(Bytes sealed, std::span<std::byte> out) {
  if (!open_with(key_, nonce_, hash_, sealed, out)) return false;
  ++nonce_;
  mix_hash(sealed);
  return true;
}

NoiseTransport SymmetricState::split() const {
  auto [from_initiator, from_responder] = hkdf(chaining_key_, {});
  return {std::move(from_initiator), std::move(from_responder), hash_};
}

ExchangeKey ephemeral_of(Bytes message_1) {
  return {common::ByteReader(message_1).array<kKeyBytes>()};
}

// IK:
//   <- s
//   ...
//   -> e, es, s, ss
//   <- e, ee, se

NoiseInitiator::NoiseInitiator(const NoiseKeyPair& own, const ExchangeKey& remote,
                               NoiseKeyPair ephemeral, Bytes prologue)
    : symmetric_(prologue), own_(own.clone()), remote_(remote), ephemeral_(std::move(ephemeral)) {
  symmetric_.mix_hash(remote_.bytes);
}

bool NoiseInitiator::write_message_1(Bytes payload, std::span<std::byte> out) {
  ENSURE(out.size() == kKeyBytes + kKeyBytes + kTagBytes + payload.size() + kTagBytes);
  std::copy(ephemeral_.key.bytes.begin(), ephemeral_.key.bytes.end(), out.begin());
  symmetric_.mix_hash(ephemeral_.key.bytes);
  if (!mix_dh(symmetric_, ephemeral_.secret, remote_)) return false;
  symmetric_.encrypt_and_hash(own_.key.bytes, out.subspan(kKeyBytes, kKeyBytes + kTagBytes));
  if (!mix_dh(symmetric_, own_.secret, remote_)) return false;
  symmetric_.encrypt_and_hash(payload, out.subspan(2 * kKeyBytes + kTagBytes));
  return true;
}

std::optional<NoiseInitiator::Message2> NoiseInitiator::read_message_2(Bytes message) const {
  if (message.size() < kKeyBytes + kTagBytes) return std::nullopt;
  SymmetricState symmetric = symmetric_.clone();
  const ExchangeKey ephemeral = ephemeral_of(message);
  symmetric.mix_hash(ephemeral.bytes);
  if (!mix_dh(symmetric, ephemeral_.secret, ephemeral)) return std::nullopt;
  if (!mix_dh(symmetric, own_.secret, ephemeral)) return std::nullopt;
  ByteVector payload(message.size() - kKeyBytes - kTagBytes);
  if (!symmetric.decrypt_and_hash(message.subspan(kKeyBytes), payload)) return std::nullopt;
  return Message2{std::move(payload), symmetric.split()};
}

std::optional<NoiseResponder::Message1> NoiseResponder::read_message_1(const NoiseKeyPair& own,
                                                                       Bytes prologue,
                                                                       Bytes message) {
  constexpr std::size_t kStaticBytes = kKeyBytes + kTagBytes;
  if (message.size() < kKeyBytes + kStaticBytes + kTagBytes) return std::nullopt;
  SymmetricState symmetric(prologue);
  symmetric.mix_hash(own.key.bytes);
  const ExchangeKey ephemeral = ephemeral_of(message);
  symmetric.mix_hash(ephemeral.bytes);
  if (!mix_dh(symmetric, own.secret, ephemeral)) return std::nullopt;
  ExchangeKey remote;
  if (!symmetric.decrypt_and_hash(message.subspan(kKeyBytes, kStaticBytes), remote.bytes))
    return std::nullopt;
  if (!mix_dh(symmetric, own.secret, remote)) return std::nullopt;
  const Bytes sealed = message.subspan(kKeyBytes + kStaticBytes);
  ByteVector payload(sealed.size() - kTagBytes);
  if (!symmetric.decrypt_and_hash(sealed, payload)) return std::nullopt;
  return Message1{ephemeral, remote, std::move(payload),
                  NoiseResponder(std::move(symmetric), ephemeral, remote)};
}

NoiseTransport NoiseResponder::write_message_2(const NoiseKeyPair& ephemeral, Bytes payload,
                                               std::span<std::byte> out) && {
  ENSURE(out.size() == kKeyBytes + payload.size() + kTagBytes);
  std::copy(ephemeral.key.bytes.begin(), ephemeral.key.bytes.end(), out.begin());
  symmetric_.mix_hash(ephemeral.key.bytes);
  // Both keys gave a shared secret in message 1 already, so neither is of low order.
  ENSURE(mix_dh(symmetric_, ephemeral.secret, remote_ephemeral_));
  ENSURE(mix_dh(symmetric_, ephemeral.secret, remote_));
  symmetric_.encrypt_and_hash(payload, out.subspan(kKeyBytes));
  return symmetric_.split();
}

}  // namespace peer::sealed
