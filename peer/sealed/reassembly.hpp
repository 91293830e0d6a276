// One message that comes in parts, and the budget of memory that all of them share. A core.
#pragma once

#include <cstdint>

#include "peer/sealed/frames.hpp"

namespace peer::sealed {

/// Memory that strangers may make us hold, counted. One a process.
class HeldBudget {
 public:
  explicit HeldBudget(std::size_t bytes_max = kHeldBytesMax) : left_(bytes_max) {}

  [[nodiscard]] bool try_take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void give_back(std::size_t bytes) { left_ += bytes; }
  std::size_t left() const { return left_; }

 private:
  std::size_t left_;
};

/// The body of one message, filled fragment by fragment in any order.
class Reassembly {
 public:
  /// Begins with any of its fragments.
  explicit Reassembly(const Fragment& first);

  /// False if the fragment is of another message than the first one said.
  [[nodiscard]] bool add(const Fragment& fragment);

  bool is_complete() const { return missing_ == 0; }
  /// The whole body; only when complete.
  common::Bytes body() const;

 private:
  MessageKind kind_;
  Level level_;
  MessageId id_;
  common::ByteVector body_;
  std::uint64_t missing_;  // bit i: fragment i has not come
};

}  // namespace peer::sealed
