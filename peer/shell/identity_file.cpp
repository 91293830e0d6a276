#include "peer/shell/identity_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "common/base64.hpp"
#include "common/os/atomic_file.hpp"
#include "common/os/unique_fd.hpp"
#include "peer/shell/folder_lock.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;
using common::Secret;
using common::unexpected;
using common::os::last_error;
using common::os::UniqueFd;

constexpr std::size_t kIdentityBytesMax = 4096;
// A word in front, so that a key of another kind can be told apart one day.
constexpr std::string_view kPrefix = "ed25519-seed ";

std::string format_seed(const Secret& seed) {
  return std::string(kPrefix) + common::encode_base64(seed.bytes()) + '\n';
}

std::optional<Secret> parse_seed(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.starts_with(kPrefix)) return std::nullopt;
  auto bytes = common::decode_base64(text.substr(kPrefix.size()));
  if (!bytes || bytes->size() != Secret::kBytes) return std::nullopt;
  Secret seed(std::span<const std::byte, Secret::kBytes>(bytes->data(), Secret::kBytes));
  common::wipe(*bytes);
  return seed;
}

std::error_code write_new_file(const fs::path& path, std::string_view text) {
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return last_error();
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written < 0) return last_error();
  if (static_cast<std::size_t>(written) != text.size())
    return std::make_error_code(std::errc::no_space_on_device);
  if (::fsync(file.get()) != 0) return last_error();
  return {};
}

/// Gives the file at `from` the name `to` as well, or instead, unless that name is taken.
std::error_code name_if_free(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EPERM && errno != EOPNOTSUPP) return last_error();
  // A file system without hard links.
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  return last_error();
}

std::error_code sync_folder(const fs::path& folder) {
  const UniqueFd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open() || ::fsync(handle.get()) != 0) return last_error();
  return {};
}

/// Writes a new seed to `path` in one step; std::errc::file_exists if another program was first.
std::error_code make_file(const fs::path& path, common::Random& random) {
  // The file has its content before it has its name: who finds it finds it whole.
  const fs::path temporary =
      path.string() + '.' + std::to_string(::getpid()) + '.' + std::to_string(random.u64());
  std::string text = format_seed(common::make_secret(random));
  std::error_code error = write_new_file(temporary, text);
  common::wipe(std::as_writable_bytes(std::span(text)));
  if (!error) error = name_if_free(temporary, path);
  ::unlink(temporary.c_str());
  if (!error) error = sync_folder(path.parent_path());
  return error;
}

}  // namespace

common::expected<LoadedIdentity, IdentityFailure> read_identity(const fs::path& path) {
  auto text = common::os::read_file(path, kIdentityBytesMax);
  if (!text) return unexpected{IdentityFailure{path, text.error()}};
  auto seed = parse_seed(*text);
  common::wipe(std::as_writable_bytes(std::span(*text)));
  if (!seed)
    return unexpected{
        IdentityFailure{path, std::make_error_code(std::errc::illegal_byte_sequence)}};
  struct stat about {};
  const bool is_exposed = ::stat(path.c_str(), &about) == 0 && (about.st_mode & 077) != 0;
  return LoadedIdentity{.identity = common::Identity::from_seed(*seed), .is_exposed = is_exposed};
}

common::expected<LoadedIdentity, IdentityFailure> open_identity(const fs::path& folder,
                                                                common::Random& random) {
  const fs::path path = folder / "identity";
  auto found = read_identity(path);
  if (found || found.error().error != std::errc::no_such_file_or_directory) return found;
  if (const auto error = make_private_folder(folder))
    return unexpected{IdentityFailure{folder, error}};
  const std::error_code error = make_file(path, random);
  if (error && error != std::errc::file_exists) return unexpected{IdentityFailure{path, error}};
  // Read back in either case: what counts is what the file says.
  auto made = read_identity(path);
  if (made) made->is_new = !error;
  return made;
}

std::uint64_t read_last_serial(const fs::path& folder) {
  const auto text = common::os::read_file(folder / "serial", kIdentityBytesMax);
  if (!text) return 0;
  std::uint64_t serial = 0;
  std::from_chars(text->data(), text->data() + text->size(), serial);
  return serial;
}

std::error_code keep_serial(const fs::path& folder, std::uint64_t serial) {
  if (const auto error = make_private_folder(folder)) return error;
  const auto lock = FolderLock::take(folder);
  if (!lock) return lock.error();
  if (read_last_serial(folder) >= serial) return {};
  return common::os::replace_file(folder / "serial", std::to_string(serial) + '\n', 0600);
}

}  // namespace peer
