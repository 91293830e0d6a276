// Who is known, under which name, at which address, until when, and who may change it
// (docs/protocol/directory.md). A core: it is told the time, asks for writes and probes through its
// poll functions, and applies a change only when it is told that the change is on disk.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "common/random.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "registry/name_keys.hpp"
#include "registry/record.hpp"
#include "registry/source_counts.hpp"
#include "registry/user_table.hpp"

namespace registry {

using common::Duration;
using common::TimePoint;

using ChangeId = std::uint64_t;

/// One write that the store has to make durable. A put with order 0 is a new claim: it takes its
/// order from the version that the store gives it.
struct Change {
  enum class Kind { kPut, kErase };
  ChangeId id = 0;
  Kind kind = Kind::kPut;
  Record record;
  Version floor = 0;  // readers have been told of this version: the store's has to be higher
  /// What becomes of the name's key with it, if its holder has signed for it.
  std::optional<NameKey> key = std::nullopt;
};

/// Who asks.
struct Caller {
  common::IpAddress source;
  std::optional<TokenHash> token;
  /// Who has signed the request, for the name that it is about; null: nobody.
  const common::Signer* signer = nullptr;
};

/// What a REGISTER or UPDATE wants listed.
struct Registration {
  common::UserName name;
  common::Endpoint endpoint;
  common::Transport transport = common::Transport::kUdp;
  common::Door door = common::Door::kClassic;
  common::WallTime since;  // shown to readers
};

/// A user who is connected to a door of this registry: listed for as long as he is, not stored.
struct Attachment {
  common::UserName name;
  common::Door door = common::Door::kTwoConnection;
  common::IpAddress source;  // his end of the connection
  common::WallTime since;
  SessionId session = 0;
};

enum class Refusal {
  kForeignAddress,  // the address is somebody else's
  kNameTaken,       // held by somebody else
  kNotListed,       // LOGOUT of a record that is not there
  kNotOwner,        // LOGOUT of somebody else's record
  kAccountName,     // the name belongs to an account: only who logs in has it
  kBoundName,       // the name obeys another key
  kStaleRequest,    // signed by the right key, but used before, or older than what was
  kFull,            // no room for another user
  kStoreDown,       // the disk does not take changes now
};

struct Accepted {};  // done; nothing had to be written
struct Pending {     // done when handle_committed names this change
  ChangeId change = 0;
};
struct Waiting {  // ask again once poll_settled names this key: the name is changing or being
                  // probed
  std::string key;
};
using Outcome = std::variant<Accepted, Pending, Waiting, Refusal>;

/// Asks the shell whether anything still takes messages at a record's endpoint.
struct Probe {
  std::string key;
  common::Endpoint endpoint;
  common::Transport transport;
};

struct DirectoryEvent {
  enum class Kind { kRegistered, kMoved, kReclaimed, kLoggedIn, kLoggedOut, kExpired } kind;
  common::User user;
};

struct DirectoryRules {
  Duration lease = std::chrono::seconds(200);            // of a record whose owner refreshes it
  Duration classic_lease = std::chrono::seconds(86400);  // of an old program's, which never does
  bool allow_foreign_address = false;
};

class Directory {
 public:
  /// Bounds on what strangers can make grow.
  static constexpr std::size_t kUsersMax = 2'000'000;
  /// Users from one address other than loopback: a whole school behind one NAT fits.
  static constexpr std::size_t kUsersPerSourceMax = 4096;
  /// An old program binds its port only after its registration was answered: no probe before this.
  static constexpr Duration kProbeAge = std::chrono::seconds(60);
  static constexpr Duration kProbeInterval = std::chrono::seconds(60);
  /// How long "nobody is there" holds: as long as it takes to run the waiting request again. Later
  /// somebody may be back.
  static constexpr Duration kProbeResultAge = std::chrono::seconds(1);

  Directory(DirectoryRules rules, common::Random& random);

  /// Takes over what a store held; each record's lease begins at `now`. Only on an empty directory.
  /// `wall_now` tells for how long keys have not been used.
  void load(TimePoint now, std::vector<Record> records, Version version,
            std::vector<NameKey> keys = {}, common::WallTime wall_now = {});

  // A name that is bound to a key obeys a request signed by it, from wherever, and no other. A free
  // or held name is bound by the first signed request that gets it.

  /// REGISTER: claims a free name; a held one only with its owner's token, or after a probe that
  /// was asked for from the holder's address has found nobody there.
  Outcome register_user(TimePoint now, const Registration& wanted, const Caller& caller);
  /// UPDATE: claims a free name, or refreshes or moves the caller's own.
  Outcome update_user(TimePoint now, const Registration& wanted, const Caller& caller);
  /// LOGOUT: gives up exactly this record.
  Outcome logout_user(TimePoint now, const common::UserName& name, const common::Endpoint& endpoint,
                      const Caller& caller);

  /// Lists a connected user, at once. Refused (kNameTaken, kFull) while the name is held or being
  /// claimed by anybody, and (kAccountName) at doors that ask for no password if it is an
  /// account's, and (kBoundName) if it has a key.
  std::optional<Refusal> attach(const Attachment& attachment);
  /// The connection is gone. Nothing happens if that session is not listed.
  void detach(const common::UserName& name, SessionId session);
  /// Where the registry takes messages of that transport for this user, who must be listed and have
  /// no such port. It is his until poll_freed_gateway names it.
  void set_gateway(const common::UserName& name, common::Transport transport, std::uint16_t port);
  /// A gateway port whose user has gone, or needs it no more.
  std::optional<std::uint16_t> poll_freed_gateway(common::Transport transport);
  /// Keys of names that nobody can register: accounts of a door. Those who hold one by now keep it
  /// until their lease ends.
  void reserve(std::unordered_set<std::string> keys) { reserved_ = std::move(keys); }
  /// Whether a message from there may carry that sender's name: it is nobody's, or its holder's
  /// own.
  bool may_speak_as(const common::UserName& name, const Caller& caller) const;

