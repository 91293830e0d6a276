// One other process, and all that is said with it: joins keys, order, acknowledgements,
// retransmission, congestion and path (docs/protocol/sealed-datagram.md, "Delivery"). A core,
// driven by the session table, which knows all sessions and hands out their indices.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/certificate.hpp"
#include "peer/sealed/congestion.hpp"
#include "peer/sealed/epoch.hpp"
#include "peer/sealed/handshake_initiator.hpp"
#include "peer/sealed/handshake_responder.hpp"
#include "peer/sealed/outbox.hpp"
#include "peer/sealed/path.hpp"
#include "peer/sealed/rtt_estimator.hpp"
#include "peer/sealed/session_shared.hpp"

namespace peer::sealed {

class Session {
 public:
  /// `shared` outlives the session. Whoever cannot be looked up (he called us) is not asked for.
  Session(SessionId id, SessionShared& shared, common::Certificate remote,
          const common::Endpoint& endpoint, bool can_be_looked_up);

  SessionId id() const { return id_; }
  const common::Certificate& remote() const { return remote_; }
  const common::Endpoint& endpoint() const { return path_.endpoint(); }
  /// He who called us is called by us now: a directory knows where he is. security: where his INIT
  /// came from proves nothing, and anybody can have repeated it.
  void adopt(const common::Endpoint& endpoint) {
    can_be_looked_up_ = true;
    if (!path_.is_proven() && !path_.next_timeout()) path_.restart(endpoint);
  }

  /// False when the queue is full.
  [[nodiscard]] bool try_send(const Outbox::NewMessage& message);
  /// Ends all that is unfinished.
  void give_up(Fate fate);
  /// What a directory says of him now. Another session key is another process, or an older one's
  /// next key: everything unfinished is sent again. The same: we try anew.
  void handle_certificate(common::TimePoint now, common::Certificate remote,
                          const common::Endpoint& endpoint);
  /// Tells the other side, once, and is closed then.
  void close(CloseReason reason);

  /// There is something to say, and no keys to say it under: give it an index for a handshake.
  bool wants_handshake(common::TimePoint now) const;
  void begin_handshake(common::TimePoint now, const OwnSessionKey& own, SessionIndex index);

  // What came. `index` is ours; the datagram is for this session by that alone.
  void handle_resp(common::TimePoint now, const common::Endpoint& from, const Resp& resp);
  void handle_retry(common::TimePoint now, const Retry& retry);
  void handle_key_hint(common::TimePoint now, const KeyHint& hint);
  /// `scratch` has room for the opened text.
  void handle_data(common::TimePoint now, const common::Endpoint& from, const Data& data,
                   std::span<std::byte> scratch);
  /// The RESP for an INIT that was believed, or nothing if its frames make no sense. `reason`
  /// refuses him inside the handshake.
  std::optional<common::ByteVector> accept(common::TimePoint now, HandshakeResponder& responder,
                                           IncomingHandshake handshake, SessionIndex index,
                                           std::optional<CloseReason> reason);

  /// A handshake that was not completed makes room for others.
  void drop_half_open(SessionIndex index);
  /// Everything that has an index.
  void forget_keys();

  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout(common::TimePoint now) const;

  struct Sent {
    common::Endpoint to;
    std::size_t bytes = 0;
    bool is_data = false;  // several may leave in one call if they have one size
  };
  /// Writes the next datagram into `out`, if there is one that fits.
  std::optional<Sent> poll_transmit(common::TimePoint now, std::span<std::byte> out);

  /// Nothing unfinished: may be forgotten without loss.
  bool is_idle() const { return outbox_.is_idle(); }
  bool has_spoken() const { return outbox_.has_spoken(); }
  bool has_keys() const { return !epochs_.empty() || handshake_.has_value(); }
  bool is_closed() const { return is_closed_; }
  std::size_t half_open_count() const;
  common::TimePoint used_at() const { return used_at_; }

  // For tests and measurements.
  Outbox& outbox() { return outbox_; }
  const Congestion& congestion() const { return congestion_; }
  const RttEstimator& rtt() const { return rtt_; }
  const Path& path() const { return path_; }
  std::size_t epoch_count() const { return epochs_.size(); }
  std::size_t held_bytes() const;

 private:
  /// An INIT of ours on its way.
  struct Handshake {
    HandshakeInitiator initiator;
    Carried carried;
    common::TimePoint begun;
    common::TimePoint next_try;
    common::TimePoint sent_at{};
    common::Duration pause = kRtoInitial;  // until the next try but one
    int tries = 0;
    bool is_repair = false;    // older keys have ended, or brought no answer
    bool is_doubtful = false;  // the certificate: by a KEYHINT, or by silence
  };

  Epoch* current(common::TimePoint now);
  const Epoch* current(common::TimePoint now) const {
    return const_cast<Session*>(this)->current(now);
  }
  Epoch* find(SessionIndex own_index);
  void add_epoch(std::unique_ptr<Epoch> epoch);
  void drop_epochs();
  void drop_handshake();
  bool needs_answer() const;
  void restart_rto(common::TimePoint now);
  common::Duration patience() const;
  void ask_for_certificate(common::TimePoint now);
  bool is_lookup_wanted() const;
  bool is_silent(common::TimePoint now) const;

  void confirm(common::TimePoint now, const common::Endpoint& from, Epoch& epoch);
  bool handle_frames(common::TimePoint now, Epoch& epoch, const Frames& frames);
  bool handle_ack(common::TimePoint now, Epoch& epoch, const Ack& ack);
  bool handle_delivered(common::TimePoint now, const Delivered& delivered);
  bool handle_stream(common::TimePoint now, Epoch& epoch, const Frames& frames, bool is_early);
  void handle_close(common::TimePoint now, CloseReason reason);
  static bool is_plain_text(const Frames& frames);
  void handle_lost(common::TimePoint now, const SentDatagram& sent);
  void handle_silence(common::TimePoint now);
  void finish(common::TimePoint now, const Outbox::Finished& finished, Fate fate);

  std::optional<Sent> write_init(common::TimePoint now, std::span<std::byte> out);
  bool has_something_for(common::TimePoint now, const Epoch& epoch, bool is_current);
  std::optional<Sent> write_data(common::TimePoint now, Epoch& epoch, bool is_current,
                                 std::span<std::byte> out);
  Carried write_frames(common::TimePoint now, Epoch& epoch, bool is_current, SpanWriter& out,
                       bool& is_awaited);

  SessionId id_;
  SessionShared& shared_;
  common::Certificate remote_;
  bool can_be_looked_up_;
  bool is_closed_ = false;
  common::TimePoint used_at_{};

  // Newest last; of the confirmed ones the last is the current.
  std::vector<std::unique_ptr<Epoch>> epochs_;
  std::optional<Handshake> handshake_;
  common::TimePoint next_lookup_{};

  Outbox outbox_;
  Path path_;
  RttEstimator rtt_;
  Congestion congestion_;

  std::optional<common::TimePoint> rto_at_;
  int silent_timeouts_ = 0;           // in a row
  common::TimePoint silent_since_{};  // the first of them
  bool is_handshake_forced_ = false;
  int probes_ = 0;  // in a row that brought nothing forward
  bool is_probe_due_ = false;
  std::optional<PathToken> response_due_;
  std::optional<CloseReason> close_due_;
};

}  // namespace peer::sealed
