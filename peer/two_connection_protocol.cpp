#include "peer/two_connection_protocol.hpp"

#include <algorithm>

#include "common/safe_text.hpp"

namespace peer {
namespace {

using common::ExitStatus;

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

/// For well-formed UTF-8. A tab is a blank here: people paste them, and it commands no terminal.
bool has_control(std::string_view text) {
  char before = 0;
  for (const char c : text) {
    if (is_control(c) && c != '\t') return true;
    // U+0080 to U+009F are C2 80 to C2 9F.
    if (before == '\xc2' && static_cast<unsigned char>(c) < 0xa0) return true;
    before = c;
  }
  return false;
}

}  // namespace

std::optional<int> reply_code(std::string_view line) {
  constexpr std::size_t kDigits = 3;
  if (line.size() < kDigits || (line.size() > kDigits && line[kDigits] != ' ')) return std::nullopt;
  int code = 0;
  for (const char c : line.substr(0, kDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    code = code * 10 + (c - '0');
  }
  return code;
}

std::optional<common::ClassicMessage> parse_delivery(std::string_view line) {
  for (const std::string_view verb : {"/from ", "/broadcastfrom ", "/broadcast "}) {
    if (!line.starts_with(verb)) continue;
    line.remove_prefix(verb.size());
    const auto end = std::min(line.find(' '), line.size());
    if (end == 0) return std::nullopt;
    return common::ClassicMessage{std::string(line.substr(0, end)),
                                  std::string(line.substr(std::min(end + 1, line.size())))};
  }
  return std::nullopt;
}

ExitStatus outcome_of_reply(int code, std::string_view command, ExitStatus malformed) {
  switch (code) {
    case 101:
    case 201:
    case 301:
    case 303:
    case 310:
      return ExitStatus::kOk;
    case 102:
    case 103:
      return ExitStatus::kRefused;
    case 202:
      return ExitStatus::kUnavailable;
    case 304:
      // Of several recipients some may have it; which ones is not told.
      return command.starts_with("/toall ") ? ExitStatus::kSomeMissed : ExitStatus::kTemporary;
    case 401:
      return malformed;
    default:
      return ExitStatus::kProtocol;
  }
}

std::optional<std::string_view> why_no_password(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() > kPasswordBytesMax) return "is longer than 1,024 bytes";
  if (std::any_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; }))
    return "has a blank";
  if (std::any_of(text.begin(), text.end(), is_control)) return "has a control character";
  return std::nullopt;
}

std::optional<std::string_view> why_no_command(std::string_view line) {
  if (line.size() > kCommandBytesMax) return "is longer than 4,096 bytes";
  if (!common::is_utf8(line)) return "is not UTF-8";
  if (has_control(line)) return "has a control character";
  return std::nullopt;
}

}  // namespace peer
