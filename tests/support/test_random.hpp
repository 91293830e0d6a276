// A seeded source of chance for tests: the same seed gives the same run on every machine.
#pragma once

#include <random>

#include "common/random.hpp"

namespace test {

class TestRandom final : public common::Random {
 public:
  explicit TestRandom(std::uint64_t seed) : engine_(seed) {}

  /// Eight bytes a draw, highest first, so that u64() returns the engine's own numbers; what is
  /// left of a draw at the end of the span is dropped.
  void fill(std::span<std::byte> out) override {
    std::uint64_t draw = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) draw = engine_();
      out[i] = static_cast<std::byte>(draw >> 56);
      draw <<= 8;
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace test
