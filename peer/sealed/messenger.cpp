#include "peer/sealed/messenger.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {

using common::TimePoint;
using common::unexpected;

Messenger::Messenger(Options options, SessionKeyRing& keys, TrustGate& gate, common::Random& random,
                     TimePoint now)
    : options_(options),
      random_(random),
      keys_(keys),
      gate_(gate),
      table_(keys, gate, random, now, options.has_hook) {}

common::expected<MessageId, Messenger::SendError> Messenger::send(TimePoint now,
                                                                  const Request& request) {
  if (request.text.size() > kTextBytesMax) return unexpected{SendError::kTooLong};
  const bool is_awaited = wants_receipt(request.level);
  if (is_awaited && awaited_.size() == kReceiptsMax) return unexpected{SendError::kBusy};
  Pending message{.kind = request.kind, .level = request.level, .deadline = request.deadline};
  if (request.id) {
    message.id = *request.id;
  } else {
    message.id = new_id();
  }
  // The text may be anywhere by the time its receipt comes.
  std::optional<Digest> text;
  if (wants_signature(request.level)) text = digest_of(request.text);
  const std::size_t index = contact_of(request.to);
  if (is_awaited && awaited_.contains({index, message.id})) return unexpected{SendError::kBusy};
  Contact& contact = contacts_[index];
  if (contact.pending.empty() && contact.found) {
    if (!try_hand_on(now, index, message, request.text)) return unexpected{SendError::kBusy};
  } else {
    if (pending_count_ == kPendingMax || pending_bytes_ + request.text.size() > kPendingBytesMax)
      return unexpected{SendError::kBusy};
    message.text.assign(request.text.begin(), request.text.end());
    ++pending_count_;
    pending_bytes_ += message.text.size();
    note_deadline(message.deadline);
    contact.pending.push_back(message);
    if (!contact.found && !contact.candidate) want_lookup(now, index);
  }
  if (is_awaited) {
    awaited_.emplace(AwaitedKey{index, message.id}, Awaited{.level = request.level,
                                                            .kind = request.kind,
                                                            .text = text,
                                                            .begun = now,
                                                            .deadline = message.deadline});
    note_deadline(message.deadline);
  }
  ++unfinished_;
  return message.id;
}

// Drawn many at a time: each draw may be a system call.
MessageId Messenger::new_id() {
  if (ids_left_ == 0) {
    random_.fill(std::as_writable_bytes(std::span(ids_)));
    ids_left_ = ids_.size();
  }
  return ids_[--ids_left_];
}

std::size_t Messenger::contact_of(const common::UserName& name) {
  const auto [it, is_new] = by_name_.try_emplace(name.key(), contacts_.size());
  if (is_new) contacts_.push_back(Contact{.name = name});
  return it->second;
}

std::optional<std::size_t> Messenger::find_contact(const common::UserName& name) const {
  const auto it = by_name_.find(name.key());
  return it == by_name_.end() ? std::nullopt : std::optional(it->second);
}

Session* Messenger::session_of(TimePoint now, Contact& contact) {
  if (contact.session != 0) {
    Session* session = table_.find(contact.session);
    if (session != nullptr && !session->is_closed()) return session;
  }
  if (!contact.found) return nullptr;
  Session* session = table_.open(now, contact.found->certificate, contact.found->endpoint);
  contact.session = session == nullptr ? 0 : session->id();
  return session;
}

bool Messenger::try_hand_on(TimePoint now, std::size_t index, const Pending& message,
                            common::Bytes text) {
  Session* session = session_of(now, contacts_[index]);
  if (session == nullptr) return false;
  const bool is_taken = session->try_send({.kind = message.kind,
                                           .level = message.level,
                                           .id = message.id,
                                           .body = text,
                                           .deadline = message.deadline,
                                           .tag = index});
  if (is_taken) table_.touch(session->id());
  return is_taken;
}

void Messenger::hand_on_pending(TimePoint now, std::size_t index) {
  Contact& contact = contacts_[index];
  while (!contact.pending.empty()) {
    const Pending& message = contact.pending.front();
    if (!try_hand_on(now, index, message, message.text)) return;
    --pending_count_;
    pending_bytes_ -= message.text.size();
    contact.pending.pop_front();
  }
}

void Messenger::want_lookup(TimePoint now, std::size_t index) {
  Contact& contact = contacts_[index];
  if (contact.is_asked) return;
  if (now < contact.next_lookup) {
    if (!std::exchange(contact.has_timer, true))
      lookup_timers_.insert({contact.next_lookup, index});
    return;
  }
  contact.is_asked = true;
  contact.next_lookup = now + kRefetchPause;
  lookups_.push_back(index);
}

