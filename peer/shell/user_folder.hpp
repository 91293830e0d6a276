// Where a peer keeps what belongs to one user of this account: his name's folder under the folders
// of the XDG base directory specification. A shell.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/user.hpp"

namespace peer {

/// $XDG_STATE_HOME/peer, or ~/.local/state/peer: what a machine may lose. Nothing without a home.
std::optional<std::filesystem::path> state_folder();

/// $PEER_HOME, $XDG_DATA_HOME/peer, or ~/.local/share/peer: what is worth a backup.
std::optional<std::filesystem::path> data_folder();

/// The name's folder in there. The key, not the text: Ali and ali are one user. Safe in a path: the
/// grammar of names has no slash, and a name begins with a letter or digit. Folding can make a key
/// longer than a part of a path may be; then its hash stands for it.
std::string folder_name(const common::UserName& name);

/// Makes the folder and those above it; it is open to its owner only.
[[nodiscard]] std::error_code make_private_folder(const std::filesystem::path& folder);

}  // namespace peer
