// The operating system's randomness, for shells to hand to cores.
#pragma once

#include "common/random.hpp"

namespace common::os {

/// Cryptographically secure; safe from any thread.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

}  // namespace common::os
