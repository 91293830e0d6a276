// What the system says of its errors, to stand inside a sentence. For shells.
#pragma once

#include <cstring>
#include <string>

namespace peer {

inline std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

/// "connection refused".
inline std::string describe_errno(int error) { return lower_first(std::strerror(error)); }

}  // namespace peer
