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
  /// Made with mode 0600 if there is none: the texts of messages are in it. A file that begins as
  /// none of receipts does is refused (std::errc::illegal_byte_sequence), and so is a pipe that
  /// nobody reads.
  static common::expected<ReceiptLog, std::error_code> open(const std::filesystem::path& path);

  /// One whole line, or nothing; several senders may share a file. A line that somebody's crash cut
  /// off is ended first.
  std::error_code append(std::string line);
  /// What was added is on the disk.
  std::error_code sync();

 private:
  ReceiptLog(common::os::UniqueFd fd, bool is_file) : fd_(std::move(fd)), is_file_(is_file) {}

  std::error_code append_to_file(std::string line);

  common::os::UniqueFd fd_;
  bool is_file_;  // else a pipe, a terminal or the like
};

}  // namespace peer
