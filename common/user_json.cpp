#include "common/user_json.hpp"

#include <nlohmann/json.hpp>

#include "common/base64.hpp"
#include "common/certificate.hpp"
#include "common/classic_record.hpp"
#include "common/limits.hpp"

namespace common {
namespace {

using nlohmann::json;

/// Parses without exceptions and refuses deep nesting while it reads (kJsonDepthMax says why).
expected<json, JsonError> parse(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, json::parse_event_t, json&) {
    too_deep |= depth > kJsonDepthMax;
    return !too_deep;
  };
  json value = json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return unexpected{JsonError::kTooDeep};
  if (value.is_discarded()) return unexpected{JsonError::kNotJson};
  return value;
}

std::optional<std::string> string_at(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return std::nullopt;
  return it->get<std::string>();
}

std::optional<std::uint64_t> number_at(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

/// Base64 of as many bytes as a certificate may have. Whether it is one is found out by who uses
/// it: to verify a long list's would take seconds.
bool is_certificate_text(std::string_view text) {
  const auto bytes = decode_base64(text);
  return bytes && bytes->size() > kCertificateOverhead && bytes->size() <= kCertificateBytesMax;
}

using ParseName = expected<UserName, NameError> (*)(std::string_view text);

std::optional<User> user_from(const json& object, ParseName parse_name) {
  if (!object.is_object()) return std::nullopt;
  const auto name = string_at(object, "name");
  const auto endpoint = string_at(object, "endpoint");
  const auto transport = string_at(object, "transport");
  const auto door = string_at(object, "door");
  const bool is_relayed = string_at(object, "via") == "relay";
  if (!name || !transport || (!endpoint && !is_relayed)) return std::nullopt;
  std::shared_ptr<const std::string> certificate;
  if (const auto it = object.find("certificate"); it != object.end()) {
    // security: a user whose certificate we cannot read is left out. Without it he would be one who
    // takes plain text.
    if (!it->is_string() || !is_certificate_text(it->get_ref<const std::string&>()))
      return std::nullopt;
    certificate = std::make_shared<const std::string>(it->get<std::string>());
  }
  const auto known_transport = parse_transport(*transport);
  if (!known_transport) return std::nullopt;
  // A door that a later registry adds still leaves the user reachable at his endpoint.
  const Door known_door = door ? parse_door(*door).value_or(Door::kClassic) : Door::kClassic;
  if (!endpoint) {
    auto legal = parse_name(*name);
    if (!legal) return std::nullopt;
    return User{*std::move(legal), Endpoint{}, *known_transport,      known_door,
                WallTime{},        true,       std::move(certificate)};
  }
  auto record = parse_classic_record(*name + '@' + *endpoint);
  if (!record) return std::nullopt;
  return User{record->name, record->endpoint, *known_transport,      known_door,
              WallTime{},   is_relayed,       std::move(certificate)};
}

}  // namespace

std::string_view to_string(JsonError error) {
  switch (error) {
    case JsonError::kNotJson:
      return "is not JSON";
    case JsonError::kTooDeep:
      return "is nested too deeply";
    case JsonError::kWrongShape:
      return "does not have the expected members";
  }
  return "is not understood";
}

void append_user_json(std::string& out, const User& user) {
  // Written out rather than built as a tree: a million users would be a million small maps. Nothing
  // here needs escaping: the grammar of names has no quote, backslash or control character.
  out += R"({"name":")";
  out += user.name.text();
  if (user.endpoint.port != 0) {
    out += R"(","endpoint":")";
    out += format_endpoint(user.endpoint);
  }
  if (user.is_relayed) out += R"(","via":"relay)";
  out += R"(","transport":")";
  out += to_string(user.transport);
  out += R"(","door":")";
  out += to_string(user.door);
  out += R"(","since":")";
  out += format_wall_time(user.since);
  if (user.certificate) {
    out += R"(","certificate":")";
    out += *user.certificate;
  }
  out += R"("})";
}

std::string json_string(std::string_view text, bool ascii) {
  return json(text).dump(-1, ' ', ascii, json::error_handler_t::replace);
}

expected<UserListJson, JsonError> decode_user_list(std::string_view text) {
  const auto value = parse(text);
  if (!value) return unexpected{value.error()};
  const json& object = *value;
  if (!object.is_object()) return unexpected{JsonError::kWrongShape};
  const auto version = number_at(object, "version");
  const auto users = object.find("users");
  if (!version || users == object.end() || !users->is_array())
    return unexpected{JsonError::kWrongShape};

  UserListJson list;
  list.version = *version;
  list.users.reserve(users->size());
  for (const json& item : *users)
    if (auto user = user_from(item, UserName::parse)) list.users.push_back(*std::move(user));
  if (const auto removed = object.find("removed"); removed != object.end() && removed->is_array()) {
    list.full = false;
    for (const json& item : *removed)
      if (item.is_string()) list.removed.push_back(item.get<std::string>());
  }
  return list;
}

expected<User, JsonError> decode_user(std::string_view text) {
  const auto value = parse(text);
  if (!value) return unexpected{value.error()};
  auto user = user_from(*value, UserName::parse_addressee);
  if (!user) return unexpected{JsonError::kWrongShape};
  return *std::move(user);
}

expected<RegistrationJson, JsonError> decode_registration(std::string_view text) {
  const auto value = parse(text);
  if (!value) return unexpected{value.error()};
  if (!value->is_object()) return unexpected{JsonError::kWrongShape};
  const auto lease = number_at(*value, "lease_s");
  if (!lease) return unexpected{JsonError::kWrongShape};
  return RegistrationJson{*lease};
}

expected<ErrorJson, JsonError> decode_error(std::string_view text) {
  const auto value = parse(text);
  if (!value) return unexpected{value.error()};
  if (!value->is_object()) return unexpected{JsonError::kWrongShape};
  const auto code = number_at(*value, "code");
  const auto http = number_at(*value, "http");
  const auto error = string_at(*value, "error");
  if (!code || *code > 99'999 || !http || *http > 599 || !error)
    return unexpected{JsonError::kWrongShape};
  return ErrorJson{static_cast<int>(*code), static_cast<int>(*http), *error,
                   number_at(*value, "online")};
}

}  // namespace common
