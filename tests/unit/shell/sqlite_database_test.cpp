// The embedded database on a real disk: what it keeps, and what it does when it cannot.
#include "registry/store/sqlite_database.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/base64.hpp"
#include "tests/unit/support/file_size_limit.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/store_changes.hpp"
#include "tests/unit/support/temp_folder.hpp"

namespace {

using registry::SqliteDatabase;
using registry::StoreError;
using test::erase;
using test::put;
using test::TempFolder;
using StoreErrorKind = StoreError::Kind;

std::unique_ptr<SqliteDatabase> open_database(const std::filesystem::path& folder) {
  auto database = SqliteDatabase::open(folder);
  if (!database) FAIL(database.error().text);
  return *std::move(database);
}

registry::StoredState load(SqliteDatabase& database, std::string* skipped = nullptr) {
  const auto state = database.load([&](std::string_view name) {
    if (skipped != nullptr) *skipped += std::string(name) + ' ';
  });
  REQUIRE(state.has_value());
  return *state;
}

std::string text(SqliteDatabase& database) {
  const auto found = database.user_list_text();
  REQUIRE(found.has_value());
  return *found;
}

void commit(SqliteDatabase& database, const std::vector<registry::Change>& changes) {
  REQUIRE(database.commit(changes).has_value());
}

/// Looks into, or changes, the database behind our back.
std::string run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
  std::string first;
  const auto take = [](void* out, int, char** values, char**) {
    *static_cast<std::string*>(out) = values[0] != nullptr ? values[0] : "";
    return 0;
  };
  char* why = nullptr;
  sqlite3_exec(raw, sql.c_str(), take, &first, &why);
  const std::string problem = why != nullptr ? why : "";
  sqlite3_free(why);
  sqlite3_close(raw);
  CHECK(problem == "");
  return first;
}

TEST_CASE("a new database is empty, at version 0, in a folder that only its owner may enter") {
  const TempFolder folder;
  auto database = open_database(folder / "deep/data");
  CHECK(load(*database).records.empty());
  CHECK(load(*database).version == 0);
  CHECK(text(*database) == "");
  struct stat found {};
  REQUIRE(::stat((folder / "deep/data").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
}

TEST_CASE("what was committed is there after the database was opened again") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    registry::Change full = put(1, "Göktuğ@[2001:db8::1]:50001", 11);
    full.record.user.transport = common::Transport::kTcp;
    full.record.user.door = common::Door::kNetchat;
    full.record.user.since = {1'795'215'021'407};
    full.record.source = test::ip("10.0.0.9");
    full.record.token = registry::TokenHash{};
    full.record.token->fill(std::byte{0x5a});
    const std::vector<registry::Change> changes = {full, put(2, "veli@127.0.0.1:50002", 12)};
    const auto first = database->commit(changes);
    REQUIRE(first.has_value());
    CHECK(*first == 1);
  }
  auto database = open_database(folder.path());
  const auto state = load(*database);
  CHECK(state.version == 2);
  REQUIRE(state.records.size() == 2);
  const registry::Record& record = state.records[0];
  CHECK(record.user.name.text() == "Göktuğ");
  CHECK(record.user.endpoint == test::endpoint("[2001:db8::1]:50001"));
  CHECK(record.user.transport == common::Transport::kTcp);
  CHECK(record.user.door == common::Door::kNetchat);
  CHECK(record.user.since.unix_ms == 1'795'215'021'407);
  CHECK(record.source == test::ip("10.0.0.9"));
  REQUIRE(record.token.has_value());
  CHECK((*record.token)[31] == std::byte{0x5a});
  CHECK(record.id == test::registration_id(11));
  CHECK(record.version == 1);
  CHECK(record.order == 1);
  CHECK_FALSE(state.records[1].token.has_value());
  CHECK(state.records[1].order == 2);
  CHECK(text(*database) == "Göktuğ@[2001:db8::1]:50001\nveli@127.0.0.1:50002\n");
}

