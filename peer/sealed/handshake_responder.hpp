// The side that INITs come to: what each costs before it is believed, how often, and the answer
// (docs/protocol/sealed-datagram.md, "Handshake"). Checks go from cheap to dear. Whether the
// initiator is who its pin says, and which frames answer it, is the caller's. A core.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "common/certificate.hpp"
#include "common/endpoint.hpp"
#include "peer/sealed/datagram_header.hpp"
#include "peer/sealed/noise_ik.hpp"
#include "peer/sealed/rate_limit.hpp"
#include "peer/sealed/retry_tokens.hpp"
#include "peer/sealed/session_key_ring.hpp"
#include "peer/sealed/session_keys.hpp"

namespace peer::sealed {

/// Why an INIT got no answer.
enum class InitRefusal {
  kUnknownKey,      // for a session key we do not have, and hints enough were sent
  kBadMac1,         // the sender does not know the session key it is for
  kTooMany,         // this source, although its address is proven
  kReplayed,        // accepted before, and no RESP to repeat (to this endpoint)
  kKeyUsedUp,       // the session key has served all its handshakes; a new one is on its way
  kNotForUs,        // Noise refuses it: forged, or meant for another name or identity
  kBadCertificate,  // malformed, wrongly signed, or its name is illegal
  kOtherKey,        // a certificate, but not for the session key that speaks
  kExpired          // more than 24 h after its certificate's end
};

std::string_view to_string(InitRefusal refusal);

/// A believed INIT that waits for its answer. Dropping it refuses it for good: the same INIT stays
/// silent, and the initiator's next try has a new ephemeral key.
class IncomingHandshake {
 public:
  const common::Certificate& initiator() const { return initiator_; }
  /// What the INIT carried behind the certificate. Forward secret only as far as the session key
  /// is, and forgeable by who has it: nothing with an effect beyond showing text may follow from
  /// it.
  common::Bytes frames() const { return common::Bytes(payload_).subspan(frames_at_); }
  SessionIndex remote_index() const { return remote_index_; }
  const common::Endpoint& from() const { return from_; }
  /// Room for frames in the RESP, which is never longer than the INIT.
  std::size_t frames_bytes_max() const { return frames_bytes_max_; }

 private:
  friend class HandshakeResponder;
  IncomingHandshake(NoiseResponder noise, common::Certificate initiator)
      : noise_(std::move(noise)), initiator_(std::move(initiator)) {}

  NoiseResponder noise_;
  common::Certificate initiator_;
  common::ByteVector payload_;
  std::size_t frames_at_ = 0;
  std::size_t frames_bytes_max_ = 0;
  SessionIndex remote_index_ = 0;
  common::Endpoint from_;
  common::ExchangeKey ephemeral_;
  KeyId own_key_{};
};

class HandshakeResponder {
 public:
  /// INITs without a token that are worked on, from everybody and from one source. Beyond, a RETRY
  /// asks for proof of the address.
  static constexpr Rate kAllInits{.per_second = 200, .burst = 200};
  static constexpr Rate kSourceInits{.per_second = 20, .burst = 100};
  /// With a token: the same share for each source, but none for strangers to use up.
  static constexpr Rate kProvenSourceInits{.per_second = 20, .burst = 100};
  static constexpr Rate kAllKeyHints{.per_second = 100, .burst = 100};
  static constexpr Rate kSourceKeyHints{.per_second = 5, .burst = 20};

  /// `keys` and `random` must outlive it.
  HandshakeResponder(SessionKeyRing& keys, common::Random& random, common::TimePoint now);

  /// A datagram to send to where the INIT came from, never longer than it: RETRY, KEYHINT, or the
  /// RESP once more.
  struct Reply {
    common::ByteVector datagram;
  };
  using Result = std::variant<InitRefusal, Reply, IncomingHandshake>;
  Result handle_init(common::TimePoint now, common::WallTime wall_now, const common::Endpoint& from,
                     const Init& init);

  struct Answer {
    common::ByteVector datagram;  // the RESP, for handshake.from()
    SessionKeys keys;
  };
  /// Completes the handshake. `frames` (at most handshake.frames_bytes_max()) travel in the RESP;
  /// `own_index` is our random number for the session. The RESP is kept for repetition.
  Answer answer(common::TimePoint now, IncomingHandshake handshake, SessionIndex own_index,
                common::Bytes frames);

 private:
  /// What stands between an INIT and the costly part; nothing if the way is free.
  std::optional<Result> check_rates(common::TimePoint now, const common::Endpoint& from,
                                    const Init& init);
  Result hint_at_key(common::TimePoint now, const common::Endpoint& from, const Init& init);
  Result read(common::WallTime wall_now, const common::Endpoint& from, const Init& init,
              OwnSessionKey& own);

  SessionKeyRing& keys_;
  common::Random& random_;
  RetryTokens tokens_;
  TokenBucket all_inits_;
  TokenBucket all_hints_;
  SourceBuckets source_inits_;
  SourceBuckets proven_inits_;
  SourceBuckets source_hints_;
};

}  // namespace peer::sealed
