#include "peer/sealed/session_table.hpp"

#include <algorithm>

#include "common/check.hpp"
#include "common/limits.hpp"

namespace peer::sealed {

using common::TimePoint;

namespace {

/// Timers fire no sooner than this after a session was looked at: whatever a session may ask for,
/// it keeps nobody busy.
constexpr common::Duration kTimerPauseMin = std::chrono::milliseconds(1);

}  // namespace

SessionTable::SessionTable(SessionKeyRing& keys, TrustGate& gate, common::Random& random,
                           TimePoint now, bool has_hook)
    : keys_(keys),
      gate_(gate),
      random_(random),
      responder_(keys, random, now),
      shared_(random),
      scratch_(common::kUdpPayloadBytesMax) {
  shared_.has_hook = has_hook;
}

Session* SessionTable::open(TimePoint now, const common::Certificate& remote,
                            const common::Endpoint& endpoint) {
  if (const auto it = by_key_.find(remote.session); it != by_key_.end()) {
    Session& session = *sessions_.at(it->second).session;
    if (session.remote().identity == remote.identity && !session.is_closed()) {
      session.adopt(endpoint);
      return &session;
    }
  }
  return make(now, remote, endpoint, true);
}

Session* SessionTable::make(TimePoint now, const common::Certificate& remote,
                            const common::Endpoint& endpoint, bool can_be_looked_up) {
  if (!make_room(now)) return nullptr;
  const SessionId id = ++last_id_;
  Entry& entry = sessions_[id];
  entry.session = std::make_unique<Session>(id, shared_, remote, endpoint, can_be_looked_up);
  by_key_[remote.session] = id;
  return entry.session.get();
}

// At the bound the idle session that was used longest ago goes; with none idle nobody new comes.
bool SessionTable::make_room(TimePoint now) {
  static_cast<void>(now);
  if (sessions_.size() < kSessionsMax) return true;
  const Session* oldest = nullptr;
  for (const auto& [id, entry] : sessions_) {
    const Session& session = *entry.session;
    if (!session.is_idle()) continue;
    const bool is_older = oldest == nullptr || session.used_at() < oldest->used_at() ||
                          (session.used_at() == oldest->used_at() && id < oldest->id());
    if (is_older) oldest = &session;
  }
  if (oldest == nullptr) {
    shared_.drop(DropReason::kFull);
    return false;
  }
  erase(oldest->id());
  return true;
}

void SessionTable::erase(SessionId id) {
  const auto it = sessions_.find(id);
  Session& session = *it->second.session;
  session.forget_keys();
  if (const auto by_key = by_key_.find(session.remote().session);
      by_key != by_key_.end() && by_key->second == id)
    by_key_.erase(by_key);
  if (it->second.armed) timers_.erase({*it->second.armed, id});
  sessions_.erase(it);
  release_indices();
}

Session* SessionTable::find(SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.session.get();
}

void SessionTable::touch(SessionId id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || it->second.is_ready) return;
  it->second.is_ready = true;
  ready_.push_back(id);
}

void SessionTable::handle_certificate(TimePoint now, SessionId id,
                                      const common::Certificate& remote,
                                      const common::Endpoint& endpoint) {
  Session* session = find(id);
  if (session == nullptr) return;
  if (session->remote().session != remote.session) {
    const auto old = by_key_.find(session->remote().session);
    if (old != by_key_.end() && old->second == id) by_key_.erase(old);
    by_key_.try_emplace(remote.session, id);
  }
  session->handle_certificate(now, remote, endpoint);
  touch(id);
}

void SessionTable::close_all() {
  for (const auto& [id, entry] : sessions_) entry.session->close(CloseReason::kLeaving);
  std::vector<SessionId> ids;
  for (const auto& [id, entry] : sessions_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());  // an order that does not depend on the table's
  for (const SessionId id : ids) touch(id);
}

SessionIndex SessionTable::new_index(SessionId id) {
  for (;;) {
    const auto index = static_cast<SessionIndex>(random_.u64());
    if (index != 0 && by_index_.try_emplace(index, id).second) return index;
  }
}

void SessionTable::release_indices() {
  for (const SessionIndex index : shared_.released) by_index_.erase(index);
  shared_.released.clear();
}

Session* SessionTable::find_by_index(SessionIndex index) {
  const auto it = by_index_.find(index);
  return it == by_index_.end() ? nullptr : find(it->second);
}