TEST_CASE("a moved record keeps its place; a claimed one stands at the end") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {put(1, "ali@127.0.0.1:50001"), put(2, "veli@127.0.0.1:50002")});
  commit(*database, {put(3, "ali@127.0.0.1:50009", 2, 1)});
  CHECK(text(*database) == "ali@127.0.0.1:50009\nveli@127.0.0.1:50002\n");
  const auto state = load(*database);
  CHECK(state.records[0].version == 3);
  CHECK(state.records[0].order == 1);
  commit(*database, {erase(4, "ali@127.0.0.1:50009", 2), put(5, "ali@127.0.0.1:50001", 3)});
  CHECK(text(*database) == "veli@127.0.0.1:50002\nali@127.0.0.1:50001\n");
}

TEST_CASE("an erasure is of one registration: a later one of the same name stays") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {put(1, "ali@127.0.0.1:50001", 11)});
  commit(*database, {erase(2, "ali@127.0.0.1:50001", 99)});
  CHECK(text(*database) == "ali@127.0.0.1:50001\n");
  commit(*database, {erase(3, "ali@127.0.0.1:50001", 11)});
  CHECK(text(*database) == "");
}

TEST_CASE("names are kept by their key: another spelling replaces") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {put(1, "ali@127.0.0.1:50001"), put(2, "ALI@127.0.0.1:50002", 2, 1)});
  CHECK(text(*database) == "ALI@127.0.0.1:50002\n");
}

TEST_CASE("versions never run backwards: erasures count, and so do restarts") {
  const TempFolder folder;
  for (registry::Version round = 0; round < 3; ++round) {
    auto database = open_database(folder.path());
    CHECK(load(*database).version == 2 * round);
    const std::vector<registry::Change> changes = {put(1, "ali@127.0.0.1:50001"),
                                                   erase(2, "ali@127.0.0.1:50001")};
    CHECK(*database->commit(changes) == 2 * round + 1);
  }
}

TEST_CASE("a new database may begin at a version of its own, and then counts on from there") {
  const TempFolder folder;
  const auto version_in = [&](registry::Version first) {
    auto database = SqliteDatabase::open(folder / "data", first);
    REQUIRE(database.has_value());
    return load(**database).version;
  };
  {
    auto database = SqliteDatabase::open(folder / "data", 1000);
    REQUIRE(database.has_value());
    CHECK(load(**database).version == 1000);
    const std::vector<registry::Change> changes = {put(1, "ali@127.0.0.1:50001")};
    CHECK(*(*database)->commit(changes) == 1001);
    CHECK(load(**database).records[0].order == 1001);
  }
  CHECK(version_in(5000) == 1001);  // it is not new any more
  CHECK(version_in(0) == 1001);
}

TEST_CASE("a database made later begins at a higher version than one made before") {
  const auto at = [](std::int64_t unix_ms) {
    return registry::version_for_new_database({unix_ms});
  };
  CHECK(at(1'795'215'021'407) == 1'795'215'021'407'000);
  CHECK(at(1'795'215'021'408) > at(1'795'215'021'407) + 999);
  CHECK(at(0) == 0);
  CHECK(at(-1) == 0);  // a clock before 1970 is wrong, and no reason to fail
  // Read by JavaScript and by JSON libraries as a double: exact up to 2^53, and that is in 2255.
  CHECK(at(9'007'199'254'740) < (1ULL << 53));
}

TEST_CASE("a second registry on the same folder is told that it is in use") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  const auto second = SqliteDatabase::open(folder.path());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().kind == StoreErrorKind::kInUse);
  CHECK(second.error().text == folder.path().string() + " is in use by another registry");
  database.reset();
  CHECK(SqliteDatabase::open(folder.path()).has_value());
}

TEST_CASE("facts are kept, and are not mixed up with the version") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    CHECK_FALSE(database->fact("hash").has_value());
    REQUIRE(database->set_fact("hash", "one").has_value());
    REQUIRE(database->set_fact("hash", std::string("two\0bytes", 9)).has_value());
    REQUIRE(database->set_fact("empty", "").has_value());
    commit(*database, {put(1, "ali@127.0.0.1:50001")});
  }
  auto database = open_database(folder.path());
  CHECK(database->fact("hash") == std::string("two\0bytes", 9));
  CHECK(database->fact("empty") == "");
  CHECK_FALSE(database->fact("version").has_value());
}

