#include "peer/shell/receipt_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace peer {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

common::expected<ReceiptLog, std::error_code> ReceiptLog::open(const std::filesystem::path& path) {
  constexpr mode_t kOwnerOnly = 0600;
  common::os::UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly));
  if (!fd.is_open()) return common::unexpected{last_error()};
  return ReceiptLog(std::move(fd));
}

std::error_code ReceiptLog::append(std::string line) {
  line += '\n';
  const ssize_t written = ::write(fd_.get(), line.data(), line.size());
  if (written < 0) return last_error();
  // A disk without room takes a part: half a receipt proves nothing.
  if (static_cast<std::size_t>(written) < line.size())
    return std::make_error_code(std::errc::no_space_on_device);
  return {};
}

std::error_code ReceiptLog::sync() {
  // What is no file (a pipe, a terminal) cannot be, and need not be.
  if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS) return last_error();
  return {};
}

}  // namespace peer
