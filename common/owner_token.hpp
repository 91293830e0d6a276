// The secret by which a peer proves to a registry that a registration is its own
// (docs/protocol/directory.md, "Owner token"). The peer keeps the token, the registry its hash.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/random.hpp"

namespace common {

/// Header field that carries a token; registries of old ignore it.
inline constexpr const char* kOwnerTokenField = "Owner-Token";

/// A new token: 32 random bytes as 43 characters of unpadded base64url.
std::string make_owner_token(Random& random);

/// True for 43 characters of the base64url alphabet.
bool is_owner_token(std::string_view text);

/// BLAKE2b-256 of the token's text.
std::array<std::byte, 32> hash_owner_token(std::string_view token);

}  // namespace common