TEST_CASE("the database is in write-ahead mode, as one file a generation") {
  const TempFolder folder;
  open_database(folder.path());
  CHECK(test::names_in(folder.path()) == "directory.1.db lock");
  CHECK(run_sql(folder / "directory.1.db", "PRAGMA journal_mode") == "wal");
  CHECK(run_sql(folder / "directory.1.db", "PRAGMA user_version") == "2");
}

TEST_CASE("a rebuild writes everything anew, facts too, and goes on with that") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {put(1, "ali@127.0.0.1:50001", 11), put(2, "veli@127.0.0.1:50002", 12)});
  REQUIRE(database->set_fact("hash", "kept").has_value());
  auto state = load(*database);
  state.records.erase(state.records.begin());  // what memory holds is what counts
  state.version = 7;
  REQUIRE(database->rebuild(state).has_value());
  CHECK(text(*database) == "veli@127.0.0.1:50002\n");
  CHECK(database->fact("hash") == "kept");
  CHECK(test::names_in(folder.path()).find("directory.1.db") == std::string::npos);
  const std::vector<registry::Change> more = {put(3, "can@127.0.0.1:50003", 13)};
  CHECK(*database->commit(more) == 8);
  database.reset();
  CHECK(test::names_in(folder.path()) == "directory.2.db lock");
  database = open_database(folder.path());
  const auto again = load(*database);
  CHECK(again.version == 8);
  REQUIRE(again.records.size() == 2);
  CHECK(again.records[0].id == test::registration_id(12));
  CHECK(again.records[0].version == 2);
  CHECK(again.records[0].order == 2);
  CHECK(database->fact("hash") == "kept");
}

TEST_CASE("of several generations the newest is opened; half-written ones are thrown away") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    commit(*database, {put(1, "old@127.0.0.1:50001")});
    std::filesystem::copy_file(folder / "directory.1.db", folder / "saved");
    auto state = load(*database);
    state.records = {put(2, "new@127.0.0.1:50002").record};
    state.records[0].version = state.records[0].order = 1;
    REQUIRE(database->rebuild(state).has_value());
  }
  // Killed before the old one was removed, and while the next one was being written.
  std::filesystem::rename(folder / "saved", folder / "directory.1.db");
  test::write_text(folder / "directory.3.db.new", "half");
  test::write_text(folder / "directory.9.db.new", "");
  test::write_text(folder / "directory.x.db", "somebody's own");
  auto database = open_database(folder.path());
  CHECK(text(*database) == "new@127.0.0.1:50002\n");
  database.reset();
  CHECK(test::names_in(folder.path()) == "directory.2.db lock");
}

TEST_CASE("generation 10 is newer than generation 9") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  for (int i = 0; i < 11; ++i) REQUIRE(database->rebuild(load(*database)).has_value());
  commit(*database, {put(1, "ali@127.0.0.1:50001")});
  database.reset();
  CHECK(test::names_in(folder.path()) == "directory.12.db lock");
  CHECK(text(*open_database(folder.path())) == "ali@127.0.0.1:50001\n");
}

