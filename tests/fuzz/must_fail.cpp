// Must fail. It stands for a parser with a bug that no seed shows and a few mutations do: if this
// target passes, failures of the others would not be seen either.
#include <string_view>

#include "common/check.hpp"
#include "tests/fuzz/support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_input(data, size);
  const bool has_planted_bug = text.starts_with("name") && text.find('@') == text.npos;
  ENSURE(!has_planted_bug);
  return 0;
}
