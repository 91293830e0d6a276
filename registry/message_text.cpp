#include "registry/message_text.hpp"

#include <algorithm>

#include "common/safe_text.hpp"

namespace registry {

// security: a control character could command the terminal of an old program, which shows texts as
// they come; TAB cannot.
bool is_message_text(std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return true;
  const auto is_control = [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
  };
  if (std::any_of(text.begin(), text.end(), is_control) || !common::is_utf8(text)) return false;
  // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

std::optional<std::string> one_line_text(std::string_view text) {
  const auto ends_line = [](char c) { return c == '\r' || c == '\n'; };
  while (!text.empty() && ends_line(text.back())) text.remove_suffix(1);
  std::string line;
  line.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!ends_line(text[i])) {
      line += text[i];
    } else if (i == 0 || !ends_line(text[i - 1])) {
      line += ' ';
    }
  }
  if (line.empty() || line.size() > kMessageBytesMax || !is_message_text(line)) return std::nullopt;
  return line;
}

}  // namespace registry