void SessionTable::handle_datagram(TimePoint now, common::WallTime wall_now,
                                   const common::Endpoint& from, common::Bytes bytes) {
  const auto datagram = decode_datagram(bytes);
  if (!datagram) return shared_.drop(DropReason::kBadHeader);
  if (const auto* init = std::get_if<Init>(&*datagram))
    return handle_init(now, wall_now, from, *init);

  const auto index = std::visit(
      [](const auto& each) -> SessionIndex {
        if constexpr (requires { each.receiver_index; }) return each.receiver_index;
        return 0;
      },
      *datagram);
  Session* session = find_by_index(index);
  if (session == nullptr) return shared_.drop(DropReason::kUnknownSession);
  if (const auto* data = std::get_if<Data>(&*datagram)) {
    session->handle_data(now, from, *data, scratch_);
  } else if (const auto* resp = std::get_if<Resp>(&*datagram)) {
    session->handle_resp(now, from, *resp);
  } else if (const auto* retry = std::get_if<Retry>(&*datagram)) {
    session->handle_retry(now, *retry);
  } else if (const auto* hint = std::get_if<KeyHint>(&*datagram)) {
    session->handle_key_hint(now, *hint);
  }
  release_indices();
  touch(session->id());
}

void SessionTable::handle_init(TimePoint now, common::WallTime wall_now,
                               const common::Endpoint& from, const Init& init) {
  auto result = responder_.handle_init(now, wall_now, from, init);
  if (std::holds_alternative<InitRefusal>(result)) return shared_.drop(DropReason::kRefusedInit);
  if (auto* answer = std::get_if<HandshakeResponder::Reply>(&result))
    return reply(from, std::move(answer->datagram));
  auto handshake = std::get<IncomingHandshake>(std::move(result));
  const Admission admission = gate_.admit(handshake.initiator(), false);
  handle_handshake(now, std::move(handshake), admission);
}

void SessionTable::handle_handshake(TimePoint now, IncomingHandshake handshake,
                                    Admission admission) {
  const common::Endpoint from = handshake.from();
  const common::Certificate initiator = handshake.initiator();
  if (admission == Admission::kAsk) {
    const bool is_asked = std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& each) {
      return each.handshake.initiator().identity == initiator.identity;
    });
    if (waiting_.size() == kWaitingHandshakesMax) waiting_.pop_front();
    waiting_.push_back({std::move(handshake), now});
    if (!is_asked && questions_.size() < kWaitingHandshakesMax) questions_.push_back(initiator);
    return;
  }
  if (admission != Admission::kYes) {
    // security: told inside the handshake, so that only the one who asked learns it.
    Session refuser(0, shared_, initiator, from, false);
    auto resp = refuser.accept(
        now, responder_, std::move(handshake), 1,
        admission == Admission::kKeyChanged ? CloseReason::kKeyChanged : CloseReason::kNotTrusted);
    if (resp) reply(from, *std::move(resp));
    return;
  }
  const auto known = by_key_.find(initiator.session);
  Session* session = known == by_key_.end() ? nullptr : find(known->second);
  // security: a certificate of another identity for the same session key is another peer's claim.
  if (session != nullptr &&
      (session->remote().identity != initiator.identity || session->is_closed()))
    session = nullptr;
  if (session == nullptr) session = make(now, initiator, from, false);
  if (session == nullptr) return;
  const SessionIndex index = new_index(session->id());
  auto resp = session->accept(now, responder_, std::move(handshake), index, std::nullopt);
  if (!resp) {
    by_index_.erase(index);
  } else {
    reply(from, *std::move(resp));
    half_open_.push_back(index);
    limit_half_open();
  }
  release_indices();
  touch(session->id());
}

void SessionTable::limit_half_open() {
  while (half_open_.size() > kHalfOpenMax) {
    const SessionIndex index = half_open_.front();
    half_open_.pop_front();
    if (Session* session = find_by_index(index)) session->drop_half_open(index);
  }
}

void SessionTable::reply(const common::Endpoint& to, common::ByteVector datagram) {
  if (replies_.size() < kRepliesMax) replies_.push_back({to, std::move(datagram)});
}

std::optional<common::Certificate> SessionTable::poll_question() {
  if (questions_.empty()) return std::nullopt;
  common::Certificate question = std::move(questions_.front());
  questions_.pop_front();
  return question;
}

