// userlist.txt on disk, the database's face: replaced whole after changes, and read at start, where
// a person's edit wins over the database. A shell; one thread at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "registry/store/sqlite_database.hpp"
#include "registry/user_list.hpp"

namespace registry {

/// A million users are about 40 MB of text; a larger file is not a list that we wrote.
constexpr std::size_t kUserListBytesMax = 256u << 20;

class UserListFile {
 public:
  /// Both must outlive this.
  UserListFile(std::filesystem::path path, SqliteDatabase& database)
      : path_(std::move(path)), database_(database) {}

  /// Keeps other registries, whatever their data folders, from writing the same file, until
  /// destruction.
  common::expected<void, StoreError> lock();

  /// Takes a person's edit over into the database; does nothing if the file is as it was last
  /// exported, or missing. Lines that are no records are kept in `<path>.rejected`. `log` is told
  /// what was done, one line each.
  common::expected<void, StoreError> import(
      common::WallTime now, common::Random& random,
      const std::function<void(bool is_warning, std::string_view)>& log);

  /// Makes the file say what the database holds.
  common::expected<void, StoreError> write();

 private:
  common::expected<void, StoreError> note_under_way(const std::string& hash);
  bool is_own_export(std::string_view content) const;

  std::filesystem::path path_;
  SqliteDatabase& database_;
  common::os::UniqueFd lock_;
};

}  // namespace registry
