#include "peer/sealed/known_peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/identity.hpp"

namespace peer::sealed {
namespace {

using common::expected;
using common::unexpected;
using LineError = KnownPeers::LineError;

constexpr std::size_t kFields = 7;
constexpr std::string_view kAlgorithm = "ed25519";
constexpr std::string_view kVerified = "verified";
constexpr std::string_view kUnverified = "unverified";

/// The line's fields, one blank between each; nothing for another number of them.
std::optional<std::array<std::string_view, kFields>> split(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto end = line.find(' ');
    if ((end == std::string_view::npos) != (i == kFields - 1)) return std::nullopt;
    fields[i] = line.substr(0, end);
    if (fields[i].empty()) return std::nullopt;
    if (end != std::string_view::npos) line.remove_prefix(end + 1);
  }
  return fields;
}

/// Digits without a sign or leading zeros.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return value;
}

/// A registry as it was typed, if it can begin a line; one with "#" in front would be a comment.
bool is_registry(std::string_view text) {
  if (text.starts_with('#')) return false;
  const auto parsed = common::parse_host_port(text);
  return parsed && common::format_host_port(*parsed) == text;
}

expected<Pin, LineError> parse_line(std::string_view line) {
  const auto fields = split(line);
  if (!fields) return unexpected{LineError::kFields};
  const auto& [registry, name_text, algorithm, key_text, serial_text, seen_text, verified] =
      *fields;
  if (!is_registry(registry)) return unexpected{LineError::kRegistry};
  auto name = common::UserName::parse(name_text);
  if (!name) return unexpected{LineError::kName};
  if (algorithm != kAlgorithm) return unexpected{LineError::kAlgorithm};
  const auto identity = common::parse_identity_key(key_text);
  if (!identity) return unexpected{LineError::kKey};
  const auto serial = parse_number(serial_text);
  const auto first_seen_s = parse_number(seen_text);
  if (!serial || !first_seen_s) return unexpected{LineError::kNumber};
  if (verified != kVerified && verified != kUnverified) return unexpected{LineError::kFields};
  return Pin{.registry = std::string(registry),
             .name = *std::move(name),
             .identity = *identity,
             .serial = *serial,
             .first_seen_s = *first_seen_s,
             .is_verified = verified == kVerified};
}

std::string format_pin(const Pin& pin) {
  return fmt::format("{} {} {} {} {} {} {}", pin.registry, pin.name.text(), kAlgorithm,
                     common::format_identity_key(pin.identity), pin.serial, pin.first_seen_s,
                     pin.is_verified ? kVerified : kUnverified);
}

/// Whom a line is about (registry and the name's key), if its beginning says so.
std::optional<std::pair<std::string, std::string>> subject_of(std::string_view line) {
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(first + 1);
  const auto name = common::UserName::parse(rest.substr(0, rest.find_first_of(" \t\r")));
  if (!name) return std::nullopt;
  return std::pair(std::string(line.substr(0, first)), name->key());
}

}  // namespace

std::string_view to_string(LineError error) {
  switch (error) {
    case LineError::kFields:
      return "not \"registry name ed25519 key serial first-seen verified|unverified\"";
    case LineError::kRegistry:
      return "the registry is not HOST:PORT";
    case LineError::kName:
      return "the name is not legal";
    case LineError::kAlgorithm:
      return "the kind of key is not \"ed25519\"";
    case LineError::kKey:
      return "the key is not 32 bytes of base64";
    case LineError::kNumber:
      return "the serial or the time is not a number";
    case LineError::kRepeated:
      return "the name has an earlier line";
    case LineError::kTooMany:
      return "too many lines";
  }
  return "unknown error";
}

KnownPeers::Parsed KnownPeers::parse(std::string_view text) {
  Parsed parsed;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (const auto error = parsed.peers.take_line(line))
      parsed.bad_lines.push_back({number, *error});
  }
  return parsed;
}

