// Chance that repeats exactly for a seed, on every platform.
#pragma once

#include <random>

#include "common/random.hpp"

namespace sim {

class SeededRandom final : public common::Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}

  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(engine_() & 0xff);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sim
