// How often something may happen: a token bucket, alone or one a source address in a table of fixed
// size. A core: time is an argument.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/endpoint.hpp"
#include "common/random.hpp"
#include "common/time.hpp"

namespace peer::sealed {

/// `per_second` in the long run, `burst` at once.
struct Rate {
  std::uint32_t per_second;
  std::uint32_t burst;
};

/// One bucket, kept as the time at which it would be full again.
class TokenBucket {
 public:
  /// True, and one token less, if there is one.
  bool take(common::TimePoint now, const Rate& rate);

 private:
  common::TimePoint full_at_{};
};

/// A bucket for each source address, an IPv6 /64 network counting as one source. Loopback has no
/// limit: who sends from there can do worse to this machine. The table never grows: sources that
/// fall on the same place share a bucket, and a secret key keeps strangers from choosing whose.
class SourceBuckets {
 public:
  SourceBuckets(Rate rate, common::Random& random);

  bool take(common::TimePoint now, const common::IpAddress& source);

 private:
  static constexpr std::size_t kBuckets = 4096;  // 32 KiB; a power of two

  Rate rate_;
  std::array<std::byte, 16> key_{};
  std::vector<TokenBucket> buckets_;
};

}  // namespace peer::sealed
