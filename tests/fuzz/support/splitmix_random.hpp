// Chance for the cores under test: the same seed gives the same run, and making one costs nothing,
// which matters when each of a million inputs needs its own.
#pragma once

#include <cstdint>

#include "common/random.hpp"

namespace fuzz {

class SplitmixRandom final : public common::Random {
 public:
  explicit SplitmixRandom(std::uint64_t seed = 1) : state_(seed) {}

  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) {
      std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      byte = static_cast<std::byte>(z >> 56);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace fuzz
