#include "peer/sealed/session.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {

using common::Duration;
using common::TimePoint;

std::string_view to_string(DropReason reason) {
  switch (reason) {
    case DropReason::kBadHeader:
      return "bad header";
    case DropReason::kUnknownSession:
      return "unknown session";
    case DropReason::kRefusedInit:
      return "refused handshake";
    case DropReason::kBadResp:
      return "bad answer to a handshake";
    case DropReason::kReplayed:
      return "replayed";
    case DropReason::kBadTag:
      return "bad tag";
    case DropReason::kBadFrames:
      return "bad frames";
    case DropReason::kBroken:
      return "broken order";
    case DropReason::kNoRoom:
      return "no room for its messages";
    case DropReason::kFull:
      return "no room for another session";
    case DropReason::kEnd:
      break;
  }
  return "?";
}

Session::Session(SessionId id, SessionShared& shared, common::Certificate remote,
                 const common::Endpoint& endpoint, bool can_be_looked_up)
    : id_(id),
      shared_(shared),
      remote_(std::move(remote)),
      can_be_looked_up_(can_be_looked_up),
      outbox_(shared.random.u64()),
      path_(endpoint) {}

bool Session::try_send(const Outbox::NewMessage& message) {
  return !is_closed_ && !close_due_ && outbox_.try_push(message);
}

void Session::give_up(Fate fate) {
  outbox_.fail_all([&](const Outbox::Finished& finished) { finish({}, finished, fate); });
  drop_handshake();
}

void Session::handle_certificate(TimePoint now, common::Certificate remote,
                                 const common::Endpoint& endpoint) {
  const bool is_other_key = remote.session != remote_.session;
  const bool is_news = is_other_key || endpoint != path_.endpoint();
  remote_ = std::move(remote);
  if (!is_news && handshake_ && handshake_->tries < kInitTriesMax) {
    handshake_->is_doubtful = false;  // what is being tried already
    return;
  }
  if (is_other_key) {
    drop_epochs();
    outbox_.resend_all();
    rto_at_.reset();
    is_probe_due_ = false;
  }
  if (is_news) {
    path_.restart(endpoint);
    congestion_.reset();
  }
  if (handshake_) outbox_.handle_lost(handshake_->carried);
  drop_handshake();
  next_lookup_ = std::max(next_lookup_, now + kRefetchPause);
  is_handshake_forced_ = true;  // whoever asked was not answered
}

void Session::close(CloseReason reason) {
  if (!close_due_) close_due_ = reason;
}

bool Session::wants_handshake(TimePoint now) const {
  if (handshake_ || is_closed_ || close_due_ || outbox_.is_idle()) return false;
  const Epoch* epoch = current(now);
  return epoch == nullptr || !epoch->is_fresh(now) || is_silent(now);
}

// The other side may have forgotten the keys.
bool Session::is_silent(TimePoint now) const {
  return is_handshake_forced_ ||
         (silent_timeouts_ >= kSilentTimeoutsMax && now >= silent_since_ + kSilenceMin);
}

void Session::begin_handshake(TimePoint now, const OwnSessionKey& own, SessionIndex index) {
  // While older keys still serve, the INIT only brings new ones; else it brings what there is.
  const bool is_needed = current(now) == nullptr || is_silent(now);
  // Datagrams that were not answered are tries as well: ask where he is beside the INIT.
  const bool is_doubtful = is_silent(now) && !is_handshake_forced_;
  is_handshake_forced_ = false;
  std::array<std::byte, kDatagramBytesMax> memory;
  const std::size_t name_bytes = own.certificate.size() - common::kCertificateOverhead;
  SpanWriter frames{std::span(memory).first(init_frames_bytes_max(name_bytes))};
  Carried carried;
  if (is_needed) {
    if (const auto content = outbox_.write_content(now, frames)) carried = *content;
  }
  if (frames.size() == 0) outbox_.write_stream(frames);
  auto initiator = HandshakeInitiator::begin(
      own, remote_, index, std::span(memory).first(frames.size()), shared_.random);
  if (!initiator) {  // his key is of low order: no certificate that an honest process signs
    shared_.released.push_back(index);
    give_up(Fate::kUnreachable);
    return;
  }
  handshake_.emplace(Handshake{.initiator = *std::move(initiator),
                               .carried = carried,
                               .begun = now,
                               .next_try = now,
                               .is_repair = is_needed,
                               .is_doubtful = is_doubtful});
  ask_for_certificate(now);
}

