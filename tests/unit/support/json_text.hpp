// Looks into JSON with the library itself, so that our own reader and writer are not their only
// judge.
#pragma once

#include <string>
#include <string_view>

namespace test {

/// The value at a JSON pointer ("/users/0/name"): a string as it is, anything else as JSON text;
/// "(none)" if nothing is there, "(not JSON)" if the text does not parse.
std::string json_at(std::string_view text, std::string_view pointer);

}  // namespace test
