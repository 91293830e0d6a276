#include "peer/sealed/handshake_responder.hpp"

#include <algorithm>
#include <utility>

#include "common/byte_codec.hpp"

namespace peer::sealed {
namespace {

using common::Bytes;
using common::ByteVector;

template <std::size_t N>
ByteVector to_vector(const std::array<std::byte, N>& bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string_view to_string(InitRefusal refusal) {
  switch (refusal) {
    case InitRefusal::kUnknownKey:
      return "for an unknown session key";
    case InitRefusal::kBadMac1:
      return "wrong mac1";
    case InitRefusal::kTooMany:
      return "too many from one source";
    case InitRefusal::kReplayed:
      return "replayed";
    case InitRefusal::kKeyUsedUp:
      return "session key used up";
    case InitRefusal::kNotForUs:
      return "forged, or for another name or identity";
    case InitRefusal::kBadCertificate:
      return "bad certificate";
    case InitRefusal::kOtherKey:
      return "certificate for another session key";
    case InitRefusal::kExpired:
      return "expired certificate";
  }
  return "unknown reason";
}

HandshakeResponder::HandshakeResponder(SessionKeyRing& keys, common::Random& random,
                                       common::TimePoint now)
    : keys_(keys),
      random_(random),
      tokens_(random, now),
      source_inits_(kSourceInits, random),
      proven_inits_(kProvenSourceInits, random),
      source_hints_(kSourceKeyHints, random) {}

HandshakeResponder::Result HandshakeResponder::handle_init(common::TimePoint now,
                                                           common::WallTime wall_now,
                                                           const common::Endpoint& from,
                                                           const Init& init) {
  OwnSessionKey* own = keys_.find(init.recipient_key);
  if (own == nullptr) return hint_at_key(now, from, init);
  if (!common::is_equal_in_constant_time(mac1_of(own->mac1_key, init.before_mac1), init.mac1))
    return InitRefusal::kBadMac1;
  if (auto obstacle = check_rates(now, from, init)) return *std::move(obstacle);

  const common::ExchangeKey ephemeral = ephemeral_of(init.noise);
  if (own->ephemerals.contains(ephemeral)) {
    // security: only to the endpoint that sent it first, or a replayed INIT would aim RESPs.
    const ByteVector* resp = own->ephemerals.find_resp(now, ephemeral, from);
    if (resp == nullptr) return InitRefusal::kReplayed;
    return Reply{*resp};
  }
  if (own->ephemerals.is_full()) {
    // security: without a place to remember its ephemeral key an INIT could be replayed.
    if (own == &keys_.current()) keys_.want_rotation();
    return InitRefusal::kKeyUsedUp;
  }
  return read(wall_now, from, init, *own);
}

HandshakeResponder::Result HandshakeResponder::hint_at_key(common::TimePoint now,
                                                           const common::Endpoint& from,
                                                           const Init& init) {
  if (!source_hints_.take(now, from.address)) return InitRefusal::kUnknownKey;
  if (!from.address.is_loopback() && !all_hints_.take(now, kAllKeyHints))
    return InitRefusal::kUnknownKey;
  return Reply{to_vector(encode_key_hint({init.sender_index, init.recipient_key}))};
}

std::optional<HandshakeResponder::Result> HandshakeResponder::check_rates(
    common::TimePoint now, const common::Endpoint& from, const Init& init) {
  if (source_inits_.take(now, from.address) && all_inits_.take(now, kAllInits)) return std::nullopt;
  if (!tokens_.verify(now, from, init.sender_index, init.token))
    return Reply{
        to_vector(encode_retry({init.sender_index, tokens_.make(now, from, init.sender_index)}))};
  if (proven_inits_.take(now, from.address)) return std::nullopt;
  return InitRefusal::kTooMany;
}

HandshakeResponder::Result HandshakeResponder::read(common::WallTime wall_now,
                                                    const common::Endpoint& from, const Init& init,
                                                    OwnSessionKey& own) {
  // security: the prologue names us, so an INIT for another name or identity does not decrypt.
  auto message = NoiseResponder::read_message_1(
      own.pair, prologue_of(init.header, keys_.identity().key(), keys_.name().text()), init.noise);
  if (!message) return InitRefusal::kNotForUs;
  common::ByteReader in(message->payload);
  auto certificate = common::read_certificate(in);
  if (!certificate) return InitRefusal::kBadCertificate;
  // security: Noise proved who holds the session key; this ties that key to the identity.
  if (certificate->session != message->remote_static) return InitRefusal::kOtherKey;
  if (certificate->is_expired(wall_now)) return InitRefusal::kExpired;
  own.ephemerals.insert(message->remote_ephemeral);

  IncomingHandshake handshake(std::move(message->responder), *std::move(certificate));
  handshake.frames_at_ = message->payload.size() - in.remaining();
  handshake.payload_ = std::move(message->payload);
  const std::size_t init_bytes = init.before_mac1.size() + kMac1Bytes;
  handshake.frames_bytes_max_ = init_bytes - kRespBytesMin;
  handshake.remote_index_ = init.sender_index;
  handshake.from_ = from;
  handshake.ephemeral_ = message->remote_ephemeral;
  handshake.own_key_ = own.id;
  return handshake;
}

HandshakeResponder::Answer HandshakeResponder::answer(common::TimePoint now,
                                                      IncomingHandshake handshake,
                                                      SessionIndex own_index, Bytes frames) {
  ENSURE(frames.size() <= handshake.frames_bytes_max_);
  const auto header = encode_resp_header(own_index, handshake.remote_index_);
  ByteVector payload = to_vector(header);
  common::ByteWriter(payload).bytes(frames);
  ByteVector datagram(kRespHeaderBytes + kNoiseMessage2Overhead + payload.size());
  std::copy(header.begin(), header.end(), datagram.begin());
  NoiseTransport transport =
      std::move(handshake.noise_)
          .write_message_2(NoiseKeyPair::of(common::make_secret(random_)), payload,
                           std::span(datagram).subspan(kRespHeaderBytes));
  // The key may have been rotated away while the caller thought; then no INIT for it comes through.
  if (OwnSessionKey* own = keys_.find(handshake.own_key_))
    own->ephemerals.keep_resp(now, handshake.ephemeral_, handshake.from_, datagram);
  return Answer{.datagram = std::move(datagram),
                .keys = {.send = {std::move(transport.from_responder), {}},
                         .receive = {std::move(transport.from_initiator)}}};
}

}  // namespace peer::sealed
