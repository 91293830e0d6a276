// Where the other side is: an endpoint, whether it is proven that he receives there, and what may
// be sent until then (docs/protocol/sealed-datagram.md, "Paths"). A core; one a session.
#pragma once

#include <cstdint>
#include <optional>

#include "common/endpoint.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

class Path {
 public:
  /// An endpoint that somebody named, of which nothing is proven.
  explicit Path(const common::Endpoint& endpoint) : endpoint_(endpoint) {}

  const common::Endpoint& endpoint() const { return endpoint_; }
  bool is_proven() const { return is_proven_; }

  /// Bytes that may be sent now. security: an address that is not proven gets kAmplificationMax
  /// times what came from it, so that nobody can aim us at a stranger.
  std::size_t allowance() const {
    return is_proven_ ? SIZE_MAX : kAmplificationMax * received_ - sent_;
  }
  void handle_sent(std::size_t bytes) {
    if (!is_proven_) sent_ += bytes;
  }

  /// Bytes came from there in a datagram that is authentic or, before any session, plausible.
  void handle_received(const common::Endpoint& from, std::size_t bytes) {
    if (from == endpoint_ && !is_proven_) received_ += bytes;
  }
  /// He answered from there to what only he could read, and we sent it there.
  void prove() {
    is_proven_ = true;
    challenge_.reset();
    is_challenge_due_ = false;
    proven_ = endpoint_;
  }
  /// An authentic datagram, the newest of its key, came from elsewhere: he has moved. The endpoint
  /// before, if it was proven, is kept in case he has not.
  void move(common::TimePoint now, const common::Endpoint& to, common::Random& random);
  /// An authentic datagram came from endpoint(): if that is not proven, and no challenge is under
  /// way, one is due. Else an address that a directory gave, or whose challenges were lost, would
  /// have its share and no more for as long as the keys last.
  void ask_for_proof(common::TimePoint now, common::Random& random);
  /// A directory says that he is somewhere else.
  void restart(const common::Endpoint& endpoint) { *this = Path(endpoint); }

  /// The challenge to put into the next datagram to endpoint().
  std::optional<PathToken> due_challenge() const {
    return is_challenge_due_ ? challenge_ : std::nullopt;
  }
  void handle_challenge_sent(common::TimePoint now, common::Duration rto) {
    is_challenge_due_ = false;
    next_challenge_ = now + rto;
  }
  /// True if the answer proves the endpoint.
  bool handle_response(const PathToken& token);

  /// Repeats the challenge, or goes back to the endpoint that was proven.
  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout() const {
    return challenge_ ? std::optional(next_challenge_) : std::nullopt;
  }

 private:
  static constexpr int kChallengesMax = 3;

  common::Endpoint endpoint_;
  bool is_proven_ = false;
  std::size_t received_ = 0;  // since it is unproven
  std::size_t sent_ = 0;
  std::optional<PathToken> challenge_;
  bool is_challenge_due_ = false;
  int challenges_ = 0;
  common::TimePoint next_challenge_{};
  std::optional<common::Endpoint> proven_;  // the last one that was
};

}  // namespace peer::sealed
