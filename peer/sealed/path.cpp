#include "peer/sealed/path.hpp"

#include "peer/sealed/limits.hpp"

namespace peer::sealed {

void Path::move(common::TimePoint now, const common::Endpoint& to, common::Random& random) {
  endpoint_ = to;
  received_ = sent_ = 0;
  if (proven_ == to) {  // back where he was
    prove();
    return;
  }
  is_proven_ = false;
  challenge_.reset();
  ask_for_proof(now, random);
}

void Path::ask_for_proof(common::TimePoint now, common::Random& random) {
  if (is_proven_ || challenge_) return;
  random.fill(challenge_.emplace());
  is_challenge_due_ = true;
  challenges_ = 1;
  next_challenge_ = now + kRtoInitial;  // also when it cannot leave for want of an allowance
}

bool Path::handle_response(const PathToken& token) {
  if (!challenge_ || token != *challenge_) return false;
  prove();
  return true;
}

void Path::handle_timeout(common::TimePoint now) {
  if (!challenge_ || now < next_challenge_) return;
  if (challenges_ < kChallengesMax) {
    ++challenges_;
    is_challenge_due_ = true;
    next_challenge_ = now + kRtoInitial;
    return;
  }
  is_challenge_due_ = false;
  challenge_.reset();
  if (!proven_) return;
  endpoint_ = *proven_;
  prove();
}

}  // namespace peer::sealed
