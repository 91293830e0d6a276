#include "registry/store/sqlite_rows.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base64.hpp"
#include "common/certificate.hpp"
#include "common/classic_record.hpp"

namespace registry::rows {
namespace {

template <std::size_t N>
void bind_bytes(sqlite3_stmt* statement, int index, const std::array<std::byte, N>& bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), N, SQLITE_TRANSIENT);
}

void bind_number(sqlite3_stmt* statement, int index, std::uint64_t number) {
  sqlite3_bind_int64(statement, index, static_cast<sqlite3_int64>(number));
}

template <std::size_t N>
bool column_bytes(sqlite3_stmt* statement, int index, std::array<std::byte, N>& out) {
  const std::string_view bytes = column_text(statement, index);
  if (bytes.size() != N) return false;
  std::memcpy(out.data(), bytes.data(), N);
  return true;
}

}  // namespace

const char* const kSchema = R"sql(
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

std::string_view column_text(sqlite3_stmt* statement, int index) {
  const void* data = sqlite3_column_blob(statement, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

void bind_record(sqlite3_stmt* put, const Record& record, Version version) {
  const common::User& user = record.user;
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
}

void bind_erased(sqlite3_stmt* erase, const Record& record) {
  bind_text(erase, 1, record.user.name.key());
  bind_bytes(erase, 2, record.id);
}

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

void bind_key(sqlite3_stmt* put, const NameKey& key) {
  bind_text(put, 1, key.name.key());
  bind_text(put, 2, key.name.text());
  bind_bytes(put, 3, key.identity.bytes);
  bind_number(put, 4, key.request_serial);
  bind_number(put, 5, key.certificate_serial);
  bind_text(put, 6, *key.certificate);
  bind_text(put, 7, key.source.to_string());
  sqlite3_bind_int64(put, 8, key.used.unix_ms);
}

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

}  // namespace registry::rows
