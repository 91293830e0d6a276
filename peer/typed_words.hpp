// The words of a line that somebody typed, and the names of a list in it. A core.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace peer {

/// A line typed elsewhere may end with a carriage return.
inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the first word off `text`, and the blanks around what is left.
inline std::string_view take_word(std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), is_blank);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text = trim(text.substr(word.size()));
  return word;
}

/// "a, b,,c" is three names.
inline std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  for (;;) {
    const auto comma = list.find(',');
    const std::string_view name = trim(list.substr(0, comma));
    if (!name.empty()) names.emplace_back(name);
    if (comma == list.npos) return names;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace peer
