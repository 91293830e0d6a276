// Tokens that prove a source address: who returns one has received it there. Nothing is stored for
// them; they are recomputed. A core.
#pragma once

#include <array>
#include <chrono>

#include "common/endpoint.hpp"
#include "common/random.hpp"
#include "common/secret.hpp"
#include "common/time.hpp"
#include "peer/sealed/datagram_header.hpp"

namespace peer::sealed {

class RetryTokens {
 public:
  /// How long a secret makes tokens; it is accepted for as long again.
  static constexpr std::chrono::seconds kSecretLifetime{120};

  RetryTokens(common::Random& random, common::TimePoint now);

  /// The token for an INIT with this index from this endpoint.
  Token make(common::TimePoint now, const common::Endpoint& from, SessionIndex sender_index);

  /// True for a token that make() gave for the same endpoint and index less than 120 s ago; false
  /// after 240 s at the latest.
  bool verify(common::TimePoint now, const common::Endpoint& from, SessionIndex sender_index,
              const Token& token);

 private:
  void renew_if_due(common::TimePoint now);

  common::Random& random_;
  common::Secret current_;
  common::Secret previous_;
  common::TimePoint renew_at_;
};

}  // namespace peer::sealed
