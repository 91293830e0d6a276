#include "tests/unit/support/json_text.hpp"

#include <nlohmann/json.hpp>

namespace test {

std::string json_at(std::string_view text, std::string_view pointer) {
  const auto value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return "(not JSON)";
  const nlohmann::json::json_pointer path{std::string(pointer)};
  if (!value.contains(path)) return "(none)";
  const auto& found = value.at(path);
  return found.is_string() ? found.get<std::string>() : found.dump();
}

}  // namespace test
