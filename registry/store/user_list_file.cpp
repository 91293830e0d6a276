#include "registry/store/user_list_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/file.h>

#include "common/os/atomic_file.hpp"
#include "common/safe_text.hpp"

namespace registry {
namespace {

using common::unexpected;

constexpr mode_t kMode = 0644;

// The database remembers the hash of the last export that is surely in place, and of those begun
// since. All are our own work: a kill, or an error, between writing the file and noting so must not
// look like a person's edit.
constexpr const char* kDone = "user_list_hash";
constexpr const char* kUnderWay = "user_list_hash_under_way";  // one behind the other, oldest first
constexpr std::size_t kUnderWayMax = 64;

std::string hash_of(std::string_view content) {
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(content.data()), content.size(),
                     nullptr, 0);
  return hash;
}

StoreError file_error(const std::filesystem::path& path, const char* verb, std::error_code why) {
  return {StoreError::Kind::kFile,
          fmt::format("cannot {} {}: {}", verb, path.string(), why.message())};
}

std::string describe(const BadLine& line) {
  return fmt::format("line {}: {}: {}\n", line.number, line.reason, line.text);
}

}  // namespace

common::expected<void, StoreError> UserListFile::lock() {
  std::error_code ignored;
  std::filesystem::path target = std::filesystem::weakly_canonical(path_, ignored);
  if (ignored) target = path_;
  // Beside it: the file itself is another one after each export.
  const auto beside = target.parent_path() / ("." + target.filename().string() + ".lock");
  lock_ = common::os::UniqueFd(::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.is_open()) return unexpected{file_error(beside, "open", common::os::last_error())};
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return unexpected{StoreError{StoreError::Kind::kInUse,
                               fmt::format("{} is in use by another registry", path_.string())}};
}

common::expected<void, StoreError> UserListFile::import(
    common::WallTime now, common::Random& random,
    const std::function<void(bool is_warning, std::string_view)>& log) {
  const auto content = common::os::read_file(path_, kUserListBytesMax);
  if (!content) {
    // A missing file is no edit: whoever wants everybody gone leaves it empty.
    if (content.error() == std::errc::no_such_file_or_directory) return {};
    return unexpected{file_error(path_, "read", content.error())};
  }
  if (is_own_export(*content)) return {};

  const UserListText file = parse_user_list(*content);
  std::string rejected;
  for (const BadLine& line : file.bad_lines) {
    rejected += describe(line);
    log(true, fmt::format("{} line {} skipped: {}: {}", path_.string(), line.number, line.reason,
                          common::to_terminal(line.text.substr(0, 200))));
  }
  if (!rejected.empty()) {
    // The next export drops these lines from the file; a person's work must not vanish with them.
    const std::filesystem::path beside = path_.string() + ".rejected";
    if (const auto earlier = common::os::read_file(beside, kUserListBytesMax))
      rejected.insert(0, *earlier);
    if (const auto failed = common::os::replace_file(beside, rejected, kMode))
      return unexpected{file_error(beside, "write", failed)};
    log(true,
        fmt::format("{} skipped lines are kept in {}", file.bad_lines.size(), beside.string()));
  }

  const auto state = database_.load([](std::string_view) {});
  if (!state) return unexpected{state.error()};
  const UserListImport import = plan_import(state->records, file, now, random);
  std::vector<Change> changes;
  for (const Record& record : import.removed) {
    changes.push_back({0, Change::Kind::kErase, record});
    log(false, fmt::format("{}: logged out {}", path_.string(), record.user.name.text()));
  }
  for (const Record& record : import.added) {
    changes.push_back({0, Change::Kind::kPut, record});
    log(false, fmt::format("{}: registered {}", path_.string(),
                           common::format_classic_record(record.user.name, record.user.endpoint)));
  }
  if (changes.empty()) return {};
  if (const auto committed = database_.commit(changes); !committed)
    return unexpected{committed.error()};
  return {};
}

common::expected<void, StoreError> UserListFile::write() {
  const auto text = database_.user_list_text();
  if (!text) return unexpected{text.error()};
  const std::string hash = hash_of(*text);
  if (auto noted = note_under_way(hash); !noted) return noted;
  if (const auto failed = common::os::replace_file(path_, *text, kMode))
    return unexpected{file_error(path_, "write", failed)};
  return database_.set_fact(kDone, hash);
}

common::expected<void, StoreError> UserListFile::note_under_way(const std::string& hash) {
  std::string begun = database_.fact(kUnderWay).value_or("");
  if (const auto done = database_.fact(kDone); done && begun.ends_with(*done)) begun.clear();
  if (begun.ends_with(hash)) return {};
  if (begun.size() >= kUnderWayMax * hash.size()) begun.erase(0, hash.size());
  return database_.set_fact(kUnderWay, begun + hash);
}

bool UserListFile::is_own_export(std::string_view content) const {
  const std::string hash = hash_of(content);
  if (database_.fact(kDone) == hash) return true;
  const std::string begun = database_.fact(kUnderWay).value_or("");
  for (std::size_t at = 0; at < begun.size(); at += hash.size())
    if (begun.compare(at, hash.size(), hash) == 0) return true;
  return false;
}

}  // namespace registry