std::optional<LineError> KnownPeers::take_line(std::string_view line) {
  if (line.empty() || line[0] == '#') {
    unread_lines_.push_back({std::string(line), {}});
    return std::nullopt;
  }
  auto pin = parse_line(line);
  if (!pin) {
    // security: a damaged pin must not make its name one that was never seen.
    block(subject_of(line), line);
    return pin.error();
  }
  Key key = key_of(pin->registry, pin->name);
  if (pins_.contains(key) || unreadable_.contains(key)) {
    // security: which of two lines is right is not ours to guess.
    block(std::move(key), line);
    return LineError::kRepeated;
  }
  if (pins_.size() >= kPinsMax) {
    block(std::move(key), line);
    return LineError::kTooMany;
  }
  pins_.emplace(std::move(key), *std::move(pin));
  return std::nullopt;
}

void KnownPeers::block(std::optional<Key> key, std::string_view line) {
  if (key) {
    // An earlier line that was good goes back to being text, in front of this one.
    if (const auto it = pins_.find(*key); it != pins_.end()) {
      unread_lines_.push_back({format_pin(it->second), *key});
      pins_.erase(it);
    }
    unreadable_.insert(*key);
  }
  unread_lines_.push_back({std::string(line), std::move(key)});
}

std::string KnownPeers::format() const {
  std::string out;
  for (const UnreadLine& line : unread_lines_) {
    out += line.text;
    out += '\n';
  }
  for (const auto& [key, pin] : pins_) {
    out += format_pin(pin);
    out += '\n';
  }
  return out;
}

Trust KnownPeers::judge(std::string_view registry, const common::UserName& name,
                        const common::IdentityKey& identity) const {
  if (unreadable_.contains(key_of(registry, name))) return Trust::kUnreadable;
  const Pin* pin = find(registry, name);
  if (pin == nullptr) return Trust::kFirstUse;
  if (pin->identity != identity) return Trust::kChanged;
  return pin->is_verified ? Trust::kVerified : Trust::kMatch;
}

const Pin* KnownPeers::find(std::string_view registry, const common::UserName& name) const {
  const auto it = pins_.find(key_of(registry, name));
  return it == pins_.end() ? nullptr : &it->second;
}

std::size_t KnownPeers::unvouched() const {
  return static_cast<std::size_t>(std::count_if(pins_.begin(), pins_.end(), [](const auto& each) {
    return each.second.serial == 0 && !each.second.is_verified;
  }));
}

bool KnownPeers::is_stale(std::string_view registry, const common::UserName& name,
                          std::uint64_t serial) const {
  const Pin* pin = find(registry, name);
  return pin != nullptr && serial < pin->serial;
}

bool KnownPeers::pin(Pin pin) {
  if (judge(pin.registry, pin.name, pin.identity) != Trust::kFirstUse) return false;
  if (pins_.size() >= kPinsMax || !is_registry(pin.registry)) return false;
  Key key = key_of(pin.registry, pin.name);
  pins_.emplace(std::move(key), std::move(pin));
  return true;
}

bool KnownPeers::trust(Pin pin) {
  Key key = key_of(pin.registry, pin.name);
  if (!is_registry(pin.registry)) return false;
  if (!pins_.contains(key) && pins_.size() >= kPinsMax) return false;
  std::erase_if(unread_lines_, [&](const UnreadLine& line) { return line.subject == key; });
  unreadable_.erase(key);
  pin.is_verified = true;
  pins_.insert_or_assign(std::move(key), std::move(pin));
  return true;
}

bool KnownPeers::mark_verified(std::string_view registry, const common::UserName& name) {
  const auto it = pins_.find(key_of(registry, name));
  if (it == pins_.end()) return false;
  it->second.is_verified = true;
  return true;
}

bool KnownPeers::raise_serial(std::string_view registry, const common::UserName& name,
                              std::uint64_t serial) {
  const auto it = pins_.find(key_of(registry, name));
  if (it == pins_.end() || serial <= it->second.serial) return false;
  it->second.serial = serial;
  return true;
}

}  // namespace peer::sealed
