// Reads and writes the fields of our binary formats: little-endian integers and runs of bytes. A
// core: no allocation but the writer's own growth.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/bytes.hpp"

namespace common {

/// Takes fields off the front of some bytes, which must outlive it. A read past the end gives zeros
/// (or no bytes), and is remembered: ask finished() once, after the last field.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer<2>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer<4>()); }
  std::uint64_t u64() { return integer<8>(); }

  /// The next `size` bytes, a view into what was given; empty when there are not so many.
  Bytes bytes(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const Bytes taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  /// The next N bytes as a copy; zeros when there are not so many.
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const Bytes taken = bytes(N);
    std::copy(taken.begin(), taken.end(), out.begin());
    return out;
  }

  /// All that is left; afterwards nothing is.
  Bytes rest() { return bytes(rest_.size()); }
  std::size_t remaining() const { return rest_.size(); }

  /// A read went past the end.
  bool failed() const { return failed_; }
  /// Every byte was read, and no read went past the end.
  bool finished() const { return !failed_ && rest_.empty(); }

 private:
  template <std::size_t N>
  std::uint64_t integer() {
    const Bytes taken = bytes(N);
    std::uint64_t value = 0;
    for (std::size_t i = taken.size(); i > 0; --i)
      value = (value << 8) | std::to_integer<std::uint64_t>(taken[i - 1]);
    return value;
  }

  Bytes rest_;
  bool failed_ = false;
};

/// Appends fields to a vector, which must outlive it.
class ByteWriter {
 public:
  explicit ByteWriter(ByteVector& out) : out_(out) {}

  void u8(std::uint8_t value) { integer<1>(value); }
  void u16(std::uint16_t value) { integer<2>(value); }
  void u32(std::uint32_t value) { integer<4>(value); }
  void u64(std::uint64_t value) { integer<8>(value); }
  void bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

 private:
  template <std::size_t N>
  void integer(std::uint64_t value) {
    for (std::size_t i = 0; i < N; ++i) {
      out_.push_back(static_cast<std::byte>(value & 0xff));
      value >>= 8;
    }
  }

  ByteVector& out_;
};

}  // namespace common