TEST_CASE("rows that break the rules are left out and reported, the others loaded") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    std::vector<registry::Change> changes;
    for (int i = 1; i <= 9; ++i)
      changes.push_back(
          put(static_cast<registry::ChangeId>(i), "u" + std::to_string(i) + "@127.0.0.1:50001"));
    commit(*database, changes);
  }
  const auto file = folder / "directory.1.db";
  run_sql(file, "UPDATE users SET name = 'a b' WHERE key = 'u1'");
  run_sql(file, "UPDATE users SET endpoint = '224.0.0.1:50001' WHERE key = 'u2'");
  run_sql(file, "UPDATE users SET transport = 'pigeon' WHERE key = 'u3'");
  run_sql(file, "UPDATE users SET door = 'window' WHERE key = 'u4'");
  run_sql(file, "UPDATE users SET source = 'here' WHERE key = 'u5'");
  run_sql(file, "UPDATE users SET token = x'00' WHERE key = 'u6'");
  run_sql(file, "UPDATE users SET registration = x'' WHERE key = 'u7'");
  run_sql(file, "UPDATE users SET version = 99 WHERE key = 'u8'");
  // Two of a kind where each has to be another.
  for (const std::string column : {"version", "sequence"}) {
    const std::string other = column == "version" ? "sequence" : "version";
    run_sql(file, "INSERT INTO users SELECT key || '" + column + "', name || '" + column +
                      "', endpoint, transport, door, since_ms, source, token, registration, " +
                      (column == "version" ? "version, sequence + 100" : "version, sequence") +
                      " FROM users WHERE key = 'u9'");
  }
  run_sql(file,
          "INSERT INTO users SELECT 'U9', 'U9', endpoint, transport, door, since_ms, source, "
          "token, registration, 3, 300 FROM users WHERE key = 'u9'");
  auto database = open_database(folder.path());
  std::string skipped;
  const auto state = load(*database, &skipped);
  CHECK(skipped == "a b u2 u3 u4 u5 u6 u7 u8 u9sequence u9version U9 ");
  REQUIRE(state.records.size() == 1);
  CHECK(state.records[0].user.name.text() == "u9");
}

TEST_CASE("a database of a newer registry is left alone") {
  const TempFolder folder;
  open_database(folder.path());
  run_sql(folder / "directory.1.db", "PRAGMA user_version = 99");
  const auto refused = SqliteDatabase::open(folder.path());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == StoreErrorKind::kBroken);
  CHECK(refused.error().text.find("written by a newer registry (format 99, this one knows 2)") !=
        std::string::npos);
}

/// A change that its name's key has signed for.
registry::Change with_key(registry::Change change, std::uint64_t serial) {
  const auto by = test::signer(1, change.record.user.name.text(), serial, serial);
  change.key = registry::NameKeys().next(change.record.user.name, by, change.record.source,
                                         common::WallTime{5000});
  return change;
}

/// "ali=100 veli=200": names and the serials of their keys.
std::string keys_of(SqliteDatabase& database) {
  std::string out;
  for (const auto& key : load(database).keys)
    out += (out.empty() ? "" : " ") + key.name.text() + '=' + std::to_string(key.request_serial);
  return out;
}

TEST_CASE("a key is written with its change, and is there after the database was opened again") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    commit(*database,
           {with_key(put(1, "Ali@127.0.0.1:50001", 11), 100), put(2, "can@127.0.0.1:50002", 12)});
  }
  auto database = open_database(folder.path());
  const auto keys = load(*database).keys;
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].name.text() == "Ali");
  CHECK(keys[0].identity == test::identity_from(1).key());
  CHECK(keys[0].request_serial == 100);
  CHECK(keys[0].certificate_serial == 100);
  CHECK(*keys[0].certificate == common::encode_base64(test::certificate_bytes(1, "Ali", 100)));
  CHECK(keys[0].source == test::ip("127.0.0.1"));
  CHECK(keys[0].used.unix_ms == 5000);
}

TEST_CASE("a key outlives its record, and goes when its name is had without one") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {with_key(put(1, "ali@127.0.0.1:50001", 11), 100)});
  commit(*database, {with_key(erase(2, "ali@127.0.0.1:50001", 11), 101)});
  CHECK(text(*database) == "");
  CHECK(keys_of(*database) == "ali=101");
  commit(*database, {erase(3, "veli@127.0.0.1:50001", 12)});
  CHECK(keys_of(*database) == "ali=101");
  commit(*database, {put(4, "ali@127.0.0.1:50001", 13)});
  CHECK(keys_of(*database) == "");
}

