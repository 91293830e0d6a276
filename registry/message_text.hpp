// What a text that goes through the registry may be: one line of UTF-8 that commands no terminal. A
// core.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace registry {

/// Longest text: anything that a person types, and twice a classic datagram.
inline constexpr std::size_t kMessageBytesMax = 4096;

/// True for UTF-8 without control characters other than TAB.
bool is_message_text(std::string_view text);

/// `text` on one line: each run of line ends becomes a blank, those at the end go. Nothing if it is
/// empty then, not UTF-8, longer than kMessageBytesMax, or has another control character than TAB.
std::optional<std::string> one_line_text(std::string_view text);

}  // namespace registry
