#include "peer/shell/user_folder.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace peer {
namespace {

namespace fs = std::filesystem;

/// $variable/peer, or the default under the user's home.
std::optional<fs::path> base_folder(const char* variable, const fs::path& default_in_home) {
  const char* base = std::getenv(variable);
  // Relative paths are to be ignored: XDG base directory specification, 0.8.
  if (base != nullptr && base[0] == '/') return fs::path(base) / "peer";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') {
    const passwd* entry = getpwuid(getuid());
    home = entry != nullptr ? entry->pw_dir : nullptr;
  }
  if (home == nullptr || home[0] != '/') return std::nullopt;
  return fs::path(home) / default_in_home / "peer";
}

}  // namespace

std::optional<fs::path> state_folder() { return base_folder("XDG_STATE_HOME", ".local/state"); }

std::optional<fs::path> data_folder() {
  const char* own = std::getenv("PEER_HOME");
  if (own != nullptr && own[0] != '\0') return fs::path(own);
  return base_folder("XDG_DATA_HOME", ".local/share");
}

std::string folder_name(const common::UserName& name) {
  constexpr std::size_t kPathPartMax = 255;
  const std::string& key = name.key();
  // Files that stand beside the folders; no name has a "+".
  if (key == "lock" || key.starts_with("known_peers")) return key + '+';
  if (key.size() <= kPathPartMax) return key;
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()),
                     key.size(), nullptr, 0);
  std::string text = "long-";
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::error_code make_private_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  return failed;
}

}  // namespace peer
