// "Did you mean": the nearest known word to one that is not known. A core.
#pragma once

#include <span>
#include <string_view>

namespace common {

/// The candidate with the fewest single-character edits from `word`, if there is one within 2;
/// else empty.
std::string_view suggest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace common
