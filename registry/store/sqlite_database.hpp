// The embedded database: SQLite in WAL mode with full synchronisation, one file a generation. After
// an I/O error SQLite, like the kernel under it, cannot tell what reached the disk, so the next
// generation is written anew from memory under a temporary name and renamed into place. A shell;
// one thread at a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "registry/store/store.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace registry {

struct StoreError {
  enum class Kind {
    kInUse,   // another registry has this data folder
    kFull,    // no space; the database is as it was and takes changes again once there is some
    kBroken,  // anything else in the database: nothing may be written before a rebuild
    kFile,    // a file beside the database; the database itself is well
  } kind;
  std::string text;
};

/// Where a new database's versions begin: at the time of its making, in microseconds. So a registry
/// that lost its data does not count through versions, and ETags, that readers remember with
/// another meaning; below a million changes a second it never catches up with an earlier one of its
/// own.
Version version_for_new_database(common::WallTime now);

class SqliteDatabase {
 public:
  template <typename T>
  using Result = common::expected<T, StoreError>;

  /// Opens the newest complete generation in `folder`, or makes the first; makes the folder when it
  /// is missing. A lock on the folder is held until destruction. A database that is new counts its
  /// versions from `first_version`: see version_for_new_database().
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::filesystem::path& folder,
                                                      Version first_version = 0);
  /// True if `folder` has a database, whole or not.
  static bool exists(const std::filesystem::path& folder);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  /// All records in order of registration. Rows that do not obey the rules of names and addresses
  /// are left out and reported to `skipped`.
  Result<StoredState> load(const std::function<void(std::string_view)>& skipped);

  /// Writes all changes in one transaction and returns the version of the first; each further one
  /// is one higher. On error nothing of them is kept.
  Result<Version> commit(std::span<const Change> changes);

  /// Writes `state` and the facts as a new generation and goes on with that.
  Result<void> rebuild(const StoredState& state);

  /// A small named value, for those who keep something beside the records; nothing if it was never
  /// set.
  std::optional<std::string> fact(const std::string& name) const;
  Result<void> set_fact(const std::string& name, std::string value);

  /// The text of userlist.txt: one classic record a line, in order of registration.
  Result<std::string> user_list_text();

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Database = std::unique_ptr<sqlite3, CloseDatabase>;
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  SqliteDatabase(std::filesystem::path folder, common::os::UniqueFd lock, Version first_version)
      : folder_(std::move(folder)), lock_(std::move(lock)), first_version_(first_version) {}

  std::filesystem::path path_of(std::uint64_t generation) const;
  Result<void> open_file(const std::string& path);
  Result<void> open_generation(std::uint64_t generation);
  Result<void> write_generation(const std::filesystem::path& path, const StoredState& state);
  void remove_other_generations();
  Result<void> prepare_statements();
  Result<void> load_facts();
  Result<void> write_fact(std::string_view name, std::string_view value);
  Result<void> write_change(const Change& change, Version version);
  Result<void> write_key(const NameKey& key);
  Result<std::vector<NameKey>> load_keys(const std::function<void(std::string_view)>& skipped);
  /// Calls visit(sqlite3_stmt*) for each row of a query.
  template <typename Visit>
  Result<void> for_each_row(const char* sql, Visit visit);
  Result<void> run(const char* sql);
  Result<void> finish(sqlite3_stmt* statement);
  Result<Statement> prepare(const char* sql);
  StoreError error(int code) const;

  std::filesystem::path folder_;
  common::os::UniqueFd lock_;
  std::uint64_t generation_ = 0;
  Version first_version_;
  Version version_ = 0;
  std::map<std::string, std::string> facts_;  // as on disk: a broken database cannot be asked
  Database database_;                         // before the statements: they must go first
  Statement put_;
  Statement erase_;
  Statement put_key_;
  Statement erase_key_;
  Statement set_fact_;
};

}  // namespace registry
