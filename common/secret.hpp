// A secret key in memory: never copied by accident, and wiped when it goes. A core: a plain value.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "common/bytes.hpp"

namespace common {

/// Overwrites the bytes with zeros in a way that no compiler leaves out (common/crypto.cpp).
void wipe(std::span<std::byte> bytes);

/// 32 secret bytes. Moving wipes the source, destruction wipes what is left.
class Secret {
 public:
  static constexpr std::size_t kBytes = 32;

  /// All zeros: for a secret that is about to be written through bytes().
  Secret() = default;
  /// A copy of `bytes`, which stay the caller's to wipe.
  explicit Secret(std::span<const std::byte, kBytes> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  /// A second copy, where one is really meant.
  Secret clone() const { return Secret(bytes_); }

  std::span<const std::byte, kBytes> bytes() const { return bytes_; }
  std::span<std::byte, kBytes> bytes() { return bytes_; }

 private:
  std::array<std::byte, kBytes> bytes_{};
};

}  // namespace common
