// Writes fields of our binary formats into memory of a fixed size: little-endian integers and runs
// of bytes. What does not fit is a bug of the caller, who asks room() first.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "common/bytes.hpp"
#include "common/check.hpp"

namespace peer::sealed {

class SpanWriter {
 public:
  explicit SpanWriter(std::span<std::byte> out) : out_(out) {}

  void u8(std::uint8_t value) { integer<1>(value); }
  void u16(std::uint16_t value) { integer<2>(value); }
  void u32(std::uint32_t value) { integer<4>(value); }
  void u64(std::uint64_t value) { integer<8>(value); }
  void bytes(common::Bytes bytes) {
    ENSURE(bytes.size() <= room());
    if (!bytes.empty()) std::memcpy(out_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  std::size_t room() const { return out_.size() - size_; }
  std::size_t size() const { return size_; }

 private:
  template <std::size_t N>
  void integer(std::uint64_t value) {
    ENSURE(N <= room());
    for (std::size_t i = 0; i < N; ++i) {
      out_[size_ + i] = static_cast<std::byte>(value & 0xff);
      value >>= 8;
    }
    size_ += N;
  }

  std::span<std::byte> out_;
  std::size_t size_ = 0;
};

}  // namespace peer::sealed
