#include "peer/shell/handled_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "common/os/atomic_file.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;
using common::unexpected;
using common::os::last_error;
using common::os::UniqueFd;

constexpr std::size_t kIdBytes = 32;
constexpr std::size_t kLineBytes = kIdBytes + 1;
constexpr std::size_t kLogBytesMax = 2 * HandledLog::kIdsPerFile * kLineBytes;

/// The file's whole lines; how many bytes they have is returned beside them.
common::expected<std::unordered_set<std::string>, std::error_code> read_ids(const fs::path& path,
                                                                            std::size_t& bytes) {
  std::unordered_set<std::string> ids;
  bytes = 0;
  const auto text = common::os::read_file(path, kLogBytesMax);
  if (!text && text.error() == std::errc::no_such_file_or_directory) return ids;
  if (!text) return unexpected{text.error()};
  for (; bytes + kLineBytes <= text->size(); bytes += kLineBytes) {
    if ((*text)[bytes + kIdBytes] != '\n')
      return unexpected{std::make_error_code(std::errc::illegal_byte_sequence)};
    ids.insert(text->substr(bytes, kIdBytes));
  }
  return ids;
}

UniqueFd open_file(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

}  // namespace

common::expected<HandledLog, std::error_code> HandledLog::open(const fs::path& folder) {
  if (const auto error = make_private_folder(folder)) return unexpected{error};
  const fs::path path = folder / "handled";
  std::size_t bytes = 0;
  auto older = read_ids(folder / "handled.old", bytes);
  if (!older) return unexpected{older.error()};
  auto current = read_ids(path, bytes);
  if (!current) return unexpected{current.error()};
  UniqueFd file = open_file(path);
  if (!file.is_open()) return unexpected{last_error()};
  // The rest of a line that was not whole would make the next one unreadable.
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return unexpected{last_error()};
  HandledLog log(folder, std::move(file));
  log.older_ = *std::move(older);
  log.current_ = *std::move(current);
  return log;
}

common::expected<bool, std::error_code> HandledLog::remember(std::string_view id) {
  ENSURE(id.size() == kIdBytes);
  const std::string key(id);
  if (current_.contains(key) || older_.contains(key)) return false;
  if (current_.size() >= kIdsPerFile)
    if (const auto error = turn_over()) return unexpected{error};
  const std::string line = key + '\n';
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written < 0) return unexpected{last_error()};
  if (static_cast<std::size_t>(written) != line.size()) {
    // The disk is full: what there is of the line must not stand before the next one.
    const off_t end = static_cast<off_t>(current_.size() * kLineBytes);
    if (::ftruncate(file_.get(), end) != 0) return unexpected{last_error()};
    return unexpected{std::make_error_code(std::errc::no_space_on_device)};
  }
  if (::fdatasync(file_.get()) != 0) return unexpected{last_error()};
  current_.insert(key);
  return true;
}

std::error_code HandledLog::turn_over() {
  const fs::path path = folder_ / "handled";
  if (::rename(path.c_str(), (folder_ / "handled.old").c_str()) != 0) return last_error();
  UniqueFd file = open_file(path);
  if (!file.is_open()) return last_error();
  file_ = std::move(file);
  older_ = std::move(current_);
  current_.clear();
  return {};
}

}  // namespace peer
