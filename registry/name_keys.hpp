// Which identity each name obeys: bound at the first signed registration, for as long as the key is
// used (docs/protocol/directory.md, "Keys"). A core, and a part of the directory: it decides
// nothing about records, and what it is told is on disk already.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/signed_request.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "registry/source_counts.hpp"

namespace registry {

/// What a name is bound to.
struct NameKey {
  common::UserName name;
  common::IdentityKey identity;
  std::uint64_t request_serial = 0;                // of the last request that was accepted
  std::uint64_t certificate_serial = 0;            // of `certificate`
  std::shared_ptr<const std::string> certificate;  // the newest, in base64, as it is shown
  common::IpAddress source;                        // that bound the name
  common::WallTime used;                           // when the last change by the key was written
};

class NameKeys {
 public:
  /// A key that was not used for so long is forgotten, unless its name is listed.
  static constexpr std::chrono::hours kUnusedMax{24 * 90};
  /// At the bounds no name is bound any more; a signed registration is refused. Those that are
  /// bound stay: forgetting one would give its name away.
  static constexpr std::size_t kKeysMax = 2'000'000;
  static constexpr std::size_t kKeysPerSourceMax = 4096;  // other than loopback

  enum class Verdict {
    kUnbound,  // the name has no key: other rules decide
    kHolder,   // its key signs, with a request and a certificate that are not old
    kOther,    // it has a key, and this is another one or none
    kStale,    // its key signs, but something that was accepted before, or older
  };

  /// What the name's key says to a request signed by `signer`; null for one that is not signed.
  Verdict judge(const common::UserName& name, const common::Signer* signer) const;

  /// Whether a name may be bound for somebody at that address. What is bound already needs no room.
  bool has_room(const common::IpAddress& source) const;

  /// What accepting the signer's request makes of the name's key: for the store, and then for
  /// put(). judge() must be kUnbound or kHolder.
  NameKey next(const common::UserName& name, const common::Signer& signer,
               const common::IpAddress& source, common::WallTime wall_now) const;

  /// Takes over what is on disk now. `unused` is how long the key has been unused, as far as known.
  void put(common::TimePoint now, NameKey key, common::Duration unused = {});

  /// A request that changed nothing, and so was not written, counts as use; its serial is used up.
  /// Its certificate is the one that is held.
  void touch(common::TimePoint now, const common::UserName& name, std::uint64_t request_serial);

  /// The name's key, or null; valid until the next change.
  const NameKey* find(const common::UserName& name) const;

  /// Names whose keys were not used for kUnusedMax, `count_max` at most. What is listed is the
  /// directory's to know; it forgets or touches each.
  std::vector<common::UserName> unused(common::TimePoint now, std::size_t count_max) const;
  void erase(const common::UserName& name);
  std::optional<common::TimePoint> next_unused() const;

  std::size_t size() const { return by_name_.size(); }
  /// All of them, in the order of their names' keys: for a store that is written anew.
  std::vector<NameKey> snapshot() const;

 private:
  struct Held {
    NameKey key;
    common::TimePoint unused_at;
  };

  void reschedule(Held& held, common::TimePoint unused_at);

  std::map<std::string, Held> by_name_;  // a tree: strangers choose the names
  std::set<std::pair<common::TimePoint, std::string>> by_time_;  // the same, by unused_at
  SourceCounts per_source_;
};

}  // namespace registry
