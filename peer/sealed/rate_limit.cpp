#include "peer/sealed/rate_limit.hpp"

#include <algorithm>
#include <span>

#include "common/crypto.hpp"

namespace peer::sealed {

bool TokenBucket::take(common::TimePoint now, const Rate& rate) {
  const common::Duration interval =
      common::Duration(std::chrono::seconds(1)) / std::int64_t{rate.per_second};
  const common::TimePoint full_at = std::max(full_at_, now);
  if (full_at - now > interval * (std::int64_t{rate.burst} - 1)) return false;
  full_at_ = full_at + interval;
  return true;
}

SourceBuckets::SourceBuckets(Rate rate, common::Random& random) : rate_(rate), buckets_(kBuckets) {
  random.fill(key_);
}

bool SourceBuckets::take(common::TimePoint now, const common::IpAddress& source) {
  if (source.is_loopback()) return true;
  constexpr std::size_t kV4Bytes = 4;
  constexpr std::size_t kV6NetworkBytes = 8;
  const auto network =
      std::as_bytes(std::span(source.bytes())).first(source.is_v6() ? kV6NetworkBytes : kV4Bytes);
  return buckets_[common::siphash(key_, network) % kBuckets].take(now, rate_);
}

}  // namespace peer::sealed
