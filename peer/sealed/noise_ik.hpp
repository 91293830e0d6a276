// Noise_IK_25519_ChaChaPoly_SHA256, unmodified: revision 34 of
// https://noiseprotocol.org/noise.html, whose words are used here. Bytes in, bytes out; what the
// payloads mean is handshake.hpp's. A core.
#pragma once

#include <optional>
#include <span>

#include "common/bytes.hpp"
#include "common/crypto.hpp"

namespace peer::sealed {

/// An X25519 pair: a Noise static or ephemeral key.
struct NoiseKeyPair {
  common::Secret secret;
  common::ExchangeKey key;

  static NoiseKeyPair of(common::Secret secret);
  NoiseKeyPair clone() const { return {secret.clone(), key}; }
};

/// The two keys that Split() gives, in the order in which the initiator and the responder send.
struct NoiseTransport {
  common::Secret from_initiator;
  common::Secret from_responder;
  std::array<std::byte, 32> handshake_hash;
};

/// Noise's SymmetricState with the CipherState in it. Not copyable by accident: it holds keys.
class SymmetricState {
 public:
  explicit SymmetricState(common::Bytes prologue);
  SymmetricState clone() const;

  void mix_hash(common::Bytes data);
  void mix_key(const common::Secret& input);
  /// `out` has plain.size() + 16 bytes.
  void encrypt_and_hash(common::Bytes plain, std::span<std::byte> out);
  /// `out` has sealed.size() - 16 bytes. False: nothing changed.
  [[nodiscard]] bool decrypt_and_hash(common::Bytes sealed, std::span<std::byte> out);
  NoiseTransport split() const;

 private:
  SymmetricState() = default;

  std::array<std::byte, 32> hash_{};
  common::Secret chaining_key_;
  common::Secret key_;
  std::uint64_t nonce_ = 0;
};

/// The side that knows the other's static key and speaks first.
class NoiseInitiator {
 public:
  NoiseInitiator(const NoiseKeyPair& own, const common::ExchangeKey& remote, NoiseKeyPair ephemeral,
                 common::Bytes prologue);

  /// Writes message 1 into `out`, which has payload.size() + 96 bytes. False if the other side's
  /// key is of low order; the handshake is then over. Once only.
  [[nodiscard]] bool write_message_1(common::Bytes payload, std::span<std::byte> out);

  struct Message2 {
    common::ByteVector payload;
    NoiseTransport transport;
  };
  /// Reads the answer. Nothing if it was not made by the owner of the remote static key for this
  /// message 1; another may still come, since a forged one changes nothing.
  std::optional<Message2> read_message_2(common::Bytes message) const;

 private:
  SymmetricState symmetric_;
  NoiseKeyPair own_;
  common::ExchangeKey remote_;
  NoiseKeyPair ephemeral_;
};

/// The side that is spoken to. Only a message 1 that verified makes one.
class NoiseResponder {
 public:
  struct Message1;
  /// Reads message 1. Nothing if it is too short, not for this key and prologue, or holds a key of
  /// low order.
  static std::optional<Message1> read_message_1(const NoiseKeyPair& own, common::Bytes prologue,
                                                common::Bytes message);

  /// Writes message 2 into `out`, which has payload.size() + 48 bytes, and gives the keys. Once
  /// only.
  NoiseTransport write_message_2(const NoiseKeyPair& ephemeral, common::Bytes payload,
                                 std::span<std::byte> out) &&;

 private:
  NoiseResponder(SymmetricState symmetric, const common::ExchangeKey& remote_ephemeral,
                 const common::ExchangeKey& remote)
      : symmetric_(std::move(symmetric)), remote_ephemeral_(remote_ephemeral), remote_(remote) {}

  SymmetricState symmetric_;
  common::ExchangeKey remote_ephemeral_;
  common::ExchangeKey remote_;
};

struct NoiseResponder::Message1 {
  common::ExchangeKey remote_ephemeral;
  common::ExchangeKey remote_static;
  common::ByteVector payload;
  NoiseResponder responder;
};

/// The ephemeral key that a message 1 begins with, still unauthenticated; the message has 32 bytes.
common::ExchangeKey ephemeral_of(common::Bytes message_1);

}  // namespace peer::sealed
