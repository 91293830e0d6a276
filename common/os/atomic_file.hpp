// Replaces a whole file so that a reader, and a crash at any moment, sees the old content or the
// new one and never a mixture. For shells; any thread, one at a time for each path.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "common/expected.hpp"

namespace common::os {

/// Writes `content` to a temporary file beside `path`, syncs it, renames it over `path` and syncs
/// the folder. On error the old file is untouched and the temporary one is removed. `mode` is what
/// a new file gets; a file that is there keeps its own mode. A symbolic link is followed, not
/// replaced.
[[nodiscard]] std::error_code replace_file(const std::filesystem::path& path,
                                           std::string_view content, mode_t mode);

/// The whole file, or why it could not be read (std::errc::file_too_large above `bytes_max`).
expected<std::string, std::error_code> read_file(const std::filesystem::path& path,
                                                 std::size_t bytes_max);

/// The calling thread's errno as an error code.
std::error_code last_error();

}  // namespace common::os
