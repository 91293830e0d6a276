#include "peer/sealed/session_key_ring.hpp"

#include <algorithm>
#include <utility>

namespace peer::sealed {

SessionKeyRing::SessionKeyRing(common::Identity identity, common::UserName name,
                               std::uint64_t last_serial, common::Random& random,
                               common::TimePoint now, common::WallTime wall_now)
    : identity_(std::move(identity)),
      name_(std::move(name)),
      random_(random),
      last_serial_(last_serial) {
  make_current(now, wall_now);
}

OwnSessionKey* SessionKeyRing::find(const KeyId& id) {
  if (current_->id == id) return current_.get();
  if (previous_ && previous_->id == id) return previous_.get();
  return nullptr;
}

bool SessionKeyRing::handle_timeout(common::TimePoint now, common::WallTime wall_now) {
  current_->ephemerals.drop_old_resps(now);
  if (previous_) previous_->ephemerals.drop_old_resps(now);
  if (previous_ && now >= previous_until_) previous_.reset();
  const bool is_early_due = is_rotation_wanted_ && now >= made_at_ + kEarlyRotationMin;
  if (!is_early_due && now < made_at_ + kCurrentLifetime) return false;
  previous_ = std::move(current_);
  previous_until_ = now + kPreviousLifetime;
  make_current(now, wall_now);
  return true;
}

common::TimePoint SessionKeyRing::next_timeout() const {
  common::TimePoint due =
      made_at_ + (is_rotation_wanted_ ? common::Duration(kEarlyRotationMin) : kCurrentLifetime);
  if (previous_) due = std::min(due, previous_until_);
  return due;
}

std::uint64_t SessionKeyRing::take_serial(common::WallTime wall_now) {
  const auto now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(wall_now.unix_ms, 0));
  last_serial_ = std::max(now_ms, last_serial_ + 1);
  return last_serial_;
}

void SessionKeyRing::make_current(common::TimePoint now, common::WallTime wall_now) {
  NoiseKeyPair pair = NoiseKeyPair::of(common::make_secret(random_));
  const common::ExchangeKey key = pair.key;
  const std::uint64_t serial = take_serial(wall_now);
  constexpr auto kLifetimeSeconds = static_cast<std::uint64_t>(
      std::chrono::seconds(kCurrentLifetime + kPreviousLifetime).count());
  const std::uint64_t not_after_s = serial / 1000 + kLifetimeSeconds;
  current_ = std::make_unique<OwnSessionKey>(OwnSessionKey{
      .pair = std::move(pair),
      .id = key_id_of(key),
      .mac1_key = mac1_key_of(key),
      .certificate = common::issue_certificate(identity_, name_, key, serial, not_after_s),
      .serial = serial,
      .ephemerals = EphemeralCache(random_)});
  made_at_ = now;
  is_rotation_wanted_ = false;
}

}  // namespace peer::sealed
