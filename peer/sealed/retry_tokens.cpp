#include "peer/sealed/retry_tokens.hpp"

#include <span>
#include <utility>

#include "common/byte_codec.hpp"
#include "common/crypto.hpp"

namespace peer::sealed {
namespace {

Token token_of(const common::Secret& secret, const common::Endpoint& from,
               SessionIndex sender_index) {
  common::ByteVector rest;
  common::ByteWriter write(rest);
  write.u8(from.address.is_v6() ? 6 : 4);
  write.bytes(std::as_bytes(std::span(from.address.bytes())));
  write.u16(from.port);
  write.u32(sender_index);
  return common::blake2b_128(secret.bytes(), {rest});
}

}  // namespace

// Both secrets are random from the start: a secret of zeros would be everybody's.
RetryTokens::RetryTokens(common::Random& random, common::TimePoint now)
    : random_(random),
      current_(common::make_secret(random)),
      previous_(common::make_secret(random)),
      renew_at_(now + kSecretLifetime) {}

Token RetryTokens::make(common::TimePoint now, const common::Endpoint& from,
                        SessionIndex sender_index) {
  renew_if_due(now);
  return token_of(current_, from, sender_index);
}

bool RetryTokens::verify(common::TimePoint now, const common::Endpoint& from,
                         SessionIndex sender_index, const Token& token) {
  renew_if_due(now);
  const Token current = token_of(current_, from, sender_index);
  const Token previous = token_of(previous_, from, sender_index);
  return common::is_equal_in_constant_time(token, current) ||
         common::is_equal_in_constant_time(token, previous);
}

void RetryTokens::renew_if_due(common::TimePoint now) {
  if (now < renew_at_) return;
  // Idle for two lifetimes or more: the current secret is too old to become the previous one.
  previous_ = now < renew_at_ + kSecretLifetime ? std::move(current_) : make_secret(random_);
  current_ = common::make_secret(random_);
  renew_at_ = now + kSecretLifetime;
}

}  // namespace peer::sealed
