// The listed users: by name, in the order of lists, by their last change, and who is gone since.
// Part of the directory, which decides who is listed; a core.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/random.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "registry/record.hpp"
#include "registry/source_counts.hpp"

namespace registry {

struct UserEntry {
  explicit UserEntry(Record held) : record(std::move(held)) {}

  /// Its name, order, source, session and transport stay as they were inserted, and its version is
  /// set_version()'s: the table finds it by them.
  Record record;
  common::TimePoint lease_end;
  common::TimePoint heard_at;
  common::TimePoint probe_allowed_at;
  common::TimePoint gone_until;  // of a probe that found nobody
  enum class ProbeState { kNone, kRunning, kGone } probe = ProbeState::kNone;
};

/// Keyed with a secret, so that nobody can choose names that all fall into one bucket.
struct KeyHash {
  std::array<unsigned char, 16> secret;
  std::size_t operator()(const std::string& key) const;
};
KeyHash make_key_hash(common::Random& random);

class UserTable {
 public:
  /// Removals remembered for changes_since(); older questions get the whole list.
  static constexpr std::size_t kRemovalsMax = 65'536;

  explicit UserTable(const KeyHash& hash);

  /// The record's name, order and version must be new. Valid until erase().
  UserEntry& insert(Record record);
  void erase(UserEntry& entry);
  /// The entry has changed in what readers see, and that is the list's version now.
  void set_version(UserEntry& entry, Version version);
  /// The name is not listed any more, as of that version.
  void note_removal(Version version, const common::UserName& name);
  /// Of an empty table: nothing is known of what was removed up to that version.
  void begin_at(Version version) { removals_from_ = version; }

  /// Null: nobody has that key.
  UserEntry* find(const std::string& key) {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : it->second.get();
  }
  const UserEntry* find(const std::string& key) const {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : it->second.get();
  }
  /// By its order.
  const UserEntry* find_registered(Version order) const;

  std::size_t size() const { return by_key_.size(); }
  std::size_t attached_count() const { return attached_.size(); }
  std::size_t registered_count() const { return registered_[0].size() + registered_[1].size(); }
  std::size_t registered_count(common::Transport transport) const {
    return registered(transport).size();
  }
  std::size_t count_from(const common::IpAddress& source) const {
    return per_source_.count(source);
  }

  /// Calls `visit(const UserEntry&)` for each that is registered, in order of registration.
  template <typename Visit>
  void for_each_registered(Visit visit) const {
    const Order& first = registered_[0];
    const Order& second = registered_[1];
    auto a = first.begin();
    auto b = second.begin();
    while (a != first.end() || b != second.end()) {
      const bool takes_a = b == second.end() || (a != first.end() && a->first < b->first);
      visit(*(takes_a ? a++ : b++)->second);
    }
  }
  /// Those of one transport, for as long as `visit(const Record&)` returns true.
  template <typename Visit>
  void for_each_registered(common::Transport transport, Visit visit) const {
    visit_while(registered(transport), visit);
  }
  /// Those who are connected, in order of their coming, for as long as `visit(const Record&)`
  /// returns true.
  template <typename Visit>
  void for_each_attached(Visit visit) const {
    visit_while(attached_, visit);
  }

  /// What happened after a version.
  struct Changes {
    std::vector<const Record*> changed;  // in order of their last change
    std::vector<std::string> removed;    // names that are not listed any more
  };
  /// Nothing if `since` is older than what is remembered, or newer than `now`, the list's version.
  std::optional<Changes> changes_since(Version since, Version now) const;

 private:
  using Order = std::map<Version, UserEntry*>;

  template <typename Visit>
  static void visit_while(const Order& order, Visit visit) {
    for (const auto& [at, entry] : order)
      if (!visit(entry->record)) return;
  }
  Order& registered(common::Transport transport) {
    return registered_[static_cast<std::size_t>(transport)];
  }
  const Order& registered(common::Transport transport) const {
    return registered_[static_cast<std::size_t>(transport)];
  }
  Order& order_of(const Record& record) {
    return record.session != 0 ? attached_ : registered(record.user.transport);
  }

  // Every entry is in by_key_ and by_version_, in one of registered_ and attached_, and counted in
  // per_source_.
  std::unordered_map<std::string, std::unique_ptr<UserEntry>, KeyHash> by_key_;
  std::array<Order, kTransportCount> registered_;  // by order of registration, a transport each
  Order attached_;  // have a session, and neither lease nor place in the store
  Order by_version_;
  SourceCounts per_source_;

  Version removals_from_ = 0;  // changes_since() can answer for this version and later
  std::deque<std::pair<Version, common::UserName>> removals_;
};

}  // namespace registry
