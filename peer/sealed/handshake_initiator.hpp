// One try to open a session with a recipient whose certificate is known: the INIT, what may come
// back for it, and the session keys (docs/protocol/sealed-datagram.md, "Handshake"). When to send
// and when to give up is the caller's. A core.
#pragma once

#include <optional>

#include "common/certificate.hpp"
#include "peer/sealed/datagram_header.hpp"
#include "peer/sealed/noise_ik.hpp"
#include "peer/sealed/session_key_ring.hpp"
#include "peer/sealed/session_keys.hpp"

namespace peer::sealed {

/// Room for frames in an INIT from somebody whose name has this many bytes.
constexpr std::size_t init_frames_bytes_max(std::size_t own_name_bytes) {
  return kDatagramBytesMax - kInitBytesMin - common::kCertificateOverhead - own_name_bytes;
}

class HandshakeInitiator {
 public:
  /// Tokens that one INIT is sent again with; a forger of RETRYs gets no more out of us.
  static constexpr int kRetriesMax = 3;

  /// Makes the INIT. `frames` (of at most init_frames_bytes_max()) travel inside it; `own_index` is
  /// our random number for the session. Nothing if the recipient's session key is of low order.
  static std::optional<HandshakeInitiator> begin(const OwnSessionKey& own,
                                                 const common::Certificate& recipient,
                                                 SessionIndex own_index, common::Bytes frames,
                                                 common::Random& random);

  /// The INIT to send, also to send again: the same bytes until a RETRY brings a token.
  common::Bytes datagram() const { return datagram_; }
  SessionIndex own_index() const { return own_index_; }

  /// True if the RETRY is for this INIT, and datagram() now carries its token: send it at once.
  [[nodiscard]] bool handle_retry(const Retry& retry);

  /// True if the recipient says that it does not have the session key this INIT is for. Not
  /// authenticated: a reason to fetch the certificate again, and nothing else.
  bool is_for_this(const KeyHint& hint) const;

  struct Established {
    SessionKeys keys;
    SessionIndex remote_index;
    common::ByteVector frames;  // what the RESP carried
  };
  /// The session, if the RESP is the recipient's answer to this INIT. A forged one changes nothing.
  /// Gives its keys once: afterwards every RESP is refused.
  std::optional<Established> handle_resp(const Resp& resp);

 private:
  HandshakeInitiator(NoiseInitiator noise, const common::ExchangeKey& recipient,
                     SessionIndex own_index);

  void write_tail(const Token& token);

  NoiseInitiator noise_;
  KeyId recipient_key_;
  Mac1Key mac1_key_;
  SessionIndex own_index_;
  common::ByteVector datagram_;
  int retries_ = 0;
  bool is_established_ = false;
};

}  // namespace peer::sealed
