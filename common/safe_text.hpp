// Makes bytes from outside harmless before a terminal or a log sees them. A core.
#pragma once

#include <string>
#include <string_view>

namespace common {

/// `text` with everything that could command a terminal or rearrange a line made visible:
/// ill-formed UTF-8, C0 controls (TAB too if `tab_allowed` is false) and DEL as \xNN; C1 controls,
/// line and paragraph separators, bidirectional controls, invisible format characters as <U+XXXX>.
/// Zero-width joiners stay: Persian, Indic scripts and emoji need them, and they command nothing.
std::string to_terminal(std::string_view text, bool tab_allowed = true);

/// True when to_terminal would return the text unchanged.
bool is_harmless(std::string_view text);

/// True for well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace common
