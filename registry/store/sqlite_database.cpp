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

#include "common/base64.hpp"
#include "common/certificate.hpp"
#include "common/classic_record.hpp"
#include "common/os/atomic_file.hpp"

namespace registry {
namespace {

namespace fs = std::filesystem;
using common::unexpected;

/// 2: with name_keys. A registry that knows nothing of keys must not open it: it would give their
/// names away.
constexpr int kSchemaVersion = 2;
constexpr const char* kSetSchemaVersion = "PRAGMA user_version=2";
constexpr std::string_view kPrefix = "directory.";
constexpr std::string_view kSuffix = ".db";
constexpr const char* kVersionFact = "version";

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS users(
  key TEXT PRIMARY KEY, name TEXT NOT NULL, endpoint TEXT NOT NULL, transport TEXT NOT NULL,
  door TEXT NOT NULL, since_ms INTEGER NOT NULL, source TEXT NOT NULL, token BLOB,
  registration BLOB NOT NULL, version INTEGER NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS name_keys(
  key TEXT PRIMARY KEY, name TEXT NOT NULL, identity BLOB NOT NULL, request_serial INTEGER NOT NULL,
  certificate_serial INTEGER NOT NULL, certificate TEXT NOT NULL, source TEXT NOT NULL,
  used_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)sql";

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

template <std::size_t N>
void bind_bytes(sqlite3_stmt* statement, int index, const std::array<std::byte, N>& bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), N, SQLITE_TRANSIENT);
}

void bind_number(sqlite3_stmt* statement, int index, std::uint64_t number) {
  sqlite3_bind_int64(statement, index, static_cast<sqlite3_int64>(number));
}

std::string_view column_text(sqlite3_stmt* statement, int index) {
  const void* data = sqlite3_column_blob(statement, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

template <std::size_t N>
bool column_bytes(sqlite3_stmt* statement, int index, std::array<std::byte, N>& out) {
  const std::string_view bytes = column_text(statement, index);
  if (bytes.size() != N) return false;
  std::memcpy(out.data(), bytes.data(), N);
  return true;
}

/// The record in the current row of the query in load(), or nothing if it breaks a rule.
std::optional<Record> read_record(sqlite3_stmt* row) {
  auto parsed =
      common::parse_classic_record(fmt::format("{}@{}", column_text(row, 0), column_text(row, 1)));
  const auto transport = common::parse_transport(column_text(row, 2));
  const auto door = common::parse_door(column_text(row, 3));
  const auto source = common::IpAddress::parse(column_text(row, 5));
  if (!parsed || !transport || !door || !source) return std::nullopt;
  Record record{.user = {parsed->name, parsed->endpoint, *transport, *door,
                         common::WallTime{sqlite3_column_int64(row, 4)}},
                .source = *source,
                .token = std::nullopt};
  if (sqlite3_column_type(row, 6) != SQLITE_NULL) {
    TokenHash token{};
    if (!column_bytes(row, 6, token)) return std::nullopt;
    record.token = token;
  }
  if (!column_bytes(row, 7, record.id)) return std::nullopt;
  record.version = static_cast<Version>(sqlite3_column_int64(row, 8));
  record.order = static_cast<Version>(sqlite3_column_int64(row, 9));
  return record;
}

/// The key in the current row of the query in load_keys(), or nothing if it breaks a rule.
std::optional<NameKey> read_key(sqlite3_stmt* row) {
  auto name = common::UserName::parse(column_text(row, 0));
  const auto source = common::IpAddress::parse(column_text(row, 5));
  common::IdentityKey identity;
  if (!name || !source || !column_bytes(row, 1, identity.bytes)) return std::nullopt;
  if (name->key() != column_text(row, 7)) return std::nullopt;
  // The certificate was verified before it was written; that it can still be read is enough.
  const std::string_view certificate = column_text(row, 4);
  const auto bytes = common::decode_base64(certificate);
  if (!bytes || bytes->size() > common::kCertificateBytesMax) return std::nullopt;
  return NameKey{.name = *std::move(name),
                 .identity = identity,
                 .request_serial = static_cast<std::uint64_t>(sqlite3_column_int64(row, 2)),
                 .certificate_serial = static_cast<std::uint64_t>(sqlite3_column_int64(row, 3)),
                 .certificate = std::make_shared<const std::string>(certificate),
                 .source = *source,
                 .used = common::WallTime{sqlite3_column_int64(row, 6)}};
}

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

SqliteDatabase::Result<StoredState> SqliteDatabase::load(
    const std::function<void(std::string_view)>& skipped) {
  auto query = prepare(
      "SELECT name, endpoint, transport, door, since_ms, source, token, registration, version, "
      "sequence FROM users ORDER BY sequence");
  if (!query) return unexpected{query.error()};
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
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(query->get())) == SQLITE_ROW) {
    auto record = read_record(query->get());
    if (record && is_new(*record)) {
      state.records.push_back(*std::move(record));
    } else {
      skipped(column_text(query->get(), 0));
    }
  }
  if (code != SQLITE_DONE) return unexpected{error(code)};
  auto names = load_keys(skipped);
  if (!names) return unexpected{names.error()};
  state.keys = *std::move(names);
  return state;
}

SqliteDatabase::Result<std::vector<NameKey>> SqliteDatabase::load_keys(
    const std::function<void(std::string_view)>& skipped) {
  auto query = prepare(
      "SELECT name, identity, request_serial, certificate_serial, certificate, source, used_ms, "
      "key FROM name_keys ORDER BY key");
  if (!query) return unexpected{query.error()};
  std::vector<NameKey> keys;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(query->get())) == SQLITE_ROW) {
    if (auto key = read_key(query->get())) {
      keys.push_back(*std::move(key));
    } else {
      skipped(column_text(query->get(), 0));
    }
  }
  if (code != SQLITE_DONE) return unexpected{error(code)};
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
  auto query = prepare("SELECT name, endpoint FROM users ORDER BY sequence");
  if (!query) return unexpected{query.error()};
  std::string text;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(query->get())) == SQLITE_ROW) {
    text += column_text(query->get(), 0);
    text += '@';
    text += column_text(query->get(), 1);
    text += '\n';
  }
  if (code != SQLITE_DONE) return unexpected{error(code)};
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
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  database_.reset(raw);
  if (code != SQLITE_OK) return unexpected{error(code)};
  sqlite3_extended_result_codes(raw, 1);
  // EXCLUSIVE first: then the log needs no shared memory file, and nobody else can look in.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
                          "PRAGMA synchronous=FULL", kSchema}) {
    if (auto done = run(sql); !done) return done;
  }
  auto schema = prepare("PRAGMA user_version");
  if (!schema) return unexpected{schema.error()};
  if (sqlite3_step(schema->get()) != SQLITE_ROW) return unexpected{error(SQLITE_ERROR)};
  const int found = sqlite3_column_int(schema->get(), 0);
  schema->reset();
  if (found > kSchemaVersion) {
    return unexpected{
        StoreError{StoreError::Kind::kBroken,
                   fmt::format("{} was written by a newer registry (format {}, this one knows {})",
                               path, found, kSchemaVersion)}};
  }
  if (found < kSchemaVersion)
    if (auto done = run(kSetSchemaVersion); !done) return done;
  if (auto prepared = prepare_statements(); !prepared) return prepared;
  generation_ = generation;
  return load_facts();
}

