// A process's session keys: the current one, which its certificate names and which it initiates
// with, and the one before, which others may still use. They live in memory only and are wiped when
// their time is over (docs/protocol/sealed-datagram.md, "Session keys"). A core.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "common/certificate.hpp"
#include "common/identity.hpp"
#include "common/time.hpp"
#include "peer/sealed/ephemeral_cache.hpp"
#include "peer/sealed/handshake_bytes.hpp"
#include "peer/sealed/noise_ik.hpp"

namespace peer::sealed {

/// A session key pair with what belongs to it.
struct OwnSessionKey {
  NoiseKeyPair pair;
  KeyId id;
  Mac1Key mac1_key;
  common::ByteVector certificate;  // by our identity, for our name
  std::uint64_t serial;            // the certificate's
  EphemeralCache ephemerals;       // of the INITs this key accepted
};

class SessionKeyRing {
 public:
  /// How long a key is the current one, and then the previous one.
  static constexpr std::chrono::minutes kCurrentLifetime{60};
  static constexpr std::chrono::minutes kPreviousLifetime{60};
  /// A key that has served as many handshakes as it may is replaced early, but not before this.
  static constexpr std::chrono::minutes kEarlyRotationMin{1};

  /// Makes the first key. `last_serial` is the highest serial this identity ever used, 0 for none;
  /// `random` must outlive the ring.
  SessionKeyRing(common::Identity identity, common::UserName name, std::uint64_t last_serial,
                 common::Random& random, common::TimePoint now, common::WallTime wall_now);

  const common::Identity& identity() const { return identity_; }
  const common::UserName& name() const { return name_; }
  const OwnSessionKey& current() const { return *current_; }

  /// The current or the previous key, whichever has this id; null for neither. Valid until the next
  /// handle_timeout().
  OwnSessionKey* find(const KeyId& id);

  /// Asks for a new key as soon as one may be made: the current one takes no more handshakes.
  void want_rotation() { is_rotation_wanted_ = true; }

  /// Rotates and wipes what is due. True if the current key is another now: its certificate is to
  /// be registered, and its serial to be kept on disk, before anybody can use it.
  bool handle_timeout(common::TimePoint now, common::WallTime wall_now);
  common::TimePoint next_timeout() const;

  /// The next serial of this identity, for a request to a registry: max(unix ms, last + 1).
  std::uint64_t take_serial(common::WallTime wall_now);

 private:
  void make_current(common::TimePoint now, common::WallTime wall_now);

  common::Identity identity_;
  common::UserName name_;
  common::Random& random_;
  std::uint64_t last_serial_;
  // On the heap each, so that a key is in one place for its whole life.
  std::unique_ptr<OwnSessionKey> current_;
  std::unique_ptr<OwnSessionKey> previous_;
  common::TimePoint made_at_;
  common::TimePoint previous_until_;
  bool is_rotation_wanted_ = false;
};

}  // namespace peer::sealed
