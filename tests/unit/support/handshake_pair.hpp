// Two processes that may open sessions with each other: alice, who initiates, and bob, who answers.
#pragma once

#include <doctest/doctest.h>

#include <string_view>

#include "peer/sealed/handshake_initiator.hpp"
#include "peer/sealed/handshake_responder.hpp"
#include "peer/sealed/session_key_ring.hpp"
#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// Every byte drawn has the value set: keys as vectors name them.
class FixedRandom final : public common::Random {
 public:
  explicit FixedRandom(unsigned value) : value_(value) {}
  void set(unsigned value) { value_ = value; }
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(value_);
  }

 private:
  unsigned value_;
};

inline common::UserName name_of(std::string_view text) { return *common::UserName::parse(text); }

inline common::Identity identity_of(unsigned value) {
  return common::Identity::from_seed(common::Secret(repeated(value)));
}

constexpr common::WallTime kWallStart{1'700'000'000'000};

/// The keys of one process, and its responder.
struct Process {
  Process(std::string_view name, unsigned identity, unsigned session)
      : random(session),
        ring(identity_of(identity), name_of(name), 0, random, kStart, kWallStart),
        responder(ring, random, kStart) {}

  common::Certificate certificate() const {
    auto read = common::decode_certificate(ring.current().certificate);
    REQUIRE(read);
    return *std::move(read);
  }

  FixedRandom random;
  peer::sealed::SessionKeyRing ring;
  peer::sealed::HandshakeResponder responder;
};

/// The keys of docs/protocol/sealed-datagram.md, "Vectors".
struct HandshakePair {
  Process alice{"alice", 0xa1, 0xa2};
  Process bob{"bob", 0xb1, 0xb2};
  common::Endpoint from = endpoint("192.0.2.1:40001");

  /// An INIT from alice to bob; each `ephemeral` gives another.
  peer::sealed::HandshakeInitiator initiate(common::Bytes frames, unsigned ephemeral = 0xa3) {
    return initiate_to(bob.certificate(), frames, ephemeral);
  }
  peer::sealed::HandshakeInitiator initiate_to(const common::Certificate& recipient,
                                               common::Bytes frames, unsigned ephemeral = 0xa3) {
    alice.random.set(ephemeral);
    auto handshake = peer::sealed::HandshakeInitiator::begin(alice.ring.current(), recipient,
                                                             0x11223344, frames, alice.random);
    REQUIRE(handshake);
    return *std::move(handshake);
  }

  /// What bob makes of a datagram that must be an INIT by its shape.
  peer::sealed::HandshakeResponder::Result give_bob(common::Bytes datagram,
                                                    common::TimePoint now = kStart,
                                                    common::WallTime wall_now = kWallStart) {
    const auto decoded = peer::sealed::decode_datagram(datagram);
    REQUIRE(decoded);
    REQUIRE(std::holds_alternative<peer::sealed::Init>(*decoded));
    return bob.responder.handle_init(now, wall_now, from, std::get<peer::sealed::Init>(*decoded));
  }

  /// Bob's RESP to an INIT he believes.
  peer::sealed::HandshakeResponder::Answer answer(peer::sealed::HandshakeResponder::Result result,
                                                  common::Bytes frames,
                                                  common::TimePoint now = kStart) {
    REQUIRE(std::holds_alternative<peer::sealed::IncomingHandshake>(result));
    bob.random.set(0xb3);
    return bob.responder.answer(now, std::get<peer::sealed::IncomingHandshake>(std::move(result)),
                                0x55667788, frames);
  }
};

inline bool is_believed(const peer::sealed::HandshakeResponder::Result& result) {
  return std::holds_alternative<peer::sealed::IncomingHandshake>(result);
}
inline bool is_refused(const peer::sealed::HandshakeResponder::Result& result,
                       peer::sealed::InitRefusal why) {
  const auto* refusal = std::get_if<peer::sealed::InitRefusal>(&result);
  return refusal != nullptr && *refusal == why;
}

/// What alice makes of a datagram that must be a RESP by its shape.
inline std::optional<peer::sealed::HandshakeInitiator::Established> give_resp(
    peer::sealed::HandshakeInitiator& initiator, common::Bytes datagram) {
  const auto decoded = peer::sealed::decode_datagram(datagram);
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<peer::sealed::Resp>(*decoded));
  return initiator.handle_resp(std::get<peer::sealed::Resp>(*decoded));
}

}  // namespace test
