#include "common/safe_text.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <iterator>

namespace common {
namespace {

struct Decoded {
  utf8proc_int32_t code_point = -1;  // -1: this byte begins no well-formed character
  std::size_t bytes = 1;
};

Decoded decode_at(std::string_view text, std::size_t at) {
  Decoded decoded;
  const auto used =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                       static_cast<utf8proc_ssize_t>(text.size() - at), &decoded.code_point);
  if (used <= 0) return {};
  decoded.bytes = static_cast<std::size_t>(used);
  return decoded;
}

bool is_format_hazard(utf8proc_int32_t c) {
  constexpr utf8proc_int32_t kZeroWidthNonJoiner = 0x200c;
  constexpr utf8proc_int32_t kZeroWidthJoiner = 0x200d;
  if (c == kZeroWidthNonJoiner || c == kZeroWidthJoiner) return false;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:  // C1; C0 was handled before
    case UTF8PROC_CATEGORY_CF:  // bidi controls, zero-width, tags, byte order mark
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return false;
  }
}

bool is_ascii_hazard(utf8proc_int32_t c, bool tab_allowed) {
  return (c < 0x20 && !(c == '\t' && tab_allowed)) || c == 0x7f;
}

}  // namespace

std::string to_terminal(std::string_view text, bool tab_allowed) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded found = decode_at(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (found.code_point < 0 || is_ascii_hazard(found.code_point, tab_allowed)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else if (found.code_point >= 0x80 && is_format_hazard(found.code_point)) {
      fmt::format_to(std::back_inserter(out), "<U+{:04X}>",
                     static_cast<unsigned>(found.code_point));
    } else {
      out.append(text, at, found.bytes);
    }
    at += found.bytes;
  }
  return out;
}

bool is_harmless(std::string_view text) { return to_terminal(text) == text; }

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Decoded found = decode_at(text, at);
    if (found.code_point < 0) return false;
    at += found.bytes;
  }
  return true;
}

}  // namespace common
