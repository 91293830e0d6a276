// The ids of messages that a hook was started for, on disk before it starts: a message that comes
// again after a crash does not run it again. A shell.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"

namespace peer {

class HandledLog {
 public:
  /// Ids in one file; when it is full it becomes the older of two, and the one before goes. So many
  /// of the latest are known at least.
  static constexpr std::size_t kIdsPerFile = 65'536;

  /// The log in `folder`/handled, made if there is none. A last line that is not whole was never
  /// acted on and counts for nothing.
  static common::expected<HandledLog, std::error_code> open(const std::filesystem::path& folder);

  /// True: the id is new, and on disk by now. False: it was there.
  common::expected<bool, std::error_code> remember(std::string_view id);

 private:
  HandledLog(std::filesystem::path folder, common::os::UniqueFd file)
      : folder_(std::move(folder)), file_(std::move(file)) {}

  std::error_code turn_over();

  std::filesystem::path folder_;
  common::os::UniqueFd file_;
  std::unordered_set<std::string> current_;  // in `handled`
  std::unordered_set<std::string> older_;    // in `handled.old`
};

}  // namespace peer
