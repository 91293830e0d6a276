// Names as people type them. A core.
#pragma once

#include <optional>
#include <string_view>

#include "common/user.hpp"

namespace peer {

/// The name as the directory knows it; nothing if nobody can have it, and it is not the room's
/// either.
inline std::optional<common::UserName> parse_typed_name(std::string_view typed) {
  const auto normal = common::normalize_typed_name(typed);
  auto name = common::UserName::parse_addressee(normal ? std::string_view(*normal) : typed);
  if (!name) return std::nullopt;
  return *std::move(name);
}

}  // namespace peer
