#include "peer/shell/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "common/os/atomic_file.hpp"

namespace peer {

common::expected<FolderLock, std::error_code> FolderLock::take(
    const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "lock";
  // A file of its own: those that are guarded are replaced, and a lock would go with the old one.
  common::os::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return common::unexpected{common::os::last_error()};
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) return common::unexpected{common::os::last_error()};
  return FolderLock(std::move(file));
}

}  // namespace peer