void Messenger::handle_lookup(TimePoint now, const common::UserName& name,
                              const common::expected<Found, NotFound>& answer) {
  const std::size_t index = contact_of(name);
  Contact& contact = contacts_[index];
  contact.is_asked = false;
  contact.next_lookup = std::max(contact.next_lookup, now + kRefetchPause);
  if (!answer) {
    switch (answer.error()) {
      case NotFound::kUnknown:
        fail_pending(index, Result::kUnreachable);
        fail_session(index, Fate::kUnreachable);
        return;
      case NotFound::kNoKey:
        // security: of one who had a key only a directory says otherwise. What was begun goes on.
        if (!contact.found) fail_pending(index, Result::kNoKey);
        [[fallthrough]];
      case NotFound::kUnavailable:
        if (!contact.pending.empty() || contact.is_session_asking) want_lookup(now, index);
        return;
    }
  }
  const Found& found = answer.value();
  if (!(found.certificate.name == name)) return fail_pending(index, Result::kUnreachable);
  switch (gate_.admit(found.certificate, true)) {
    case Admission::kYes:
      return use(now, index, found);
    case Admission::kKeyChanged:
      fail_pending(index, Result::kKeyChanged);
      return fail_session(index, Fate::kKeyChanged);
    case Admission::kNotTrusted:
      fail_pending(index, Result::kNotTrusted);
      return fail_session(index, Fate::kNotTrusted);
    case Admission::kAsk:
      if (!contact.candidate) questions_.push_back({found.certificate});
      contact.candidate = found;
      return;
  }
}

void Messenger::use(TimePoint now, std::size_t index, const Found& found) {
  Contact& contact = contacts_[index];
  contact.found = found;
  contact.candidate.reset();
  Session* session = contact.session == 0 ? nullptr : table_.find(contact.session);
  const bool is_news = session != nullptr && session->remote().session != found.certificate.session;
  if (session != nullptr && (std::exchange(contact.is_session_asking, false) || is_news))
    table_.handle_certificate(now, contact.session, found.certificate, found.endpoint);
  hand_on_pending(now, index);
}

void Messenger::handle_admission(TimePoint now, const common::UserName& name,
                                 const common::IdentityKey& identity, Admission admission) {
  table_.handle_admission(now, name, identity, admission);
  const auto index = find_contact(name);
  if (!index || admission == Admission::kAsk) return;
  Contact& contact = contacts_[*index];
  if (!contact.candidate || contact.candidate->certificate.identity != identity) return;
  const Found found = *std::exchange(contact.candidate, std::nullopt);
  if (admission == Admission::kYes) return use(now, *index, found);
  const bool is_changed = admission == Admission::kKeyChanged;
  fail_pending(*index, is_changed ? Result::kKeyChanged : Result::kNotTrusted);
  fail_session(*index, is_changed ? Fate::kKeyChanged : Fate::kNotTrusted);
}

void Messenger::handle_handled(TimePoint now, const Handle& handle, HandledResult result,
                               std::uint8_t status, common::Bytes output) {
  Session* session = table_.find(handle.session);
  if (session == nullptr) return;  // he has gone, or has long given up
  Receipt receipt{.id = handle.id,
                  .result = result,
                  .status = status,
                  .output = output.first(std::min(output.size(), kTextBytesMax))};
  if (handle.text) {
    receipt.evidence = {.time = wall_at(now), .signature = {}};
    receipt.evidence->signature = sign_receipt(
        keys_.identity(),
        statement_of(receipt, {session->remote().name, session->remote().identity},
                     {keys_.name(), keys_.identity().key()}, handle.kind, *handle.text));
  }
  const auto body = encode_receipt(receipt);
  const MessageId id = new_id();
  // A queue too full for a receipt leaves the sender without one: he says so at his deadline.
  if (session->try_send(
          {.kind = receipt.evidence ? MessageKind::kSignedReceipt : MessageKind::kReceipt,
           .id = id,
           .body = body,
           .deadline = now + kReceiptTime,
           .tag = kReceiptTag})) {
    ++unfinished_receipts_;
    table_.touch(handle.session);
  }
}

void Messenger::handle_datagram(TimePoint now, common::WallTime wall_now,
                                const common::Endpoint& from, common::Bytes datagram) {
  wall_ = wall_now;
  wall_told_at_ = now;
  table_.handle_datagram(now, wall_now, from, datagram);
}

common::WallTime Messenger::wall_at(TimePoint now) const {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - wall_told_at_);
  return {std::max<std::int64_t>(wall_.unix_ms + since.count(), 0)};
}

void Messenger::handle_timeout(TimePoint now) {
  table_.handle_timeout(now);
  while (!lookup_timers_.empty() && lookup_timers_.begin()->first <= now) {
    const std::size_t index = lookup_timers_.begin()->second;
    lookup_timers_.erase(lookup_timers_.begin());
    Contact& contact = contacts_[index];
    contact.has_timer = false;
    if (contact.is_session_asking || (!contact.pending.empty() && !contact.candidate))
      want_lookup(now, index);
  }
  expire(now);
}

