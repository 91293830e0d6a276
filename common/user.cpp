#include "common/user.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "common/limits.hpp"

namespace common {
namespace {

constexpr std::array<std::string_view, 4> kReserved = {"all", "room", "server", "user"};

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};
using Utf8procText = std::unique_ptr<utf8proc_uint8_t, Free>;

/// utf8proc_map with `options`; nothing if the text is not UTF-8 (or memory is short).
std::optional<std::string> map_utf8(std::string_view text, int options) {
  utf8proc_uint8_t* raw = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &raw,
                                 static_cast<utf8proc_option_t>(options));
  const Utf8procText owned(raw);
  if (size < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

bool is_ascii_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

enum class CharacterClass { kFirst, kLater, kNever };

CharacterClass classify(utf8proc_int32_t code_point) {
  if (code_point == '_' || code_point == '-' || code_point == '.') return CharacterClass::kLater;
  // security: invisible letters (Hangul fillers and the like) would make two names look alike.
  if (utf8proc_get_property(code_point)->ignorable) return CharacterClass::kNever;
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
      return CharacterClass::kFirst;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
      return CharacterClass::kLater;
    default:
      return CharacterClass::kNever;
  }
}

std::optional<NameError> check_characters(std::string_view text) {
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t code_point = 0;
    const auto used =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                         static_cast<utf8proc_ssize_t>(text.size() - at), &code_point);
    if (used <= 0) return NameError::kNotUtf8;
    const CharacterClass found = classify(code_point);
    if (found == CharacterClass::kNever) return NameError::kBadCharacter;
    if (first && found != CharacterClass::kFirst) return NameError::kBadFirst;
    first = false;
    at += static_cast<std::size_t>(used);
  }
  return std::nullopt;
}

/// The comparison key of a text that consists of legal characters; nothing if it is not in NFC.
std::optional<std::string> fold(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_ascii_name_character)) {
    std::string key(text);
    for (char& c : key)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return key;
  }
  if (map_utf8(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE) != std::string(text)) return std::nullopt;
  return map_utf8(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                            UTF8PROC_IGNORE);
}

}  // namespace

std::string_view to_string(NameError error) {
  switch (error) {
    case NameError::kEmpty:
      return "is empty";
    case NameError::kTooLong:
      return "is longer than 64 bytes";
    case NameError::kNotUtf8:
      return "is not UTF-8";
    case NameError::kNotNormal:
      return "is not in Unicode normal form C";
    case NameError::kBadFirst:
      return "does not begin with a letter or a digit";
    case NameError::kBadCharacter:
      return "has a character other than letters, digits, '_', '-' and '.'";
    case NameError::kReserved:
      return "is reserved";
  }
  return "is not legal";
}

expected<UserName, NameError> UserName::parse(std::string_view text) {
  if (text.empty()) return unexpected{NameError::kEmpty};
  if (text.size() > kNameBytesMax) return unexpected{NameError::kTooLong};
  if (const auto error = check_characters(text)) return unexpected{*error};
  auto key = fold(text);
  if (!key || key->empty()) return unexpected{NameError::kNotNormal};
  if (std::find(kReserved.begin(), kReserved.end(), *key) != kReserved.end())
    return unexpected{NameError::kReserved};
  return UserName(std::string(text), *std::move(key));
}

expected<UserName, NameError> UserName::parse_addressee(std::string_view text) {
  auto name = parse(text);
  if (!name && name.error() == NameError::kReserved && fold(text) == "room") return room();
  return name;
}

UserName UserName::room() { return UserName("room", "room"); }

std::optional<std::string> normalize_typed_name(std::string_view text) {
  return map_utf8(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

std::string_view to_string(Transport transport) {
  return transport == Transport::kUdp ? "udp" : "tcp";
}

std::string_view to_string(Door door) {
  switch (door) {
    case Door::kClassic:
      return "classic";
    case Door::kNetchat:
      return "netchat";
    case Door::kTwoConnection:
      return "two-connection";
    case Door::kRoom:
      return "room";
    case Door::kRendezvous:
      return "rendezvous";
  }
  return "unknown";
}

std::optional<Transport> parse_transport(std::string_view text) {
  if (text == "udp") return Transport::kUdp;
  if (text == "tcp") return Transport::kTcp;
  return std::nullopt;
}

std::optional<Door> parse_door(std::string_view text) {
  for (const Door door :
       {Door::kClassic, Door::kNetchat, Door::kTwoConnection, Door::kRoom, Door::kRendezvous}) {
    if (text == to_string(door)) return door;
  }
  return std::nullopt;
}

}  // namespace common
