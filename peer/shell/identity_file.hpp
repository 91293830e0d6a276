// The file that holds who a user is: the seed of his identity, made at first use and never written
// again, and beside it the highest serial he has used. A shell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "common/expected.hpp"
#include "common/identity.hpp"
#include "common/random.hpp"

namespace peer {

/// An identity and where it came from.
struct LoadedIdentity {
  common::Identity identity;
  bool is_new = false;      // made just now
  bool is_exposed = false;  // the file could be read by others than its owner
};

struct IdentityFailure {
  std::filesystem::path path;
  /// Why; std::errc::illegal_byte_sequence for a file that is not an identity.
  std::error_code error;
};

/// The identity in `folder`/identity; made there if there is none (mode 0600, the folder too is its
/// owner's). Two programs that start at once get the same one. A file that cannot be read, or is no
/// identity, is an error and stays as it is: a new key in its place would look like an attack to
/// everybody who knew the old one.
common::expected<LoadedIdentity, IdentityFailure> open_identity(const std::filesystem::path& folder,
                                                                common::Random& random);

/// The identity in this very file (--key FILE, $PEER_KEY), which must be there.
common::expected<LoadedIdentity, IdentityFailure> read_identity(const std::filesystem::path& path);

/// The highest serial that `folder`/serial remembers; 0 if it has none: the clock then decides.
std::uint64_t read_last_serial(const std::filesystem::path& folder);

/// Remembers a serial, unless a higher one is there already.
[[nodiscard]] std::error_code keep_serial(const std::filesystem::path& folder,
                                          std::uint64_t serial);

}  // namespace peer