std::optional<TimePoint> Messenger::next_timeout() const {
  std::optional<TimePoint> of_lookups;
  if (!lookup_timers_.empty()) of_lookups = lookup_timers_.begin()->first;
  return common::earliest({table_.next_timeout(), next_deadline_, of_lookups});
}

void Messenger::note_deadline(TimePoint deadline) {
  if (!next_deadline_ || deadline < *next_deadline_) next_deadline_ = deadline;
}

// What is with a session has its deadline there; here is what waits for one, or for a receipt.
void Messenger::expire(TimePoint now) {
  if (!next_deadline_ || now < *next_deadline_) return;
  next_deadline_.reset();
  for (std::size_t index = 0; pending_count_ > 0 && index < contacts_.size(); ++index) {
    std::deque<Pending>& pending = contacts_[index].pending;
    for (auto it = pending.begin(); it != pending.end();) {
      if (it->deadline > now) {
        note_deadline(it->deadline);
        ++it;
        continue;
      }
      const Result result = contacts_[index].candidate ? Result::kNotTrusted : Result::kUnreachable;
      outcomes_.push_back(outcome_of(index, it->id, it->level, result));
      awaited_.erase({index, it->id});
      --pending_count_;
      pending_bytes_ -= it->text.size();
      it = pending.erase(it);
    }
  }
  for (auto it = awaited_.begin(); it != awaited_.end();) {
    const auto& [contact, id] = it->first;
    const Awaited& awaited = it->second;
    if (awaited.deadline > now) note_deadline(awaited.deadline);
    // One that is not delivered is finished by its session, at the same instant.
    if (awaited.deadline > now || !awaited.is_delivered) {
      ++it;
      continue;
    }
    Outcome outcome = outcome_of(contact, id, awaited.level, Result::kNotAcknowledged);
    outcome.is_delivered = true;
    outcomes_.push_back(outcome);
    it = awaited_.erase(it);
  }
}

void Messenger::fail_pending(std::size_t index, Result result) {
  Contact& contact = contacts_[index];
  for (const Pending& message : contact.pending) {
    outcomes_.push_back(outcome_of(index, message.id, message.level, result));
    awaited_.erase({index, message.id});
    --pending_count_;
    pending_bytes_ -= message.text.size();
  }
  contact.pending.clear();
}

void Messenger::fail_session(std::size_t index, Fate fate) {
  Contact& contact = contacts_[index];
  contact.is_session_asking = false;
  contact.found.reset();
  if (Session* session = contact.session == 0 ? nullptr : table_.find(contact.session)) {
    session->give_up(fate);
    table_.touch(contact.session);
  }
}

void Messenger::leave() { table_.close_all(); }

Messenger::Outcome Messenger::outcome_of(std::size_t index, const MessageId& id, Level wanted,
                                         Result result) {
  --unfinished_;
  const Contact& contact = contacts_[index];
  Outcome outcome{.id = id, .to = contact.name.text(), .wanted = wanted, .result = result};
  const Session* session = contact.session == 0 ? nullptr : table_.find(contact.session);
  if (session != nullptr) {
    outcome.path = session->endpoint();
  } else if (contact.found) {
    outcome.path = contact.found->endpoint;
  }
  return outcome;
}

std::optional<Messenger::Event> Messenger::poll_event(TimePoint now) {
  for (;;) {
    if (!outcomes_.empty()) {
      const Outcome outcome = outcomes_.front();
      outcomes_.pop_front();
      return outcome;
    }
    if (const auto event = table_.poll_event()) {
      handle_event(now, *event);
      continue;
    }
    if (const auto* incoming = table_.poll_incoming()) {
      if (auto event = take(now, *incoming)) return event;
      continue;
    }
    if (!lookups_.empty()) {
      const std::size_t index = lookups_.front();
      lookups_.pop_front();
      if (!contacts_[index].is_asked) continue;  // answered before it was asked
      return NeedLookup{contacts_[index].name.text()};
    }
    if (!questions_.empty()) {
      Question question = std::move(questions_.front());
      questions_.pop_front();
      return question;
    }
    if (auto stranger = table_.poll_question()) return Question{*std::move(stranger)};
    return std::nullopt;
  }
}

void Messenger::handle_event(TimePoint now, const SessionEvent& event) {
  if (event.kind == SessionEvent::Kind::kDone) return handle_done(now, event);
  const Session* session = table_.find(event.session);
  if (session == nullptr) return;
  const auto index = find_contact(session->remote().name);
  if (!index || contacts_[*index].session != event.session) return;
  contacts_[*index].is_session_asking = true;
  want_lookup(now, *index);
}