// A whole database in one file without a log, synced and closed, so that a rename completes it.
SqliteDatabase::Result<void> SqliteDatabase::write_generation(const fs::path& path,
                                                              const StoredState& state) {
  SqliteDatabase fresh(folder_, common::os::UniqueFd(), first_version_);
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  fresh.database_.reset(raw);
  if (code != SQLITE_OK) return unexpected{fresh.error(code)};
  sqlite3_extended_result_codes(raw, 1);
  for (const char* sql : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=FULL", kSchema,
                          kSetSchemaVersion, "BEGIN"}) {
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
  if (auto done = prepare_into(put_,
                               "INSERT OR REPLACE INTO users(key, name, endpoint, transport, door, "
                               "since_ms, source, token, registration, version, sequence) "
                               "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)");
      !done) {
    return done;
  }
  if (auto done = prepare_into(erase_, "DELETE FROM users WHERE key = ?1 AND registration = ?2");
      !done) {
    return done;
  }
  if (auto done = prepare_into(
          put_key_,
          "INSERT OR REPLACE INTO name_keys(key, name, identity, request_serial, "
          "certificate_serial, certificate, source, used_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)");
      !done) {
    return done;
  }
  if (auto done = prepare_into(erase_key_, "DELETE FROM name_keys WHERE key = ?1"); !done)
    return done;
  return prepare_into(set_fact_, "INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)");
}

SqliteDatabase::Result<void> SqliteDatabase::load_facts() {
  auto query = prepare("SELECT name, value FROM facts");
  if (!query) return unexpected{query.error()};
  facts_.clear();
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(query->get())) == SQLITE_ROW)
    facts_.emplace(column_text(query->get(), 0), column_text(query->get(), 1));
  if (code != SQLITE_DONE) return unexpected{error(code)};
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
  bind_text(set_fact_.get(), 1, name);
  bind_text(set_fact_.get(), 2, value);
  return finish(set_fact_.get());
}

SqliteDatabase::Result<void> SqliteDatabase::write_key(const NameKey& key) {
  sqlite3_stmt* put = put_key_.get();
  bind_text(put, 1, key.name.key());
  bind_text(put, 2, key.name.text());
  bind_bytes(put, 3, key.identity.bytes);
  bind_number(put, 4, key.request_serial);
  bind_number(put, 5, key.certificate_serial);
  bind_text(put, 6, *key.certificate);
  bind_text(put, 7, key.source.to_string());
  sqlite3_bind_int64(put, 8, key.used.unix_ms);
  return finish(put);
}

SqliteDatabase::Result<void> SqliteDatabase::write_change(const Change& change, Version version) {
  if (change.key) {
    if (auto written = write_key(*change.key); !written) return written;
  } else if (change.kind == Change::Kind::kPut) {
    // A name that was had without a key has none: one that was forgotten must not come back.
    bind_text(erase_key_.get(), 1, change.record.user.name.key());
    if (auto erased = finish(erase_key_.get()); !erased) return erased;
  }
  const Record& record = change.record;
  const common::User& user = record.user;
  if (change.kind == Change::Kind::kErase) {
    bind_text(erase_.get(), 1, user.name.key());
    bind_bytes(erase_.get(), 2, record.id);
    return finish(erase_.get());
  }
  sqlite3_stmt* put = put_.get();
  bind_text(put, 1, user.name.key());
  bind_text(put, 2, user.name.text());
  bind_text(put, 3, common::format_endpoint(user.endpoint));
  bind_text(put, 4, common::to_string(user.transport));
  bind_text(put, 5, common::to_string(user.door));
  sqlite3_bind_int64(put, 6, user.since.unix_ms);
  bind_text(put, 7, record.source.to_string());
  if (record.token) {
    bind_bytes(put, 8, *record.token);
  } else {
    sqlite3_bind_null(put, 8);
  }
  bind_bytes(put, 9, record.id);
  bind_number(put, 10, version);
  bind_number(put, 11, record.order == 0 ? version : record.order);
  return finish(put);
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
