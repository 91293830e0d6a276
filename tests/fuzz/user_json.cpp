// Any text as the registry's JSON, and any text as a JSON string.
#include "common/user_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/limits.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using common::JsonError;
using common::User;
using nlohmann::json;

json parse(std::string_view text) { return json::parse(text, nullptr, /*allow_exceptions=*/false); }

void check_user(const User& user) {
  ENSURE(common::UserName::parse(user.name.text()).has_value());
  ENSURE(user.endpoint.address.is_unicast() && user.endpoint.port >= common::kUserPortMin);

  std::string text;
  common::append_user_json(text, user);
  const json object = parse(text);
  ENSURE(object.is_object() && object.size() == (user.certificate ? 6 : 5));
  if (user.certificate) ENSURE(object["certificate"] == *user.certificate);
  ENSURE(object["name"] == user.name.text());
  ENSURE(object["endpoint"] == common::format_endpoint(user.endpoint));
  const auto again = common::decode_user(text);
  ENSURE(again && again->name.text() == user.name.text() && again->endpoint == user.endpoint);
  ENSURE(again->transport == user.transport && again->door == user.door);
  ENSURE((again->certificate != nullptr) == (user.certificate != nullptr));
}

void check_list(std::string_view text) {
  const auto list = common::decode_user_list(text);
  if (!list) return;
  const json object = parse(text);
  ENSURE(object.is_object() && object["version"] == list->version);
  ENSURE(object["users"].size() >= list->users.size());
  ENSURE(list->full || object["removed"].size() >= list->removed.size());

  std::string again_text = R"({"v":1,"version":)" + std::to_string(list->version) + R"(,"users":[)";
  for (const User& user : list->users) {
    check_user(user);
    if (&user != &list->users.front()) again_text += ',';
    common::append_user_json(again_text, user);
  }
  const auto again = common::decode_user_list(again_text + "]}\n");
  ENSURE(again && again->full && again->version == list->version);
  ENSURE(again->users.size() == list->users.size());
  for (std::size_t i = 0; i < list->users.size(); ++i)
    ENSURE(again->users[i].name.text() == list->users[i].name.text());
}

void check_others(std::string_view text) {
  if (const auto user = common::decode_user(text)) check_user(*user);
  if (const auto registration = common::decode_registration(text))
    ENSURE(parse(text)["lease_s"] == registration->lease_s);
  if (const auto error = common::decode_error(text)) {
    ENSURE(error->code >= 0 && error->code <= 99'999 && error->http >= 0 && error->http <= 599);
    ENSURE(parse(text)["error"] == error->error);
  }
}

/// How deep the arrays and objects of a legal JSON text are nested. The library takes a NUL for its
/// end, whatever follows.
int depth_of(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    if (in_string) continue;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

void check_errors(std::string_view text) {
  const auto user = common::decode_user(text);
  const auto list = common::decode_user_list(text);
  if (!json::accept(text)) {
    ENSURE(!user && user.error() != JsonError::kWrongShape);
    ENSURE(!list && list.error() == user.error());
    ENSURE(!common::decode_registration(text) && !common::decode_error(text));
    return;
  }
  if (!user) ENSURE(user.error() != JsonError::kNotJson);
  const int depth = depth_of(text);
  const bool is_too_deep = !user && user.error() == JsonError::kTooDeep;
  if (depth > common::kJsonDepthMax + 1) ENSURE(is_too_deep);
  if (depth < common::kJsonDepthMax) ENSURE(!is_too_deep);
}

void check_string(std::string_view text) {
  const bool is_text = fuzz::is_well_formed(text);
  for (const bool ascii : {false, true}) {
    const std::string quoted = common::json_string(text, ascii);
    const json value = parse(quoted);
    ENSURE(value.is_string());
    if (is_text) ENSURE(value.get<std::string>() == text);
    for (const char c : quoted) ENSURE(static_cast<unsigned char>(c) >= ' ');
    if (ascii)
      for (const char c : quoted) ENSURE(c >= ' ' && c <= '~');
    ENSURE(fuzz::is_well_formed(quoted));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_list(input);
  check_others(input);
  check_errors(input);
  check_string(input);
  return 0;
}