void Messenger::handle_done(TimePoint now, const SessionEvent& event) {
  const SessionEvent::Done& done = event.done;
  if (done.tag == kReceiptTag) {
    --unfinished_receipts_;
    return;
  }
  const auto index = static_cast<std::size_t>(done.tag);
  const bool is_delivered = done.fate == Fate::kDelivered;
  const auto awaited = wants_receipt(done.level) ? awaited_.find({index, done.id}) : awaited_.end();
  if (wants_receipt(done.level)) {
    if (awaited == awaited_.end()) return;  // its receipt was faster
    if (is_delivered) {
      awaited->second.is_delivered = true;
      if (awaited->second.deadline > now) return;
    }
    awaited_.erase(awaited);
  }
  Result result = Result::kDelivered;
  switch (done.fate) {
    case Fate::kDelivered:
      if (wants_receipt(done.level)) result = Result::kNotAcknowledged;  // too late
      break;
    case Fate::kNotAcknowledged:
      result = Result::kNotAcknowledged;
      break;
    case Fate::kKeyChanged:
      result = Result::kKeyChanged;
      break;
    case Fate::kNotTrusted:
      result = Result::kNotTrusted;
      break;
    case Fate::kUnreachable:
      result = Result::kUnreachable;
      break;
  }
  Outcome outcome = outcome_of(index, done.id, done.level, result);
  outcome.is_delivered = is_delivered;
  outcome.elapsed = done.elapsed;
  outcomes_.push_back(outcome);
  if (!contacts_[index].pending.empty()) hand_on_pending(now, index);
}

std::optional<Messenger::Event> Messenger::take(TimePoint now,
                                                const IncomingQueue::Incoming& incoming) {
  const Session* session = table_.find(incoming.session);
  ENSURE(session != nullptr);  // kept until its messages are taken
  if (is_receipt(incoming.kind)) return take_receipt(now, *session, incoming);
  Handle handle{.session = incoming.session, .id = incoming.id, .kind = incoming.kind};
  if (wants_signature(incoming.level)) handle.text = digest_of(incoming.body);
  const bool is_for_hook = wants_hook(incoming.level);
  if (is_for_hook && !options_.has_hook) {
    handle_handled(now, handle, HandledResult::kNotRun, 0, {});
    if (incoming.kind == MessageKind::kAsk) return std::nullopt;  // not for people's eyes
  }
  return Received{.handle = handle,
                  .sender = session->remote().name.text(),
                  .identity = &session->remote().identity,
                  .kind = incoming.kind,
                  .wants_receipt = is_for_hook && options_.has_hook,
                  .wants_shown = wants_receipt(incoming.level) && !is_for_hook,
                  .is_early = incoming.is_early,
                  .text = incoming.body};
}

std::optional<Messenger::Event> Messenger::take_receipt(TimePoint now, const Session& session,
                                                        const IncomingQueue::Incoming& incoming) {
  const auto receipt = decode_receipt(incoming.kind, incoming.body);
  if (!receipt) return std::nullopt;
  // security: only the recipient's own word counts, as the session's certificate names him.
  const auto index = find_contact(session.remote().name);
  if (!index) return std::nullopt;
  const auto awaited = awaited_.find({*index, receipt->id});
  if (awaited == awaited_.end() || awaited->second.deadline <= now) return std::nullopt;
  const Level level = awaited->second.level;
  const bool is_shown = receipt->result == HandledResult::kShown;
  if (is_shown == wants_hook(level)) return std::nullopt;
  std::shared_ptr<const SignedStatement> evidence;
  if (wants_signature(level)) {
    evidence = check_evidence(session, *receipt, awaited->second);
    if (!evidence) return std::nullopt;
  }
  Outcome outcome =
      outcome_of(*index, receipt->id, level, is_shown ? Result::kDelivered : Result::kHandled);
  outcome.evidence = std::move(evidence);
  outcome.is_delivered = true;
  outcome.path = session.endpoint();
  outcome.elapsed = now - awaited->second.begun;
  outcome.handled = receipt->result;
  outcome.status = receipt->status;
  outcome.output = receipt->output;
  awaited_.erase(awaited);
  return outcome;
}

// Null for one that is not signed, or not for what was sent.
std::shared_ptr<const SignedStatement> Messenger::check_evidence(const Session& session,
                                                                 const Receipt& receipt,
                                                                 const Awaited& awaited) const {
  if (!receipt.evidence || !awaited.text) return nullptr;
  SignedStatement evidence{
      .statement = statement_of(receipt, {keys_.name(), keys_.identity().key()},
                                {session.remote().name, session.remote().identity}, awaited.kind,
                                *awaited.text),
      .signature = receipt.evidence->signature};
  if (!is_possible(evidence.statement) || !verify_receipt(evidence.statement, evidence.signature))
    return nullptr;
  return std::make_shared<const SignedStatement>(std::move(evidence));
}

}  // namespace peer::sealed
