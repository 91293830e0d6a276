#include "common/os/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/os/unique_fd.hpp"

namespace common::os {
namespace {

namespace fs = std::filesystem;

std::error_code write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return last_error();
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::error_code write_synced(const fs::path& path, std::string_view content, mode_t mode) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file.is_open()) return last_error();
  if (::fchmod(file.get(), mode) != 0) return last_error();
  if (const auto error = write_all(file.get(), content)) return error;
  if (::fsync(file.get()) != 0) return last_error();
  return {};
}

std::error_code sync_folder(const fs::path& folder) {
  const UniqueFd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open() || ::fsync(handle.get()) != 0) return last_error();
  return {};
}

}  // namespace

std::error_code last_error() { return {errno, std::generic_category()}; }

std::error_code replace_file(const fs::path& path, std::string_view content, mode_t mode) {
  std::error_code ignored;
  fs::path target = fs::canonical(path, ignored);
  if (ignored) target = fs::absolute(path, ignored);
  struct stat existing {};
  if (::stat(target.c_str(), &existing) == 0) mode = existing.st_mode & 07777;

  const fs::path temporary = target.string() + ".new";
  std::error_code error = write_synced(temporary, content, mode);
  if (!error && ::rename(temporary.c_str(), target.c_str()) != 0) error = last_error();
  if (error) {
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_folder(target.parent_path());
}

expected<std::string, std::error_code> read_file(const fs::path& path, std::size_t bytes_max) {
  // Without waiting: a pipe by that name would hold us until somebody writes to it.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return unexpected{last_error()};
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return unexpected{last_error()};
  if (S_ISDIR(about.st_mode)) return unexpected{std::make_error_code(std::errc::is_a_directory)};
  if (!S_ISREG(about.st_mode)) return unexpected{std::make_error_code(std::errc::not_supported)};
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected{last_error()};
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > bytes_max)
      return unexpected{std::make_error_code(std::errc::file_too_large)};
  }
}

}  // namespace common::os