TEST_CASE("a rebuild keeps the keys, and damaged ones are left out") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {with_key(put(1, "ali@127.0.0.1:50001", 11), 100),
                     with_key(put(2, "veli@127.0.0.1:50002", 12), 200)});
  REQUIRE(database->rebuild(load(*database)).has_value());
  CHECK(keys_of(*database) == "ali=100 veli=200");
  database.reset();
  run_sql(folder / "directory.2.db", "UPDATE name_keys SET identity = x'00' WHERE key = 'ali'");
  run_sql(folder / "directory.2.db",
          "INSERT INTO name_keys SELECT 'can', 'C@N', identity, 1, 1, certificate, source, 1 "
          "FROM name_keys WHERE key = 'veli'");
  run_sql(folder / "directory.2.db",
          "INSERT INTO name_keys SELECT 'zoe', 'zoe', identity, 1, 1, 'x', source, 1 "
          "FROM name_keys WHERE key = 'veli'");
  database = open_database(folder.path());
  std::string skipped;
  CHECK(load(*database, &skipped).keys.size() == 1);
  CHECK(skipped == "ali C@N zoe ");
}

TEST_CASE("a database from before there were keys is opened, and has none") {
  const TempFolder folder;
  {
    auto database = open_database(folder.path());
    commit(*database, {put(1, "ali@127.0.0.1:50001", 11)});
  }
  run_sql(folder / "directory.1.db", "DROP TABLE name_keys");
  run_sql(folder / "directory.1.db", "PRAGMA user_version = 1");
  auto database = open_database(folder.path());
  CHECK(text(*database) == "ali@127.0.0.1:50001\n");
  CHECK(keys_of(*database) == "");
  commit(*database, {with_key(put(2, "ali@127.0.0.1:50001", 11), 100)});
  CHECK(keys_of(*database) == "ali=100");
}

TEST_CASE("a file that is no database is an error, not a fresh start") {
  const TempFolder folder;
  test::write_text(folder / "directory.1.db", std::string(5000, 'x'));
  const auto refused = SqliteDatabase::open(folder.path());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == StoreErrorKind::kBroken);
  CHECK(test::read_text(folder / "directory.1.db") == std::string(5000, 'x'));
}

TEST_CASE("a folder that cannot be made is an error that names it") {
  const TempFolder folder;
  test::write_text(folder / "file", "x");
  const auto refused = SqliteDatabase::open(folder / "file/data");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == StoreErrorKind::kBroken);
  CHECK(refused.error().text.find((folder / "file/data").string()) != std::string::npos);
}

TEST_CASE("a commit that the disk refuses keeps nothing of it, and a rebuild makes all well") {
  const TempFolder folder;
  auto database = open_database(folder.path());
  commit(*database, {put(1, "ali@127.0.0.1:50001", 11)});
  const auto state = load(*database);
  {
    const test::FileSizeLimit no_file_grows(1);
    const std::vector<registry::Change> more = {put(2, "veli@127.0.0.1:50002"),
                                                put(3, "can@127.0.0.1:50003")};
    const auto failed = database->commit(more);
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().kind != StoreErrorKind::kInUse);
    CHECK_FALSE(database->rebuild(state).has_value());  // the disk still refuses
  }
  REQUIRE(database->rebuild(state).has_value());
  CHECK(text(*database) == "ali@127.0.0.1:50001\n");
  const std::vector<registry::Change> again = {put(4, "veli@127.0.0.1:50002", 14)};
  CHECK(*database->commit(again) == 2);
  database.reset();
  CHECK(text(*open_database(folder.path())) == "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n");
}

TEST_CASE("everything committed is on disk before commit returns: a copy taken then has it") {
  const TempFolder folder;
  const TempFolder elsewhere;
  auto database = open_database(folder.path());
  for (int i = 1; i <= 20; ++i) {
    commit(*database,
           {put(static_cast<registry::ChangeId>(i), "u" + std::to_string(i) + "@127.0.0.1:50001")});
    // As a kill would leave it: database and log, no clean closing.
    const auto copy = elsewhere / std::to_string(i);
    std::filesystem::create_directory(copy);
    for (const char* file : {"directory.1.db", "directory.1.db-wal"})
      std::filesystem::copy_file(folder / file, copy / file);
    auto recovered = open_database(copy);
    CHECK(load(*recovered).version == static_cast<registry::Version>(i));
    CHECK(load(*recovered).records.size() == static_cast<std::size_t>(i));
  }
}

}  // namespace
