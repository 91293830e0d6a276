// Bytes as spans and owned vectors, and the one place that views them as text.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace common {

using Bytes = std::span<const std::byte>;
using ByteVector = std::vector<std::byte>;

/// The text's bytes; valid as long as the text.
inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The bytes seen as text, valid as long as the bytes. Says nothing on their encoding.
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline ByteVector to_vector(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

}  // namespace common
