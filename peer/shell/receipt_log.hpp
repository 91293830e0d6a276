// The file that signed receipts are added to. A shell.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"

namespace peer {

class ReceiptLog {
 public:
  /// Made with mode 0600 if there is none: the texts of messages are in it.
  static common::expected<ReceiptLog, std::error_code> open(const std::filesystem::path& path);

  /// One line, in one write: several senders may share a file.
  std::error_code append(std::string line);
  /// What was added is on the disk.
  std::error_code sync();

 private:
  explicit ReceiptLog(common::os::UniqueFd fd) : fd_(std::move(fd)) {}

  common::os::UniqueFd fd_;
};

}  // namespace peer
