#include "registry/user_table.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "common/check.hpp"

namespace registry {

std::size_t KeyHash::operator()(const std::string& key) const {
  static_assert(crypto_shorthash_BYTES == sizeof(std::uint64_t));
  std::uint64_t hash = 0;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash),
                   reinterpret_cast<const unsigned char*>(key.data()), key.size(), secret.data());
  return hash;
}

KeyHash make_key_hash(common::Random& random) {
  KeyHash hash{};
  static_assert(crypto_shorthash_KEYBYTES == sizeof hash.secret);
  random.fill(std::as_writable_bytes(std::span(hash.secret)));
  return hash;
}

UserTable::UserTable(const KeyHash& hash) : by_key_(16, hash) {
  // Half as full as usual: each step along a chain is a look into memory that no cache holds.
  by_key_.max_load_factor(0.5F);
}

UserEntry& UserTable::insert(Record record) {
  auto owned = std::make_unique<UserEntry>(std::move(record));
  UserEntry& entry = *owned;
  const bool is_new = by_key_.emplace(entry.record.user.name.key(), std::move(owned)).second;
  ENSURE(is_new);
  ENSURE(order_of(entry.record).emplace(entry.record.order, &entry).second);
  ENSURE(by_version_.emplace(entry.record.version, &entry).second);
  per_source_.add(entry.record.source);
  return entry;
}

void UserTable::erase(UserEntry& entry) {
  per_source_.remove(entry.record.source);
  by_version_.erase(entry.record.version);
  order_of(entry.record).erase(entry.record.order);
  by_key_.erase(std::string(entry.record.user.name.key()));
}

void UserTable::set_version(UserEntry& entry, Version version) {
  by_version_.erase(entry.record.version);
  entry.record.version = version;
  by_version_.emplace(version, &entry);
}

void UserTable::note_removal(Version version, const common::UserName& name) {
  removals_.emplace_back(version, name);
  while (removals_.size() > kRemovalsMax) {
    removals_from_ = removals_.front().first;
    removals_.pop_front();
  }
}

const UserEntry* UserTable::find_registered(Version order) const {
  for (const Order& registered : registered_)
    if (const auto it = registered.find(order); it != registered.end()) return it->second;
  return nullptr;
}

std::optional<UserTable::Changes> UserTable::changes_since(Version since, Version now) const {
  if (since < removals_from_ || since > now) return std::nullopt;
  Changes changes;
  for (auto it = by_version_.upper_bound(since); it != by_version_.end(); ++it)
    changes.changed.push_back(&it->second->record);
  for (auto it = removals_.rbegin(); it != removals_.rend() && it->first > since; ++it)
    if (find(it->second.key()) == nullptr) changes.removed.push_back(it->second.text());
  std::sort(changes.removed.begin(), changes.removed.end());
  changes.removed.erase(std::unique(changes.removed.begin(), changes.removed.end()),
                        changes.removed.end());
  return changes;
}

}  // namespace registry
