// Which session a datagram belongs to, who gets a session, and whose turn it is to send
// (docs/protocol/sealed-datagram.md, "Timers and limits"). A core: one a process, over one socket.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "peer/sealed/session.hpp"
#include "peer/sealed/trust_gate.hpp"

namespace peer::sealed {

class SessionTable {
 public:
  /// `keys`, `gate` and `random` outlive it.
  SessionTable(SessionKeyRing& keys, TrustGate& gate, common::Random& random, common::TimePoint now,
               bool has_hook);

  /// The session with the process that the certificate's session key belongs to; a new one if there
  /// is none. Null when there are too many that are in use.
  Session* open(common::TimePoint now, const common::Certificate& remote,
                const common::Endpoint& endpoint);
  /// Null if it is gone. Whoever changes it calls touch() afterwards.
  Session* find(SessionId id);
  void touch(SessionId id);
  void handle_certificate(common::TimePoint now, SessionId id, const common::Certificate& remote,
                          const common::Endpoint& endpoint);
  /// Messages that come from now on are not taken: the other side keeps them.
  void stop_taking() { shared_.takes_messages = false; }
  /// Tells every other side that this process ends.
  void close_all();

  void handle_datagram(common::TimePoint now, common::WallTime wall_now,
                       const common::Endpoint& from, common::Bytes datagram);
  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout() const;

  /// One or more datagrams to one endpoint, one behind the other in the caller's buffer, each of
  /// `segment_bytes` but for the last, which may be shorter: what one call with UDP_SEGMENT sends.
  struct Transmit {
    common::Endpoint to;
    std::size_t bytes = 0;
    std::size_t segment_bytes = 0;
  };
  /// `buffer` has room for one datagram of kDatagramBytesMax at least.
  std::optional<Transmit> poll_transmit(common::TimePoint now, std::span<std::byte> buffer);

  const IncomingQueue::Incoming* poll_incoming() { return shared_.incoming.pop(); }
  std::optional<SessionEvent> poll_event();
  /// A stranger whose handshake waits for a person's word: asked once each.
  std::optional<common::Certificate> poll_question();
  /// The word on that name and identity.
  void handle_admission(common::TimePoint now, const common::UserName& name,
                        const common::IdentityKey& identity, Admission admission);

  std::size_t size() const { return sessions_.size(); }
  const SessionShared& shared() const { return shared_; }

  static constexpr std::size_t kRepliesMax = 1024;
  static constexpr std::size_t kWaitingHandshakesMax = 16;

 private:
  struct Entry {
    std::unique_ptr<Session> session;
    std::optional<common::TimePoint> armed;
    bool is_ready = false;
  };
  struct Reply {
    common::Endpoint to;
    common::ByteVector datagram;
  };
  struct Waiting {
    IncomingHandshake handshake;
    common::TimePoint since;
  };

  Session* make(common::TimePoint now, const common::Certificate& remote,
                const common::Endpoint& endpoint, bool can_be_looked_up);
  bool make_room(common::TimePoint now);
  void erase(SessionId id);
  SessionIndex new_index(SessionId id);
  void release_indices();
  void handle_init(common::TimePoint now, common::WallTime wall_now, const common::Endpoint& from,
                   const Init& init);
  void handle_handshake(common::TimePoint now, IncomingHandshake handshake, Admission admission);
  void limit_half_open();
  void reply(const common::Endpoint& to, common::ByteVector datagram);
  Session* find_by_index(SessionIndex index);
  void settle(common::TimePoint now, Entry& entry);
  std::optional<Transmit> poll_session(common::TimePoint now, Session& session,
                                       std::span<std::byte> buffer);

  SessionKeyRing& keys_;
  TrustGate& gate_;
  common::Random& random_;
  HandshakeResponder responder_;
  SessionShared shared_;
  SessionId last_id_ = 0;
  std::unordered_map<SessionId, Entry> sessions_;  // kSessionsMax at most
  std::unordered_map<SessionIndex, SessionId> by_index_;
  std::map<common::ExchangeKey, SessionId> by_key_;
  std::deque<SessionIndex> half_open_;  // oldest first; of some the handshake is complete by now
  std::deque<SessionId> ready_;         // may have something to send
  std::set<std::pair<common::TimePoint, SessionId>> timers_;
  std::deque<Reply> replies_;    // kRepliesMax at most
  std::deque<Waiting> waiting_;  // kWaitingHandshakesMax at most
  std::deque<common::Certificate> questions_;
  common::ByteVector scratch_;
};

}  // namespace peer::sealed
