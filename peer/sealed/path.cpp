#include "peer/sealed/path.hpp"

namespace peer::sealed {

void Path::move(common::TimePoint now, const common::Endpoint& to, common::Random& random) {
  endpoint_ = to;
  received_ = sent_ = 0;
  if (proven_ == to) {  // back where he was
    prove();
    return;
  }
  is_proven_ = false;
  random.fill(challenge_.emplace());
  is_challenge_due_ = true;
  challenges_ = 1;
  next_challenge_ = now;
}

bool Path::handle_response(const PathToken& token) {
  if (!challenge_ || token != *challenge_) return false;
  prove();
  return true;
}

void Path::handle_timeout(common::TimePoint now) {
  if (!challenge_ || is_challenge_due_ || now < next_challenge_) return;
  if (challenges_ < kChallengesMax) {
    ++challenges_;
    is_challenge_due_ = true;
    return;
  }
  challenge_.reset();
  if (!proven_) return;
  endpoint_ = *proven_;
  prove();
}

}  // namespace peer::sealed