void SessionTable::handle_admission(TimePoint now, const common::UserName& name,
                                    const common::IdentityKey& identity, Admission admission) {
  if (admission == Admission::kAsk) return;
  std::deque<Waiting> waiting = std::exchange(waiting_, {});
  for (Waiting& each : waiting) {
    const common::Certificate& initiator = each.handshake.initiator();
    if (!(initiator.name == name) || initiator.identity != identity) {
      waiting_.push_back(std::move(each));
    } else if (now < each.since + kHalfOpenTime) {
      handle_handshake(now, std::move(each.handshake), admission);
    }
  }
  if (admission == Admission::kYes) return;
  // One who was let in before it was known whose the name is.
  const CloseReason reason =
      admission == Admission::kKeyChanged ? CloseReason::kKeyChanged : CloseReason::kNotTrusted;
  std::vector<SessionId> refused;
  for (const auto& [id, entry] : sessions_) {
    const common::Certificate& remote = entry.session->remote();
    if (remote.identity == identity && remote.name == name) refused.push_back(id);
  }
  std::sort(refused.begin(), refused.end());  // an order that does not depend on the table's
  for (const SessionId id : refused) {
    sessions_.at(id).session->close(reason);
    touch(id);
  }
}

std::optional<SessionEvent> SessionTable::poll_event() {
  if (shared_.events.empty()) return std::nullopt;
  const SessionEvent event = shared_.events.front();
  shared_.events.pop_front();
  return event;
}

void SessionTable::handle_timeout(TimePoint now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const SessionId id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    Entry& entry = sessions_.at(id);
    entry.armed.reset();
    entry.session->handle_timeout(now);
    touch(id);
  }
  release_indices();
  shared_.inboxes.handle_timeout(now);
}

std::optional<TimePoint> SessionTable::next_timeout() const {
  std::optional<TimePoint> of_sessions;
  if (!timers_.empty()) of_sessions = timers_.begin()->first;
  return common::earliest({shared_.inboxes.next_timeout(), of_sessions});
}

std::optional<SessionTable::Transmit> SessionTable::poll_transmit(TimePoint now,
                                                                  std::span<std::byte> buffer) {
  ENSURE(buffer.size() >= kDatagramBytesMax);
  if (!replies_.empty()) {
    const Reply answer = std::move(replies_.front());
    replies_.pop_front();
    std::copy(answer.datagram.begin(), answer.datagram.end(), buffer.begin());
    return Transmit{answer.to, answer.datagram.size(), answer.datagram.size()};
  }
  while (!ready_.empty()) {
    const SessionId id = ready_.front();
    ready_.pop_front();
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) continue;
    Session& session = *it->second.session;
    if (session.wants_handshake(now)) session.begin_handshake(now, keys_.current(), new_index(id));
    if (const auto sent = poll_session(now, session, buffer)) {
      ready_.push_back(id);  // others first, then perhaps more
      return sent;
    }
    it->second.is_ready = false;
    settle(now, it->second);
  }
  return std::nullopt;
}

std::optional<SessionTable::Transmit> SessionTable::poll_session(TimePoint now, Session& session,
                                                                 std::span<std::byte> buffer) {
  const auto first = session.poll_transmit(now, buffer.first(kDatagramBytesMax));
  if (!first) return std::nullopt;
  Transmit transmit{first->to, first->bytes, first->bytes};
  if (!first->is_data) return transmit;
  constexpr std::size_t kSegmentsMax = 64;  // of UDP_SEGMENT
  for (std::size_t count = 1; count < kSegmentsMax; ++count) {
    if (buffer.size() - transmit.bytes < transmit.segment_bytes) break;
    const auto next =
        session.poll_transmit(now, buffer.subspan(transmit.bytes, transmit.segment_bytes));
    if (!next) break;
    transmit.bytes += next->bytes;
    if (next->bytes != transmit.segment_bytes || !next->is_data) break;
  }
  return transmit;
}

// After a session has said all it has to: its timer, or its end.
void SessionTable::settle(TimePoint now, Entry& entry) {
  Session& session = *entry.session;
  release_indices();
  // One that we have spoken in is kept as long as there is room: its stream goes on, so that what
  // was given up, and comes late, is known for what it is.
  const bool is_over =
      session.is_closed() || (session.is_idle() && !session.has_keys() && !session.has_spoken());
  // What it said is still to be taken, and to be asked whose word it was.
  const bool is_heard = shared_.incoming.is_empty() && shared_.events.empty();
  if (is_over && is_heard) return erase(session.id());
  const auto next = is_over ? std::optional(now) : session.next_timeout(now);
  if (!next) return;
  const TimePoint when = std::max(*next, now + kTimerPauseMin);
  // One that fires too early is harmless, and cheaper than a move for every datagram.
  if (entry.armed && *entry.armed <= when) return;
  if (entry.armed) timers_.erase({*entry.armed, session.id()});
  entry.armed = when;
  timers_.insert({when, session.id()});
}

}  // namespace peer::sealed