  void handle_committed(TimePoint now, ChangeId id, Version version);
  void handle_failed(TimePoint now, ChangeId id);
  void handle_probe_result(TimePoint now, const std::string& key, bool is_gone);
  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  /// While false, everything that would need a write is refused with kStoreDown.
  void set_store_up(bool up) { store_up_ = up; }

  std::optional<Change> poll_change();
  std::optional<Probe> poll_probe();
  /// A key that stopped changing or being probed.
  std::optional<std::string> poll_settled();
  std::optional<DirectoryEvent> poll_event();

  /// The record, or null; valid until the next call of a non-const function.
  const Record* find(const common::UserName& name) const;
  /// True while a change or a probe of that key is under way.
  bool is_busy(const std::string& key) const;
  std::size_t size() const { return users_.size(); }
  std::size_t attached_count() const { return users_.attached_count(); }
  /// Of registered users, those whose endpoint takes that.
  std::size_t registered_count(common::Transport transport) const {
    return users_.registered_count(transport);
  }
  Version version() const { return version_; }

  /// Calls `visit(const Record&)` for every record: registered ones in order of registration, then
  /// connected ones in order of their coming.
  template <typename Visit>
  void for_each(Visit visit) const {
    users_.for_each_registered([&](const Entry& entry) { visit(entry.record); });
    users_.for_each_attached([&](const Record& record) {
      visit(record);
      return true;
    });
  }
  /// The connected users, in order of their coming, for as long as `visit` returns true.
  template <typename Visit>
  void for_each_attached(Visit visit) const {
    users_.for_each_attached(visit);
  }
  /// The registered users of that transport, in order of registration, for as long as `visit`
  /// returns true.
  template <typename Visit>
  void for_each_registered(common::Transport transport, Visit visit) const {
    users_.for_each_registered(transport, visit);
  }

  using Changes = UserTable::Changes;
  /// Nothing if `since` is older than what is remembered, or newer than now: then the whole list is
  /// the answer.
  std::optional<Changes> changes_since(Version since) const {
    return users_.changes_since(since, version_);
  }

  /// All registered records, for a store that has to be written anew. In order of registration.
  std::vector<Record> snapshot() const;
  const NameKeys& keys() const { return keys_; }

 private:
  using Entry = UserEntry;
  struct LeaseCheck {
    TimePoint when;
    Version order;  // never used again after its record is gone, so a stale check finds nothing
    friend bool operator>(const LeaseCheck& a, const LeaseCheck& b) { return a.when > b.when; }
  };
  using LeaseQueue =
      std::priority_queue<LeaseCheck, std::vector<LeaseCheck>, std::greater<LeaseCheck>>;

  bool owns_by_token(const Record& record, const Caller& caller) const;
  /// What the name's key has to say against the caller; nothing if it has no key, or he holds it.
  std::optional<Refusal> check_key(const common::UserName& name, const Caller& caller) const;
  /// The caller holds the name's key: check_key() has let him pass.
  bool owns_by_key(const common::UserName& name, const Caller& caller) const;
  std::optional<Refusal> check_room(const Caller& caller) const;
  Outcome replace(TimePoint now, Entry* held, const Registration& wanted, const Caller& caller);
  Outcome begin(Change::Kind kind, Record record, std::optional<NameKey> key = std::nullopt);
  void forget_unused_keys(TimePoint now);
  Duration lease_of(const Record& record) const;
  Entry& insert(TimePoint now, Record record);
  void erase(Entry& entry);
  void apply_put(TimePoint now, Record record);
  void apply_erase(const Record& record, Version version);
  void end_claim(const Change& change);
  void settle(const std::string& key);
  void schedule_lease_check(TimePoint when, Version order);
  void free_gateway(Record& record, common::Transport transport);

  DirectoryRules rules_;
  common::Random& random_;
  NameKeys keys_;
  bool store_up_ = true;
  Version version_ = 0;
  ChangeId last_change_ = 0;

  KeyHash hash_;
  UserTable users_;

  std::unordered_map<ChangeId, Change> in_flight_;
  std::unordered_set<std::string, KeyHash> changing_;  // the keys of in_flight_
  std::unordered_set<ChangeId> expiring_;  // those of in_flight_ that a lease's end began
  // Puts of names not in users_ yet, by source: they take room as well.
  SourceCounts claims_in_flight_;
  std::size_t claims_in_flight_count_ = 0;
  LeaseQueue leases_;

  std::unordered_set<std::string> reserved_;

  std::deque<Change> changes_out_;
  std::deque<Probe> probes_out_;
  std::deque<std::string> settled_out_;
  std::deque<DirectoryEvent> events_out_;
  std::array<std::deque<std::uint16_t>, kTransportCount> freed_gateways_;  // bounded by Gateway's
};

/// True if a caller at `source` may register `address`: it is his own, or both are loopback, or
/// both are private. Else a registry would aim everybody's broadcasts at a stranger.
bool may_register(const common::IpAddress& source, const common::IpAddress& address);

}  // namespace registry
