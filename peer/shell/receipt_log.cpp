#include "peer/shell/receipt_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "common/os/atomic_file.hpp"

namespace peer {
namespace {

using common::unexpected;
using common::os::last_error;

/// The byte at that place; nothing where there is none.
std::optional<char> byte_at(int fd, off_t place) {
  char byte = 0;
  return place >= 0 && ::pread(fd, &byte, 1, place) == 1 ? std::optional(byte) : std::nullopt;
}

std::error_code write_whole(int fd, const std::string& line) {
  const ssize_t written = ::write(fd, line.data(), line.size());
  if (written < 0) return last_error();
  if (static_cast<std::size_t>(written) < line.size())
    return std::make_error_code(std::errc::no_space_on_device);
  return {};
}

}  // namespace

common::expected<ReceiptLog, std::error_code> ReceiptLog::open(const std::filesystem::path& path) {
  constexpr mode_t kOwnerOnly = 0600;
  // Not to wait for a pipe's reader: there is none, or there is one.
  common::os::UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, kOwnerOnly));
  struct stat status {};
  if (fd.is_open() && ::fstat(fd.get(), &status) == 0 && !S_ISREG(status.st_mode)) fd.reset();
  const bool is_file = fd.is_open();
  // A pipe that was opened for reading, too, would be its own reader.
  if (!is_file) fd.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return unexpected{last_error()};
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  if (is_file && byte_at(fd.get(), 0).value_or('{') != '{')
    return unexpected{std::make_error_code(std::errc::illegal_byte_sequence)};
  return ReceiptLog(std::move(fd), is_file);
}

std::error_code ReceiptLog::append(std::string line) {
  line += '\n';
  if (!is_file_) return write_whole(fd_.get(), line);
  if (::flock(fd_.get(), LOCK_EX) != 0) return last_error();
  const std::error_code error = append_to_file(std::move(line));
  ::flock(fd_.get(), LOCK_UN);
  return error;
}

std::error_code ReceiptLog::append_to_file(std::string line) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return last_error();
  if (byte_at(fd_.get(), status.st_size - 1).value_or('\n') != '\n') line.insert(0, 1, '\n');
  const std::error_code error = write_whole(fd_.get(), line);
  // Half a receipt proves nothing, and would stand before the next one.
  if (error && ::ftruncate(fd_.get(), status.st_size) != 0) return last_error();
  return error;
}

std::error_code ReceiptLog::sync() {
  return is_file_ && ::fsync(fd_.get()) != 0 ? last_error() : std::error_code();
}

}  // namespace peer
