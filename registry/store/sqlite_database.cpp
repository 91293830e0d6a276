#include "registry/store/sqlite_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <system_error>
#include <unordered_set>

#include "common/os/atomic_file.hpp"
#include "registry/store/sqlite_rows.hpp"

namespace registry {
namespace {

namespace fs = std::filesystem;
using common::unexpected;

constexpr std::string_view kPrefix = "directory.";
constexpr std::string_view kSuffix = ".db";
constexpr const char* kVersionFact = "version";

std::optional<std::uint64_t> generation_of(const std::string& file_name) {
  std::string_view text = file_name;
  if (!text.starts_with(kPrefix) || !text.ends_with(kSuffix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  text.remove_suffix(kSuffix.size());
  std::uint64_t generation = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), generation);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return generation;
}

common::expected<common::os::UniqueFd, StoreError> lock_folder(const fs::path& folder) {
  using Kind = StoreError::Kind;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    return unexpected{StoreError{
        Kind::kBroken, fmt::format("cannot make {}: {}", folder.string(), failed.message())}};
  }
  ::chmod(folder.c_str(), 0700);  // hashes of owner tokens are nobody else's business
  const fs::path path = folder / "lock";
  common::os::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.is_open()) {
    return unexpected{StoreError{
        Kind::kBroken, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))}};
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return unexpected{
        StoreError{Kind::kInUse, fmt::format("{} is in use by another registry", folder.string())}};
  }
  return lock;
}

}  // namespace

void SqliteDatabase::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }
void SqliteDatabase::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Version version_for_new_database(common::WallTime now) {
  constexpr std::int64_t kMicrosecondsInMillisecond = 1000;
  return static_cast<Version>(std::max<std::int64_t>(now.unix_ms, 0) * kMicrosecondsInMillisecond);
}

SqliteDatabase::Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(
    const fs::path& folder, Version first_version) {
  auto lock = lock_folder(folder);
  if (!lock) return unexpected{lock.error()};
  std::unique_ptr<SqliteDatabase> opened(
      new SqliteDatabase(folder, *std::move(lock), first_version));
  std::uint64_t newest = 1;
  std::error_code failed;
  for (const fs::directory_entry& file : fs::directory_iterator(folder, failed))
    if (const auto found = generation_of(file.path().filename().string()))
      newest = std::max(newest, *found);
  if (auto result = opened->open_generation(newest); !result) return unexpected{result.error()};
  opened->remove_other_generations();
  return opened;
}

bool SqliteDatabase::exists(const fs::path& folder) {
  std::error_code failed;
  for (const fs::directory_entry& file : fs::directory_iterator(folder, failed))
    if (generation_of(file.path().filename().string())) return true;
  return false;
}

SqliteDatabase::~SqliteDatabase() = default;

template <typename Visit>
SqliteDatabase::Result<void> SqliteDatabase::for_each_row(const char* sql, Visit visit) {
  auto query = prepare(sql);
  if (!query) return unexpected{query.error()};
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(query->get())) == SQLITE_ROW) visit(query->get());
  if (code != SQLITE_DONE) return unexpected{error(code)};
  return {};
}

SqliteDatabase::Result<StoredState> SqliteDatabase::load(
    const std::function<void(std::string_view)>& skipped) {
  StoredState state;
  state.version = version_;
  // Each of these is unique in a database that only we have written; a damaged one must not stop
  // the start.
  std::unordered_set<std::string> keys;
  std::unordered_set<Version> versions, orders;
  const auto is_new = [&](const Record& record) {
    return record.version <= version_ && !keys.contains(record.user.name.key()) &&
           !versions.contains(record.version) && orders.insert(record.order).second &&
           versions.insert(record.version).second && keys.insert(record.user.name.key()).second;
  };
  const auto read = for_each_row(rows::kSelectRecords, [&](sqlite3_stmt* row) {
    auto record = rows::read_record(row);
    if (record && is_new(*record)) {
      state.records.push_back(*std::move(record));
    } else {
      skipped(rows::column_text(row, 0));
    }
  });
  if (!read) return unexpected{read.error()};
  auto names = load_keys(skipped);
  if (!names) return unexpected{names.error()};
  state.keys = *std::move(names);
  return state;
}

SqliteDatabase::Result<std::vector<NameKey>> SqliteDatabase::load_keys(
    const std::function<void(std::string_view)>& skipped) {
  std::vector<NameKey> keys;
  const auto read = for_each_row(rows::kSelectKeys, [&](sqlite3_stmt* row) {
    if (auto key = rows::read_key(row)) {
      keys.push_back(*std::move(key));
    } else {
      skipped(rows::column_text(row, 0));
    }
  });
  if (!read) return unexpected{read.error()};
  return keys;
}

