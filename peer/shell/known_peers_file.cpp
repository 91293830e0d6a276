#include "peer/shell/known_peers_file.hpp"

#include "common/os/atomic_file.hpp"
#include "peer/shell/folder_lock.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {

using sealed::KnownPeers;

namespace {

/// 100,000 pins of the longest kind are 45 MB.
constexpr std::size_t kKnownPeersBytesMax = 64u << 20;

}  // namespace

common::expected<KnownPeers::Parsed, std::error_code> KnownPeersFile::load() const {
  const auto text = common::os::read_file(path(), kKnownPeersBytesMax);
  if (text) return KnownPeers::parse(*text);
  if (text.error() == std::errc::no_such_file_or_directory) return KnownPeers::Parsed{};
  return common::unexpected{text.error()};
}

std::error_code KnownPeersFile::update(const std::function<bool(KnownPeers&)>& change) const {
  // One that is there is somebody's choice, as $PEER_HOME may be: its mode is his, too.
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder_, ignored))
    if (const auto error = make_private_folder(folder_)) return error;
  const auto lock = FolderLock::take(folder_);
  if (!lock) return lock.error();
  auto loaded = load();
  if (!loaded) return loaded.error();
  if (!change(loaded->peers)) return {};
  return common::os::replace_file(path(), loaded->peers.format(), 0600);
}

}  // namespace peer
