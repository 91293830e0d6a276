// The registry's JSON, both ways (docs/protocol/directory.md, "Lists"). A core. The one place that
// includes json.hpp for it is user_json.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/expected.hpp"
#include "common/user.hpp"

namespace common {

enum class JsonError { kNotJson, kTooDeep, kWrongShape };
std::string_view to_string(JsonError error);

/// Appends {"name":…,"endpoint":…,"transport":…,"door":…,"since":…} to `out`, with "via":"relay"
/// for a user who is connected to the registry; without "endpoint" if he has no gateway port. Who
/// has a certificate has "certificate", in base64.
void append_user_json(std::string& out, const User& user);

/// `text` as a JSON string with its quotes; ill-formed UTF-8 becomes U+FFFD. With `ascii` every
/// other character than ASCII is written \uXXXX, so that no terminal can be commanded by it.
std::string json_string(std::string_view text, bool ascii = false);

/// A list as a reader decodes it.
struct UserListJson {
  std::uint64_t version = 0;
  std::vector<User> users;
  std::vector<std::string> removed;  // names, only in answers to ?since=
  bool full = true;                  // false: only what changed since the version asked for
};

/// Decodes {"v":1,"version":…,"users":[…]}. Users that do not obey our own rules are left out, so a
/// hostile registry cannot hand us a name that we would not accept ourselves.
expected<UserListJson, JsonError> decode_user_list(std::string_view text);

/// Decodes the object of one user, or of the room, which is in no list.
expected<User, JsonError> decode_user(std::string_view text);

/// What REGISTER and UPDATE answer to a client that reads JSON.
struct RegistrationJson {
  std::uint64_t lease_s = 0;
};
expected<RegistrationJson, JsonError> decode_registration(std::string_view text);

/// An error answer: {"code":…,"http":…,"error":…,"link":…} and, with 40401, "online".
struct ErrorJson {
  int code = 0;
  int http = 0;
  std::string error;
  std::optional<std::uint64_t> online;
};
expected<ErrorJson, JsonError> decode_error(std::string_view text);

}  // namespace common
