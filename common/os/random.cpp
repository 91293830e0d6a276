#include "common/os/random.hpp"

#include <sodium.h>

namespace common::os {

void SystemRandom::fill(std::span<std::byte> out) {
  ENSURE(sodium_init() >= 0);  // harmless when called again
  randombytes_buf(out.data(), out.size());
}

}  // namespace common::os
