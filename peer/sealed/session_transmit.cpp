// What a session sends, and when.
#include <algorithm>

#include "common/check.hpp"
#include "peer/sealed/aead.hpp"
#include "peer/sealed/session.hpp"

namespace peer::sealed {

using common::TimePoint;

std::optional<Session::Sent> Session::poll_transmit(TimePoint now, std::span<std::byte> out) {
  if (is_closed_) return std::nullopt;
  if (const auto sent = write_init(now, out)) return sent;
  Epoch* newest = current(now);
  for (const auto& epoch : epochs_) {
    if (!epoch->is_confirmed || !epoch->is_alive(now)) continue;
    const bool is_current = epoch.get() == newest;
    if (!has_something_for(now, *epoch, is_current)) continue;
    if (const auto sent = write_data(now, *epoch, is_current, out)) return sent;
  }
  // What may not leave, for want of an allowance or in its turn, is not forgotten.
  if (newest != nullptr && !rto_at_ && outbox_.has_content()) rto_at_ = now + rtt_.rto();
  if (close_due_ && newest == nullptr) {
    close_due_.reset();
    is_closed_ = true;
  }
  return std::nullopt;
}

std::optional<Session::Sent> Session::write_init(TimePoint now, std::span<std::byte> out) {
  if (!handshake_ || now < handshake_->next_try) return std::nullopt;
  if (outbox_.is_idle()) {  // nobody waits for it any longer
    drop_handshake();
    return std::nullopt;
  }
  ask_for_certificate(now);
  const common::Bytes datagram = handshake_->initiator.datagram();
  if (out.size() < datagram.size()) return std::nullopt;
  std::copy(datagram.begin(), datagram.end(), out.begin());
  ++handshake_->tries;
  handshake_->sent_at = now;
  handshake_->next_try = now + handshake_->pause;
  handshake_->pause = std::min<common::Duration>(2 * handshake_->pause, kRtoMax);
  return Sent{.to = path_.endpoint(), .bytes = datagram.size(), .is_data = false};
}

bool Session::has_something_for(TimePoint now, const Epoch& epoch, bool is_current) {
  if (epoch.owes_ack) return true;
  if (!is_current) return false;
  if (is_probe_due_ || response_due_ || close_due_ || path_.due_challenge()) return true;
  return congestion_.may_send(now) && outbox_.has_content();
}

std::optional<Session::Sent> Session::write_data(TimePoint now, Epoch& epoch, bool is_current,
                                                 std::span<std::byte> out) {
  // security: an unproven address gets no more than its share.
  const std::size_t room = std::min({out.size(), kDatagramBytesMax, path_.allowance()});
  constexpr std::size_t kAround = kDataHeaderBytes + kTagBytes;
  if (room < kAround + kAckBytesMin + kDeliveredFrameBytes) return std::nullopt;
  const auto plain = out.subspan(kDataHeaderBytes, room - kAround);
  SpanWriter frames(plain);
  bool is_awaited = false;
  const Carried carried = write_frames(now, epoch, is_current, frames, is_awaited);
  if (frames.size() == 0) return std::nullopt;  // what there is does not fit in here
  auto nonce = epoch.keys.send.nonces.next();
  ENSURE(nonce.has_value());  // a key is given up after kRekeySequences
  const std::uint64_t sequence = nonce->sequence();
  const auto header = encode_data_header(epoch.remote_index, sequence);
  std::copy(header.begin(), header.end(), out.begin());
  seal(epoch.keys.send, *std::move(nonce), header, plain.first(frames.size()),
       out.subspan(kDataHeaderBytes, frames.size() + kTagBytes));

  const std::size_t bytes = kAround + frames.size();
  path_.handle_sent(bytes);
  used_at_ = now;
  if (is_awaited) {
    const bool is_in_flight = congestion_.in_flight() > 0;
    congestion_.handle_sent(now, bytes, rtt_);
    epoch.sent.add(sequence, now, bytes, carried,
                   [&](const SentDatagram& sent) { handle_lost(now, sent); });
    if (!rto_at_ || !is_in_flight) rto_at_ = now + rtt_.rto();
  }
  const Sent sent{.to = path_.endpoint(), .bytes = bytes, .is_data = true};
  if (is_current && close_due_) {
    close_due_.reset();
    drop_epochs();
    drop_handshake();
    is_closed_ = true;
  }
  return sent;
}

// All frames that are due, in the order of their types. `is_awaited`: an acknowledgement is.
Carried Session::write_frames(TimePoint now, Epoch& epoch, bool is_current, SpanWriter& out,
                              bool& is_awaited) {
  const bool has_content = is_current && congestion_.may_send(now) && outbox_.has_content();
  if (epoch.owes_ack && out.room() >= kAckBytesMin + kDeliveredFrameBytes) {
    // Beside a fragment there is room for so many ranges.
    constexpr std::size_t kAckBytesBesideContent = kAckBytesMin + 4 * 13;
    const std::size_t ack_room = out.room() - kDeliveredFrameBytes;
    encode_ack(out, epoch.received.make_ack(now),
               has_content ? std::min(ack_room, kAckBytesBesideContent) : ack_room);
    if (epoch.inbox) encode_delivered(out, {epoch.inbox->delivered_below()});
    epoch.owes_ack = false;
  }
  if (!is_current) return {};
  if (const auto challenge = path_.due_challenge(); challenge && out.room() >= kPathFrameBytes) {
    encode_challenge(out, *challenge);
    path_.handle_challenge_sent(now, rtt_.rto());
  }
  if (response_due_ && out.room() >= kPathFrameBytes) {
    encode_response(out, *response_due_);
    response_due_.reset();
  }
  if (close_due_) {
    if (out.room() >= kCloseFrameBytes) encode_close(out, {*close_due_});
    return {};
  }
  if (has_content) {
    if (const auto carried = outbox_.write_content(now, out)) {
      is_awaited = true;
      is_probe_due_ = false;
      return *carried;
    }
  }
  if (is_probe_due_ && out.room() >= kStreamFrameBytes) {
    outbox_.write_stream(out);
    is_awaited = true;
    is_probe_due_ = false;
  }
  return {};
}

}  // namespace peer::sealed
