// What a completed handshake leaves: one key to send with and one to receive with, each with the
// rule that keeps it safe built into its type. A core; a session owns its keys alone.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "common/secret.hpp"

namespace peer::sealed {

/// Sequences run from 0 to this bound, which is never reached: a session is replaced long before
/// (docs/protocol/sealed-datagram.md, "Timers and limits"), and a receiver refuses what lies
/// beyond.
inline constexpr std::uint64_t kSequenceEnd = std::uint64_t{1} << 60;

/// One sequence that has not sealed anything yet. Only a NonceCounter makes it, and sealing uses it
/// up, so that no sequence can be used twice under one key.
class Nonce {
 public:
  Nonce(const Nonce&) = delete;
  Nonce& operator=(const Nonce&) = delete;
  Nonce(Nonce&&) = default;
  Nonce& operator=(Nonce&&) = default;

  std::uint64_t sequence() const { return sequence_; }

 private:
  friend class NonceCounter;
  explicit Nonce(std::uint64_t sequence) : sequence_(sequence) {}

  std::uint64_t sequence_;
};

/// Counts one key's nonces. Not copyable: two counters over a key would repeat a nonce. A counter
/// that was moved from has no nonce left.
class NonceCounter {
 public:
  NonceCounter() = default;
  NonceCounter(const NonceCounter&) = delete;
  NonceCounter& operator=(const NonceCounter&) = delete;
  NonceCounter(NonceCounter&& other) noexcept : used_(std::exchange(other.used_, kSequenceEnd)) {}
  NonceCounter& operator=(NonceCounter&& other) noexcept {
    if (this != &other) used_ = std::exchange(other.used_, kSequenceEnd);
    return *this;
  }

  /// The next unused nonce, or nothing once the key must be replaced.
  [[nodiscard]] std::optional<Nonce> next() {
    if (used_ >= kSequenceEnd) return std::nullopt;
    return Nonce(used_++);
  }

  /// How many nonces were given out; also the sequence that comes next.
  std::uint64_t used() const { return used_; }

 private:
  std::uint64_t used_ = 0;
};

/// The key for datagrams we seal, together with the only counter over it.
struct SendKey {
  common::Secret key;
  NonceCounter nonces;
};

/// The key for datagrams we open. Which sequences were seen is the replay window's business.
struct ReceiveKey {
  common::Secret key;
};

/// Both directions of one session. Movable, so that a handshake can hand them over; never copied.
struct SessionKeys {
  SendKey send;
  ReceiveKey receive;
};

}  // namespace peer::sealed