SqliteDatabase::Result<Version> SqliteDatabase::commit(std::span<const Change> changes) {
  ENSURE(!changes.empty());
  Version before = version_;
  for (const Change& change : changes) before = std::max(before, change.floor);
  const auto write_all = [&]() -> Result<void> {
    if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
    Version version = before;
    for (const Change& change : changes)
      if (auto written = write_change(change, ++version); !written) return written;
    if (auto written = write_fact(kVersionFact, std::to_string(version)); !written) return written;
    return run("COMMIT");
  };
  if (auto written = write_all(); !written) {
    const StoreError& why = written.error();
    if (sqlite3_get_autocommit(database_.get()) == 0 && !run("ROLLBACK"))
      return unexpected{StoreError{StoreError::Kind::kBroken, why.text}};
    return unexpected{why};
  }
  version_ = before + changes.size();
  return before + 1;
}

SqliteDatabase::Result<void> SqliteDatabase::rebuild(const StoredState& state) {
  const fs::path path = path_of(generation_ + 1);
  const fs::path temporary = path.string() + ".new";
  std::error_code ignored;
  fs::remove(temporary, ignored);
  if (auto written = write_generation(temporary, state); !written) {
    fs::remove(temporary, ignored);
    return written;
  }
  const common::os::UniqueFd handle(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::rename(temporary.c_str(), path.c_str()) != 0 || ::fsync(handle.get()) != 0) {
    const StoreError why{
        StoreError::Kind::kBroken,
        fmt::format("cannot put {} in place: {}", path.string(), std::strerror(errno))};
    fs::remove(temporary, ignored);
    fs::remove(path, ignored);
    return unexpected{why};
  }
  // From here on the new generation is the one a restart finds. The old one must not be merged with
  // its log on closing: that log is what can no longer be trusted.
  if (database_) sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (auto opened = open_generation(generation_ + 1); !opened) return opened;
  remove_other_generations();
  return {};
}

std::optional<std::string> SqliteDatabase::fact(const std::string& name) const {
  const auto it = facts_.find(name);
  if (it == facts_.end()) return std::nullopt;
  return it->second;
}

SqliteDatabase::Result<void> SqliteDatabase::set_fact(const std::string& name, std::string value) {
  if (auto written = write_fact(name, value); !written) return written;
  facts_[name] = std::move(value);
  return {};
}

SqliteDatabase::Result<std::string> SqliteDatabase::user_list_text() {
  std::string text;
  const auto read = for_each_row(rows::kSelectList, [&](sqlite3_stmt* row) {
    text += rows::column_text(row, 0);
    text += '@';
    text += rows::column_text(row, 1);
    text += '\n';
  });
  if (!read) return unexpected{read.error()};
  return text;
}

fs::path SqliteDatabase::path_of(std::uint64_t generation) const {
  return folder_ / fmt::format("{}{}{}", kPrefix, generation, kSuffix);
}

SqliteDatabase::Result<void> SqliteDatabase::open_generation(std::uint64_t generation) {
  put_.reset();
  erase_.reset();
  put_key_.reset();
  erase_key_.reset();
  set_fact_.reset();
  database_.reset();
  const std::string path = path_of(generation).string();
  if (auto done = open_file(path); !done) return done;
  // EXCLUSIVE first: then the log needs no shared memory file, and nobody else can look in.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
                          "PRAGMA synchronous=FULL", rows::kSchema}) {
    if (auto done = run(sql); !done) return done;
  }
  auto schema = prepare("PRAGMA user_version");
  if (!schema) return unexpected{schema.error()};
  if (sqlite3_step(schema->get()) != SQLITE_ROW) return unexpected{error(SQLITE_ERROR)};
  const int found = sqlite3_column_int(schema->get(), 0);
  schema->reset();
  if (found > rows::kSchemaVersion) {
    return unexpected{
        StoreError{StoreError::Kind::kBroken,
                   fmt::format("{} was written by a newer registry (format {}, this one knows {})",
                               path, found, rows::kSchemaVersion)}};
  }
  if (found < rows::kSchemaVersion)
    if (auto done = run(rows::kSetSchemaVersion); !done) return done;
  if (auto prepared = prepare_statements(); !prepared) return prepared;
  generation_ = generation;
  return load_facts();
}

SqliteDatabase::Result<void> SqliteDatabase::open_file(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  database_.reset(raw);
  if (code != SQLITE_OK) return unexpected{error(code)};
  sqlite3_extended_result_codes(raw, 1);
  return {};
}

