// How long the answer to a failed login is held back because of others before it: per address and
// per account, so that nobody can try passwords fast, and nobody is locked out
// (docs/protocol/two-connection.md, "Logins"). A core.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "common/endpoint.hpp"
#include "common/time.hpp"

namespace registry::doors {

class LoginThrottle {
 public:
  /// Failures within kWindow that cost nothing.
  static constexpr int kFreeFailures = 5;
  static constexpr common::Duration kWindow = std::chrono::minutes(1);
  static constexpr common::Duration kDelayMin = std::chrono::seconds(1);
  static constexpr common::Duration kDelayMax = std::chrono::seconds(30);
  /// Addresses and accounts remembered; the one that failed longest ago is forgotten first.
  static constexpr std::size_t kEntriesMax = 16'384;

  /// How long a failure is held back that comes now: the longer of the address's and the account's
  /// delay. Doubles with each failure beyond the free ones.
  common::Duration delay(common::TimePoint now, const common::IpAddress& source,
                         const std::string& account) const;
  /// The address's part of it.
  common::Duration source_delay(common::TimePoint now, const common::IpAddress& source) const;
  void handle_failure(common::TimePoint now, const common::IpAddress& source,
                      const std::string& account);
  /// The account's owner is in: his own typing errors are forgiven, the address's are not.
  void handle_success(const std::string& account);

 private:
  template <typename Key>
  class Failures {
   public:
    common::Duration delay(common::TimePoint now, const Key& key) const;
    void add(common::TimePoint now, const Key& key);
    void forget(const Key& key);

   private:
    struct Entry {
      int count = 0;
      common::TimePoint last;
      std::uint64_t serial = 0;  // of the failure; its place in by_age_
    };
    static int count_at(const Entry& entry, common::TimePoint now);

    std::map<Key, Entry> entries_;
    std::map<std::uint64_t, Key> by_age_;
    std::uint64_t last_serial_ = 0;
  };

  Failures<common::IpAddress> sources_;
  Failures<std::string> accounts_;
};

}  // namespace registry::doors
