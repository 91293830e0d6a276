// Bytes as hex, the way vectors are written down.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "common/check.hpp"

namespace test {

inline std::string to_hex(common::Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes) {
    out += kDigits[std::to_integer<std::size_t>(byte) >> 4];
    out += kDigits[std::to_integer<std::size_t>(byte) & 15];
  }
  return out;
}

/// Pairs of small hex digits, blanks between them skipped; anything else ends the program.
inline common::ByteVector from_hex(std::string_view text) {
  const auto digit = [](char c) {
    const auto at = std::string_view("0123456789abcdef").find(c);
    ENSURE(at != std::string_view::npos);
    return static_cast<unsigned>(at);
  };
  std::string dense;
  for (const char c : text)
    if (c != ' ' && c != '\n') dense += c;
  ENSURE(dense.size() % 2 == 0);
  common::ByteVector out;
  for (std::size_t i = 0; i < dense.size(); i += 2)
    out.push_back(static_cast<std::byte>(digit(dense[i]) * 16 + digit(dense[i + 1])));
  return out;
}

template <std::size_t N>
std::array<std::byte, N> array_from_hex(std::string_view text) {
  const common::ByteVector bytes = from_hex(text);
  ENSURE(bytes.size() == N);
  std::array<std::byte, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

/// N bytes of the same value.
template <std::size_t N = 32>
std::array<std::byte, N> repeated(unsigned value) {
  std::array<std::byte, N> out{};
  out.fill(static_cast<std::byte>(value));
  return out;
}

}  // namespace test