Epoch* Session::current(TimePoint now) {
  for (auto it = epochs_.rbegin(); it != epochs_.rend(); ++it)
    if ((*it)->is_confirmed && (*it)->is_alive(now)) return it->get();
  return nullptr;
}

Epoch* Session::find(SessionIndex own_index) {
  for (const auto& epoch : epochs_)
    if (epoch->own_index == own_index) return epoch.get();
  return nullptr;
}

std::size_t Session::half_open_count() const {
  return static_cast<std::size_t>(std::count_if(
      epochs_.begin(), epochs_.end(), [](const auto& epoch) { return !epoch->is_confirmed; }));
}

std::size_t Session::held_bytes() const {
  std::size_t bytes = 0;
  for (const auto& epoch : epochs_)
    if (epoch->inbox) bytes = std::max(bytes, epoch->inbox->held_bytes());
  return bytes;
}

// Old ones make room: of the half-open and of the confirmed there are few at a time.
void Session::add_epoch(std::unique_ptr<Epoch> epoch) {
  const bool is_confirmed = epoch->is_confirmed;
  epochs_.push_back(std::move(epoch));
  std::size_t left = is_confirmed ? kConfirmedPerSessionMax : kHalfOpenPerSessionMax;
  for (std::size_t i = epochs_.size(); i > 0; --i) {
    Epoch& old = *epochs_[i - 1];
    if (old.is_confirmed != is_confirmed) continue;
    if (left > 0) {
      --left;
      continue;
    }
    old.sent.lose_all([&](const SentDatagram& sent) {
      congestion_.handle_forgotten(sent.bytes);
      outbox_.handle_lost(sent.carried);
    });
    shared_.released.push_back(old.own_index);
    epochs_.erase(epochs_.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
}

void Session::drop_epochs() {
  for (const auto& epoch : epochs_) {
    epoch->sent.lose_all([&](const SentDatagram& sent) {
      congestion_.handle_forgotten(sent.bytes);
      outbox_.handle_lost(sent.carried);
    });
    shared_.released.push_back(epoch->own_index);
  }
  epochs_.clear();
}

void Session::drop_half_open(SessionIndex index) {
  std::erase_if(epochs_, [&](const auto& epoch) {
    if (epoch->own_index != index || epoch->is_confirmed) return false;
    shared_.released.push_back(index);
    return true;
  });
}

void Session::forget_keys() {
  drop_epochs();
  drop_handshake();
}

void Session::drop_handshake() {
  if (!handshake_) return;
  shared_.released.push_back(handshake_->initiator.own_index());
  handshake_.reset();
}

bool Session::needs_answer() const {
  if (outbox_.is_awaiting()) return true;
  return std::any_of(epochs_.begin(), epochs_.end(),
                     [](const auto& epoch) { return epoch->sent.in_flight() > 0; });
}

void Session::restart_rto(TimePoint now) {
  rto_at_ = needs_answer() && !epochs_.empty() ? std::optional(now + rtt_.rto()) : std::nullopt;
}

// RFC 9002, 6.1.2: later ones have arrived, and this one had an eighth of a round trip more.
Duration Session::patience() const {
  constexpr Duration kGranularity = std::chrono::milliseconds(1);
  return std::max<Duration>(std::max(rtt_.smoothed(), rtt_.latest()) * 9 / 8, kGranularity);
}

bool Session::is_lookup_wanted() const {
  return can_be_looked_up_ && handshake_ && !outbox_.is_idle() &&
         (handshake_->is_doubtful || handshake_->tries >= kInitTriesMax);
}

void Session::ask_for_certificate(TimePoint now) {
  if (!is_lookup_wanted() || now < next_lookup_) return;
  // The last of the tries has its time as well.
  if (!handshake_->is_doubtful && now < handshake_->next_try) return;
  next_lookup_ = now + kRefetchPause;
  handshake_->is_doubtful = false;
  shared_.events.push_back({.session = id_, .kind = SessionEvent::Kind::kNeedCertificate});
}

void Session::handle_lost(TimePoint now, const SentDatagram& sent) {
  congestion_.handle_lost(now, sent.bytes, sent.sent_at);
  outbox_.handle_lost(sent.carried);
  if (sent.carried.count == 0 && needs_answer()) is_probe_due_ = true;
}

void Session::handle_timeout(TimePoint now) {
  const bool must_tell = outbox_.handle_timeout(now, [&](const Outbox::Finished& finished) {
    finish(now, finished, Fate::kNotAcknowledged);
  });
  if (must_tell) is_probe_due_ = true;

  const bool had_epochs = !epochs_.empty();
  for (std::size_t i = epochs_.size(); i > 0; --i) {
    Epoch& epoch = *epochs_[i - 1];
    if (epoch.is_alive(now)) continue;
    epoch.sent.lose_all([&](const SentDatagram& sent) {
      congestion_.handle_forgotten(sent.bytes);
      outbox_.handle_lost(sent.carried);
    });
    shared_.released.push_back(epoch.own_index);
    epochs_.erase(epochs_.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
  // What the other side holds without having delivered it may be gone by the next keys.
  if (had_epochs && current(now) == nullptr) outbox_.resend_all();

  for (const auto& epoch : epochs_)
    epoch->sent.detect_lost(now, patience(),
                            [&](const SentDatagram& sent) { handle_lost(now, sent); });
  if (rto_at_ && *rto_at_ <= now) handle_silence(now);
  path_.handle_timeout(now);
  ask_for_certificate(now);
}

// RFC 6298, 5.4 to 5.6: everything on its way counts as lost, the window is the least, the next
// wait is longer. When only the last word on what has arrived is missing, one datagram asks for it.
void Session::handle_silence(TimePoint now) {
  bool was_in_flight = false;
  for (const auto& epoch : epochs_)
    epoch->sent.lose_all([&](const SentDatagram& sent) {
      was_in_flight = true;
      congestion_.handle_forgotten(sent.bytes);
      outbox_.handle_lost(sent.carried);
    });
  if (silent_timeouts_++ == 0) silent_since_ = now;
  if (was_in_flight) {
    congestion_.handle_timeout(now);
    rtt_.back_off();
  }
  const bool awaits_first_data = std::any_of(
      epochs_.begin(), epochs_.end(), [](const auto& epoch) { return epoch->awaits_first_data; });
  // A first DATA that nobody answers is not worth more than a few tries by itself.
  if (!epochs_.empty() &&
      (!outbox_.is_idle() || (awaits_first_data && silent_timeouts_ <= kSilentTimeoutsMax))) {
    is_probe_due_ = true;
    probes_ = std::min(probes_ + 1, 6);
    rto_at_ = now + std::min<Duration>(rtt_.rto() * (1 << (probes_ - 1)), kRtoMax);
  } else {
    rto_at_.reset();
  }
}

std::optional<TimePoint> Session::next_timeout(TimePoint now) const {
  std::optional<TimePoint> next;
  const auto consider = [&next](std::optional<TimePoint> when) {
    if (when && (!next || *when < *next)) next = when;
  };
  consider(outbox_.next_timeout());
  consider(rto_at_);
  consider(path_.next_timeout());
  for (const auto& epoch : epochs_) {
    consider(epoch->end());
    consider(epoch->sent.next_loss(patience()));
  }
  if (handshake_) {
    consider(handshake_->next_try);
    if (is_lookup_wanted() && handshake_->is_doubtful) consider(next_lookup_);
  }
  if (current(now) != nullptr && !congestion_.is_window_full() && !outbox_.is_idle() &&
      congestion_.next_send() > now)
    consider(congestion_.next_send());
  return next;
}

void Session::finish(TimePoint now, const Outbox::Finished& finished, Fate fate) {
  shared_.events.push_back(
      {.session = id_,
       .kind = SessionEvent::Kind::kDone,
       .done = {.tag = finished.tag,
                .id = finished.id,
                .level = finished.level,
                .fate = fate,
                .was_sent = finished.was_sent,
                .elapsed = finished.is_delivered ? now - finished.sent_at : Duration{}}});
}

}  // namespace peer::sealed
