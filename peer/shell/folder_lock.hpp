// One program at a time in a user's folder, for as long as it takes to read, change and replace a
// file there. A shell.
#pragma once

#include <filesystem>
#include <system_error>

#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"

namespace peer {

class FolderLock {
 public:
  /// Waits for the lock; holders keep it for the writing of one small file.
  static common::expected<FolderLock, std::error_code> take(const std::filesystem::path& folder);

 private:
  explicit FolderLock(common::os::UniqueFd file) : file_(std::move(file)) {}

  common::os::UniqueFd file_;
};

}  // namespace peer
