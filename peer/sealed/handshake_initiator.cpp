#include "peer/sealed/handshake_initiator.hpp"

#include <algorithm>
#include <utility>

#include "common/byte_codec.hpp"

namespace peer::sealed {

using common::Bytes;
using common::ByteVector;

HandshakeInitiator::HandshakeInitiator(NoiseInitiator noise, const common::ExchangeKey& recipient,
                                       SessionIndex own_index)
    : noise_(std::move(noise)),
      recipient_key_(key_id_of(recipient)),
      mac1_key_(mac1_key_of(recipient)),
      own_index_(own_index) {}

std::optional<HandshakeInitiator> HandshakeInitiator::begin(const OwnSessionKey& own,
                                                            const common::Certificate& recipient,
                                                            SessionIndex own_index, Bytes frames,
                                                            common::Random& random) {
  ByteVector payload = own.certificate;
  common::ByteWriter(payload).bytes(frames);
  const std::size_t size = kInitBytesMin + payload.size();
  ENSURE(size <= kDatagramBytesMax);

  const auto header = encode_init_header(own_index, key_id_of(recipient.session));
  HandshakeInitiator handshake(
      NoiseInitiator(own.pair, recipient.session, NoiseKeyPair::of(common::make_secret(random)),
                     prologue_of(header, recipient.identity, recipient.name.text())),
      recipient.session, own_index);
  ByteVector& out = handshake.datagram_;
  out.resize(size);
  std::copy(header.begin(), header.end(), out.begin());
  const auto noise =
      std::span(out).subspan(kInitHeaderBytes, kNoiseMessage1Overhead + payload.size());
  if (!handshake.noise_.write_message_1(payload, noise)) return std::nullopt;
  handshake.write_tail(Token{});
  return handshake;
}

void HandshakeInitiator::write_tail(const Token& token) {
  const auto tail = std::span(datagram_).last(kTokenBytes + kMac1Bytes);
  std::copy(token.begin(), token.end(), tail.begin());
  const Mac1 mac1 = mac1_of(mac1_key_, Bytes(datagram_).first(datagram_.size() - kMac1Bytes));
  std::copy(mac1.begin(), mac1.end(), tail.begin() + kTokenBytes);
}

bool HandshakeInitiator::handle_retry(const Retry& retry) {
  if (retry.receiver_index != own_index_ || retries_ >= kRetriesMax || is_established_)
    return false;
  ++retries_;
  write_tail(retry.token);
  return true;
}

bool HandshakeInitiator::is_for_this(const KeyHint& hint) const {
  return hint.receiver_index == own_index_ && hint.unknown_key == recipient_key_;
}

std::optional<HandshakeInitiator::Established> HandshakeInitiator::handle_resp(const Resp& resp) {
  if (resp.receiver_index != own_index_ || is_established_) return std::nullopt;
  auto answer = noise_.read_message_2(resp.noise);
  if (!answer) return std::nullopt;
  common::ByteReader in(answer->payload);
  // security: the header is bound nowhere else. Without this a relay could change sender_index.
  const Bytes header = in.bytes(kRespHeaderBytes);
  if (in.failed() || !std::equal(header.begin(), header.end(), resp.header.begin()))
    return std::nullopt;
  is_established_ = true;
  const Bytes frames = in.rest();
  return Established{.keys = {.send = {std::move(answer->transport.from_initiator), {}},
                              .receive = {std::move(answer->transport.from_responder)}},
                     .remote_index = resp.sender_index,
                     .frames = ByteVector(frames.begin(), frames.end())};
}

}  // namespace peer::sealed
