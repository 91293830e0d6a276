// The one source of chance that a core may use. Shells pass common/os/random.hpp's system source,
// tests and the simulator a seeded one, so that every run of a core can be repeated exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/check.hpp"

namespace common {

class Random {
 public:
  virtual ~Random() = default;

  /// Fills the whole span with random bytes.
  virtual void fill(std::span<std::byte> out) = 0;

  /// A uniform number in [0, bound); bound must not be 0. The same draws give the same numbers on
  /// every platform, which std::uniform_int_distribution does not promise.
  std::uint64_t below(std::uint64_t bound) {
    ENSURE(bound != 0);
    const std::uint64_t unfair = (0 - bound) % bound;  // 2^64 mod bound: would favour low results
    for (;;) {
      const std::uint64_t draw = u64();
      if (draw >= unfair) return draw % bound;
    }
  }

  std::uint64_t u64() {
    std::byte raw[8];
    fill(raw);
    std::uint64_t value = 0;
    for (const std::byte b : raw) value = (value << 8) | std::to_integer<std::uint64_t>(b);
    return value;
  }
};

}  // namespace common
