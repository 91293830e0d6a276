// What a session does with what comes in.
#include <algorithm>

#include "common/check.hpp"
#include "peer/sealed/aead.hpp"
#include "peer/sealed/session.hpp"

namespace peer::sealed {

using common::TimePoint;

void Session::handle_retry(TimePoint now, const Retry& retry) {
  if (!handshake_ || !handshake_->initiator.handle_retry(retry))
    return shared_.drop(DropReason::kBadResp);
  handshake_->next_try = now;  // the same INIT with its token, at once
}

void Session::handle_key_hint(TimePoint now, const KeyHint& hint) {
  if (!handshake_ || !handshake_->initiator.is_for_this(hint))
    return shared_.drop(DropReason::kBadResp);
  // security: anybody on the way can say this. It costs one look-up in five seconds at most.
  handshake_->is_doubtful = true;
  ask_for_certificate(now);
}

void Session::handle_resp(TimePoint now, const common::Endpoint& from, const Resp& resp) {
  if (!handshake_ || handshake_->initiator.own_index() != resp.receiver_index)
    return shared_.drop(DropReason::kBadResp);
  auto established = handshake_->initiator.handle_resp(resp);
  if (!established) return shared_.drop(DropReason::kBadResp);
  const Handshake handshake = *std::exchange(handshake_, std::nullopt);
  const auto frames = decode_frames(established->frames);
  const bool makes_sense = frames && frames.value().stream && !frames.value().ack &&
                           !frames.value().challenge && !frames.value().response &&
                           frames.value().messages.count() == 0 && !frames.value().fragment;
  if (!makes_sense) {
    shared_.drop(DropReason::kBadFrames);
    shared_.released.push_back(resp.receiver_index);
    return give_up(Fate::kUnreachable);
  }

  auto epoch = std::make_unique<Epoch>();
  epoch->own_index = resp.receiver_index;
  epoch->remote_index = resp.sender_index;
  epoch->keys = std::move(established->keys);
  epoch->born = handshake.begun;
  epoch->is_confirmed = true;
  epoch->awaits_first_data = true;
  Epoch& added = *epoch;
  add_epoch(std::move(epoch));
  used_at_ = now;
  silent_timeouts_ = probes_ = 0;
  if (handshake.tries == 1) rtt_.add_sample(now - handshake.sent_at, {});
  if (from == path_.endpoint()) {
    path_.prove();
  } else {
    path_.move(now, from, shared_.random);
  }

  is_probe_due_ = true;  // he may wait for a first DATA before anything has an effect
  if (!handle_frames(now, added, frames.value())) shared_.drop(DropReason::kBroken);
  // What he did not say is delivered he may hold back, or have known in an earlier life.
  outbox_.handle_lost(handshake.carried);
  if (handshake.is_repair) outbox_.resend_all();
  restart_rto(now);
}

std::optional<common::ByteVector> Session::accept(TimePoint now, HandshakeResponder& responder,
                                                  IncomingHandshake handshake, SessionIndex index,
                                                  std::optional<CloseReason> reason) {
  const auto frames = decode_frames(handshake.frames());
  const bool makes_sense = frames && frames.value().stream && !frames.value().ack &&
                           !frames.value().delivered && !frames.value().challenge &&
                           !frames.value().response && !frames.value().close;
  if (!makes_sense) {
    shared_.drop(DropReason::kBadFrames);
    return std::nullopt;
  }
  std::array<std::byte, kDeliveredFrameBytes + kCloseFrameBytes + kStreamFrameBytes> memory;
  SpanWriter answer(memory);
  const common::Endpoint from = handshake.from();
  if (reason) {
    encode_close(answer, {*reason});
    outbox_.write_stream(answer);
    return responder
        .answer(now, std::move(handshake), index, std::span(memory).first(answer.size()))
        .datagram;
  }

  auto epoch = std::make_unique<Epoch>();
  epoch->own_index = index;
  epoch->remote_index = handshake.remote_index();
  epoch->born = now;
  epoch->init_from = from;
  Epoch& added = *epoch;
  // security: whoever has our session key alone could have made this INIT, so nothing but showing
  // a text may follow from it.
  if (shared_.has_hook || !is_plain_text(frames.value())) {
    added.early_frames.assign(handshake.frames().begin(), handshake.frames().end());
  } else if (handle_stream(now, added, frames.value(), true)) {
    encode_delivered(answer, {added.inbox->delivered_below()});
  }
  outbox_.write_stream(answer);
  auto resp =
      responder.answer(now, std::move(handshake), index, std::span(memory).first(answer.size()));
  added.keys = std::move(resp.keys);
  add_epoch(std::move(epoch));
  used_at_ = now;
  return std::move(resp.datagram);
}

bool Session::is_plain_text(const Frames& frames) {
  MessageRun messages = frames.messages;
  while (const auto message = messages.next())
    if (message->kind != MessageKind::kText || message->level != Level::kDelivered) return false;
  return !frames.fragment || (frames.fragment->kind == MessageKind::kText &&
                              frames.fragment->level == Level::kDelivered);
}

void Session::handle_data(TimePoint now, const common::Endpoint& from, const Data& data,
                          std::span<std::byte> scratch) {
  Epoch* epoch = find(data.receiver_index);
  if (epoch == nullptr || !epoch->is_alive(now)) return shared_.drop(DropReason::kUnknownSession);
  if (epoch->window.has_seen(data.sequence)) return shared_.drop(DropReason::kReplayed);
  const auto plain = scratch.first(data.sealed.size() - kTagBytes);
  if (!open(epoch->keys.receive, data.sequence, data.header, data.sealed, plain))
    return shared_.drop(DropReason::kBadTag);
  epoch->window.mark(data.sequence);  // security: only authentic datagrams move the window

  used_at_ = now;
  silent_timeouts_ = 0;
  epoch->awaits_first_data = false;
  const bool is_newest = data.sequence + 1 == epoch->window.end();
  if (!epoch->is_confirmed) {
    confirm(now, from, *epoch);
  } else if (from != path_.endpoint() && is_newest && epoch == current(now)) {
    // security: only the newest datagram tells where he is; a delayed copy of an older one does
    // not.
    path_.move(now, from, shared_.random);
    congestion_.reset();
  }
  path_.handle_received(from, data.header.size() + data.sealed.size());
  if (from == path_.endpoint()) path_.ask_for_proof(now, shared_.random);

  const auto frames = decode_frames(plain);
  if (!frames) return shared_.drop(DropReason::kBadFrames);
  if (!handle_frames(now, *epoch, frames.value())) return;
  if (find(data.receiver_index) == nullptr) return;  // closed
  epoch->received.add(now, data.sequence);
  if (frames.value().is_eliciting()) epoch->owes_ack = true;
}

// The initiator has the keys: he received the RESP.
void Session::confirm(TimePoint now, const common::Endpoint& from, Epoch& epoch) {
  epoch.is_confirmed = true;
  // The newest confirmed is the current one: it takes its place behind those confirmed before.
  const auto at = std::find_if(epochs_.begin(), epochs_.end(),
                               [&](const auto& each) { return each.get() == &epoch; });
  auto owned = std::move(*at);
  epochs_.erase(at);
  add_epoch(std::move(owned));
  if (from != path_.endpoint()) {
    path_.move(now, from, shared_.random);
    congestion_.reset();
  }
  if (from == epoch.init_from) path_.prove();  // the RESP went there
  if (epoch.early_frames.empty()) return;
  const common::ByteVector early = std::exchange(epoch.early_frames, {});
  const auto frames = decode_frames(early);
  ENSURE(frames.has_value());  // accept() has read them
  static_cast<void>(handle_stream(now, epoch, frames.value(), false));
}

// False if the datagram is to be sent again, or means nothing.
bool Session::handle_frames(TimePoint now, Epoch& epoch, const Frames& frames) {
  if (frames.ack && !handle_ack(now, epoch, *frames.ack)) return false;
  if (frames.delivered && !handle_delivered(now, *frames.delivered)) return false;
  if (frames.challenge) response_due_ = *frames.challenge;
  if (frames.response) path_.handle_response(*frames.response);
  const bool is_taken = !frames.stream || handle_stream(now, epoch, frames, false);
  if (frames.close) handle_close(now, frames.close->reason);
  return is_taken;
}

bool Session::handle_ack(TimePoint now, Epoch& epoch, const Ack& ack) {
  const auto result =
      epoch.sent.handle_ack(ack, epoch.keys.send.nonces.used(), [&](const SentDatagram& sent) {
        if (sent.state == SentDatagram::State::kInFlight)
          congestion_.handle_acked(now, sent.bytes, sent.sent_at, rtt_);
        outbox_.handle_acked(sent.carried);
      });
  if (!result) {
    shared_.drop(DropReason::kBroken);
    return false;
  }
  if (!result->has_news) return true;
  if (result->sample)
    rtt_.add_sample(now - *result->sample, std::chrono::milliseconds(ack.held_ms));
  epoch.sent.detect_lost(now, patience(),
                         [&](const SentDatagram& sent) { handle_lost(now, sent); });
  restart_rto(now);
  return true;
}

bool Session::handle_delivered(TimePoint now, const Delivered& delivered) {
  const std::size_t before = outbox_.unfinished();
  const bool is_known = outbox_.handle_delivered(
      delivered.below,
      [&](const Outbox::Finished& finished) { finish(now, finished, Fate::kDelivered); });
  if (!is_known) {
    shared_.drop(DropReason::kBroken);
    return false;
  }
  if (outbox_.unfinished() != before) {
    probes_ = 0;
    restart_rto(now);
  }
  return true;
}

bool Session::handle_stream(TimePoint now, Epoch& epoch, const Frames& frames, bool is_early) {
  const Stream& stream = *frames.stream;
  if (!epoch.inbox) {
    epoch.inbox = shared_.inboxes.find_or_make(remote_.identity, stream.id, stream.floor);
    epoch.remote_stream = stream.id;
  }
  if (stream.id != epoch.remote_stream) {
    shared_.drop(DropReason::kBroken);
    return false;
  }
  if (!shared_.takes_messages) return frames.messages.count() == 0 && !frames.fragment;
  const Inbox::Delivery delivery{
      .out = shared_.incoming, .now = now, .session = id_, .is_early = is_early};
  Inbox& inbox = *epoch.inbox;
  inbox.handle_floor(stream.floor, delivery);
  std::uint64_t number = stream.floor + stream.offset;
  auto taken = Inbox::Taken::kYes;
  MessageRun messages = frames.messages;
  while (taken == Inbox::Taken::kYes) {
    const auto message = messages.next();
    if (!message) break;
    taken = inbox.handle_message(number++, *message, delivery);
  }
  if (frames.fragment) taken = inbox.handle_fragment(number, *frames.fragment, delivery);
  if (taken == Inbox::Taken::kBroken) shared_.drop(DropReason::kBroken);
  if (taken == Inbox::Taken::kNoRoom) shared_.drop(DropReason::kNoRoom);
  return taken == Inbox::Taken::kYes;
}

void Session::handle_close(TimePoint now, CloseReason reason) {
  drop_epochs();
  drop_handshake();
  rto_at_.reset();
  is_probe_due_ = false;
  switch (reason) {
    case CloseReason::kLeaving:
      break;
    case CloseReason::kKeyChanged:
      give_up(Fate::kKeyChanged);
      break;
    case CloseReason::kNotTrusted:
      give_up(Fate::kNotTrusted);
      break;
  }
  // Where the process has gone, only a directory can tell.
  outbox_.resend_all();
  if (outbox_.is_idle() || !can_be_looked_up_ || now < next_lookup_) return;
  next_lookup_ = now + kRefetchPause;
  shared_.events.push_back({.session = id_, .kind = SessionEvent::Kind::kNeedCertificate});
}

}  // namespace peer::sealed
