// The tables of the embedded database, and what a row of each says. For the store.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "registry/name_keys.hpp"
#include "registry/record.hpp"

namespace registry::rows {

/// 2: with name_keys. A registry that knows nothing of keys must not open it: it would give their
/// names away.
inline constexpr int kSchemaVersion = 2;
inline constexpr const char* kSetSchemaVersion = "PRAGMA user_version=2";
extern const char* const kSchema;

inline constexpr const char* kSelectRecords =
    "SELECT name, endpoint, transport, door, since_ms, source, token, registration, version, "
    "sequence FROM users ORDER BY sequence";
inline constexpr const char* kSelectList = "SELECT name, endpoint FROM users ORDER BY sequence";
inline constexpr const char* kPutRecord =
    "INSERT OR REPLACE INTO users(key, name, endpoint, transport, door, since_ms, source, token, "
    "registration, version, sequence) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)";
inline constexpr const char* kEraseRecord =
    "DELETE FROM users WHERE key = ?1 AND registration = ?2";
inline constexpr const char* kSelectKeys =
    "SELECT name, identity, request_serial, certificate_serial, certificate, source, used_ms, "
    "key FROM name_keys ORDER BY key";
inline constexpr const char* kPutKey =
    "INSERT OR REPLACE INTO name_keys(key, name, identity, request_serial, certificate_serial, "
    "certificate, source, used_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)";
inline constexpr const char* kEraseKey = "DELETE FROM name_keys WHERE key = ?1";
inline constexpr const char* kSelectFacts = "SELECT name, value FROM facts";
inline constexpr const char* kPutFact = "INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)";

void bind_text(sqlite3_stmt* statement, int index, std::string_view text);
/// Valid until the statement's next step.
std::string_view column_text(sqlite3_stmt* statement, int index);

/// For kPutRecord. A claim that has no order yet has its version as its order.
void bind_record(sqlite3_stmt* put, const Record& record, Version version);
/// For kEraseRecord.
void bind_erased(sqlite3_stmt* erase, const Record& record);
/// The record in the current row of kSelectRecords, or nothing if it breaks a rule.
std::optional<Record> read_record(sqlite3_stmt* row);

/// For kPutKey.
void bind_key(sqlite3_stmt* put, const NameKey& key);
/// The key in the current row of kSelectKeys, or nothing if it breaks a rule.
std::optional<NameKey> read_key(sqlite3_stmt* row);

}  // namespace registry::rows
