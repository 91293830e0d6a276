// What text may reach a terminal, written down a second time and without the library that the
// product uses: the sanitizer is checked against these rules and not against itself.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "common/check.hpp"

namespace fuzz {

/// Calls `visit` with each code point; false if the text is not well-formed UTF-8 (RFC 3629).
template <typename Visit>
bool for_each_code_point(std::string_view text, Visit visit) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
    };
    const unsigned lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0) return false;
    char32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(k) & 0xc0) != 0x80) return false;
      point = (point << 6) | (byte(k) & 0x3f);
    }
    constexpr std::array<char32_t, 5> kFirstOfLength = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kFirstOfLength[length] || point > 0x10ffff) return false;
    if (point >= 0xd800 && point <= 0xdfff) return false;
    visit(point);
    i += length;
  }
  return true;
}

inline bool is_well_formed(std::string_view text) {
  return for_each_code_point(text, [](char32_t) {});
}

/// True for a character that commands a terminal, rearranges a line or cannot be seen.
inline bool is_terminal_hazard(char32_t c, bool tab_allowed) {
  if (c == '\t') return !tab_allowed;
  if (c >= ' ' && c <= '~') return false;
  constexpr std::array<std::pair<char32_t, char32_t>, 14> kHazards = {{
      {0x00, 0x1f},        // C0
      {0x7f, 0x9f},        // DEL, C1
      {0xad, 0xad},        // soft hyphen
      {0x61c, 0x61c},      // Arabic letter mark
      {0x180e, 0x180e},    // Mongolian vowel separator
      {0x200b, 0x200b},    // zero width space
      {0x200e, 0x200f},    // directional marks
      {0x2028, 0x202e},    // line and paragraph separators, embeddings and overrides
      {0x2060, 0x2064},    // word joiner, invisible operators
      {0x2066, 0x206f},    // isolates, deprecated controls
      {0xfeff, 0xfeff},    // byte order mark
      {0xfff9, 0xfffb},    // interlinear annotation
      {0xe0001, 0xe0001},  // language tag
      {0xe0020, 0xe007f},  // tags
  }};
  for (const auto& [first, last] : kHazards)
    if (c >= first && c <= last) return true;
  return false;
}

inline void ensure_harmless(std::string_view text, bool tab_allowed = true) {
  bool is_harmless = true;
  const bool is_text = for_each_code_point(
      text, [&](char32_t point) { is_harmless &= !is_terminal_hazard(point, tab_allowed); });
  ENSURE(is_text);
  ENSURE(is_harmless);
}

/// Every line of the text by itself is harmless.
inline void ensure_harmless_lines(std::string_view text) {
  while (true) {
    const auto end = text.find('\n');
    ensure_harmless(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace fuzz