// A whole database in one file without a log, synced and closed, so that a rename completes it.
SqliteDatabase::Result<void> SqliteDatabase::write_generation(const fs::path& path,
                                                              const StoredState& state) {
  SqliteDatabase fresh(folder_, common::os::UniqueFd(), first_version_);
  if (auto done = fresh.open_file(path.string()); !done) return done;
  for (const char* sql : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=FULL", rows::kSchema,
                          rows::kSetSchemaVersion, "BEGIN"}) {
    if (auto done = fresh.run(sql); !done) return done;
  }
  if (auto prepared = fresh.prepare_statements(); !prepared) return prepared;
  for (const Record& record : state.records) {
    const Change change{0, Change::Kind::kPut, record};
    if (auto written = fresh.write_change(change, record.version); !written) return written;
  }
  for (const NameKey& key : state.keys)
    if (auto written = fresh.write_key(key); !written) return written;
  for (const auto& [name, value] : facts_)
    if (auto written = fresh.write_fact(name, value); !written) return written;
  if (auto written = fresh.write_fact(kVersionFact, std::to_string(state.version)); !written)
    return written;
  return fresh.run("COMMIT");
}

void SqliteDatabase::remove_other_generations() {
  std::error_code ignored;
  const std::string keep = path_of(generation_).filename().string();
  for (const fs::directory_entry& file : fs::directory_iterator(folder_, ignored)) {
    const std::string name = file.path().filename().string();
    if (name.starts_with(kPrefix) && !name.starts_with(keep)) fs::remove(file.path(), ignored);
  }
}

SqliteDatabase::Result<void> SqliteDatabase::prepare_statements() {
  const auto prepare_into = [&](Statement& statement, const char* sql) -> Result<void> {
    auto prepared = prepare(sql);
    if (!prepared) return unexpected{prepared.error()};
    statement = *std::move(prepared);
    return {};
  };
  if (auto done = prepare_into(put_, rows::kPutRecord); !done) return done;
  if (auto done = prepare_into(erase_, rows::kEraseRecord); !done) return done;
  if (auto done = prepare_into(put_key_, rows::kPutKey); !done) return done;
  if (auto done = prepare_into(erase_key_, rows::kEraseKey); !done) return done;
  return prepare_into(set_fact_, rows::kPutFact);
}

SqliteDatabase::Result<void> SqliteDatabase::load_facts() {
  facts_.clear();
  const auto read = for_each_row(rows::kSelectFacts, [&](sqlite3_stmt* row) {
    facts_.emplace(rows::column_text(row, 0), rows::column_text(row, 1));
  });
  if (!read) return read;
  // commit() writes the version itself; its copy in facts_ must not outlive the truth.
  version_ = first_version_;
  if (const auto version = facts_.extract(kVersionFact)) {
    const std::string& digits = version.mapped();
    std::from_chars(digits.data(), digits.data() + digits.size(), version_);
  }
  return {};
}

SqliteDatabase::Result<void> SqliteDatabase::write_fact(std::string_view name,
                                                        std::string_view value) {
  rows::bind_text(set_fact_.get(), 1, name);
  rows::bind_text(set_fact_.get(), 2, value);
  return finish(set_fact_.get());
}

SqliteDatabase::Result<void> SqliteDatabase::write_key(const NameKey& key) {
  rows::bind_key(put_key_.get(), key);
  return finish(put_key_.get());
}

SqliteDatabase::Result<void> SqliteDatabase::write_change(const Change& change, Version version) {
  if (change.key) {
    if (auto written = write_key(*change.key); !written) return written;
  } else if (change.kind == Change::Kind::kPut) {
    // A name that was had without a key has none: one that was forgotten must not come back.
    rows::bind_text(erase_key_.get(), 1, change.record.user.name.key());
    if (auto erased = finish(erase_key_.get()); !erased) return erased;
  }
  if (change.kind == Change::Kind::kErase) {
    rows::bind_erased(erase_.get(), change.record);
    return finish(erase_.get());
  }
  rows::bind_record(put_.get(), change.record, version);
  return finish(put_.get());
}

SqliteDatabase::Result<void> SqliteDatabase::run(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return unexpected{error(code)};
  return {};
}

SqliteDatabase::Result<void> SqliteDatabase::finish(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  const auto why = code == SQLITE_DONE ? std::optional<StoreError>() : error(code);
  sqlite3_reset(statement);
  if (why) return unexpected{*why};
  return {};
}

SqliteDatabase::Result<SqliteDatabase::Statement> SqliteDatabase::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql, -1, &raw, nullptr);
  if (code != SQLITE_OK) return unexpected{error(code)};
  return Statement(raw);
}

StoreError SqliteDatabase::error(int code) const {
  using Kind = StoreError::Kind;
  const int primary = code & 0xff;
  const Kind kind = primary == SQLITE_FULL                               ? Kind::kFull
                    : primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? Kind::kInUse
                                                                         : Kind::kBroken;
  const char* text = database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code);
  return {kind, fmt::format("database in {}: {} ({})", folder_.string(), text, code)};
}

}  // namespace registry
