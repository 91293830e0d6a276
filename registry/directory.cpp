#include "registry/directory.hpp"

#include <sodium.h>

#include <algorithm>

#include "common/take_front.hpp"

namespace registry {
namespace {

/// How soon an expiry is tried again when the store did not take it.
constexpr Duration kRetryExpiry = std::chrono::seconds(1);
/// Leases ended in one call, so that a burst of them does not hold up the loop.
constexpr int kExpiriesPerCall = 1000;

bool is_same_place(const common::User& held, const Registration& wanted) {
  return held.name.text() == wanted.name.text() && held.endpoint == wanted.endpoint &&
         held.transport == wanted.transport && held.door == wanted.door;
}

/// The request says nothing new about the name's key.
bool is_same_key(const NameKey* bound, const common::Signer* signer) {
  if (bound == nullptr || signer == nullptr) return bound == nullptr && signer == nullptr;
  return bound->certificate_serial == signer->certificate.serial;
}

}  // namespace

bool may_register(const common::IpAddress& source, const common::IpAddress& address) {
  if (source == address) return true;
  if (source.is_loopback() && address.is_loopback()) return true;
  return source.is_private() && address.is_private();
}

Directory::Directory(DirectoryRules rules, common::Random& random)
    : rules_(rules),
      random_(random),
      hash_(make_key_hash(random)),
      users_(hash_),
      changing_(16, hash_) {}

void Directory::load(TimePoint now, std::vector<Record> records, Version version,
                     std::vector<NameKey> keys, common::WallTime wall_now) {
  ENSURE(users_.size() == 0 && version_ == 0);
  version_ = version;
  users_.begin_at(version);
  for (NameKey& key : keys) {
    // A clock that was set back does not make a key older, one that ran ahead no older than it may.
    constexpr std::int64_t kUnusedMaxMs = std::chrono::milliseconds(NameKeys::kUnusedMax).count();
    const std::int64_t unused_ms =
        std::clamp<std::int64_t>(wall_now.unix_ms - key.used.unix_ms, 0, kUnusedMaxMs);
    keys_.put(now, std::move(key), std::chrono::milliseconds(unused_ms));
  }
  for (Record& record : records) {
    ENSURE(record.version <= version);
    const NameKey* key = keys_.find(record.user.name);
    if (key != nullptr) record.user.certificate = key->certificate;
    insert(now, std::move(record));
  }
}

Outcome Directory::register_user(TimePoint now, const Registration& wanted, const Caller& caller) {
  if (!rules_.allow_foreign_address && !may_register(caller.source, wanted.endpoint.address))
    return Refusal::kForeignAddress;
  const std::string& key = wanted.name.key();
  if (reserved_.contains(key)) return Refusal::kAccountName;
  if (changing_.contains(key)) return Waiting{key};
  if (const auto refusal = check_key(wanted.name, caller)) return *refusal;
  Entry* held = users_.find(key);
  if (held != nullptr && held->record.session != 0) return Refusal::kNameTaken;
  if (held == nullptr || owns_by_token(held->record, caller) || owns_by_key(wanted.name, caller))
    return replace(now, held, wanted, caller);

  const bool may_probe = caller.source == held->record.source && now >= held->heard_at + kProbeAge;
  if (!may_probe) return Refusal::kNameTaken;
  if (held->probe == Entry::ProbeState::kRunning) return Waiting{key};
  if (held->probe == Entry::ProbeState::kGone && now < held->gone_until)
    return replace(now, held, wanted, caller);
  if (now < held->probe_allowed_at) return Refusal::kNameTaken;
  held->probe_allowed_at = now + kProbeInterval;
  held->probe = Entry::ProbeState::kRunning;
  probes_out_.push_back({key, held->record.user.endpoint, held->record.user.transport});
  return Waiting{key};
}

Outcome Directory::update_user(TimePoint now, const Registration& wanted, const Caller& caller) {
  if (!rules_.allow_foreign_address && !may_register(caller.source, wanted.endpoint.address))
    return Refusal::kForeignAddress;
  const std::string& key = wanted.name.key();
  if (reserved_.contains(key)) return Refusal::kAccountName;
  if (changing_.contains(key)) return Waiting{key};
  if (const auto refusal = check_key(wanted.name, caller)) return *refusal;
  Entry* held = users_.find(key);
  if (held != nullptr && held->record.session != 0) return Refusal::kNameTaken;
  if (held != nullptr && !owns_by_token(held->record, caller) &&
      !owns_by_key(wanted.name, caller) && caller.source != held->record.source) {
    return Refusal::kNameTaken;
  }
  return replace(now, held, wanted, caller);
}

Outcome Directory::logout_user(TimePoint, const common::UserName& name,
                               const common::Endpoint& endpoint, const Caller& caller) {
  if (changing_.contains(name.key())) return Waiting{name.key()};
  const Entry* held = users_.find(name.key());
  if (held == nullptr || held->record.user.name.text() != name.text() ||
      (held->record.session == 0 && held->record.user.endpoint != endpoint)) {
    return Refusal::kNotListed;
  }
  if (const auto refusal = check_key(name, caller)) return *refusal;
  const bool is_connected = held->record.session != 0;  // and leaves by his connection
  const bool is_holder = owns_by_key(name, caller);
  if (is_connected || (!owns_by_token(held->record, caller) && !is_holder &&
                       caller.source != held->record.source)) {
    return Refusal::kNotOwner;
  }
  if (!is_holder) return begin(Change::Kind::kErase, held->record);
  // The name stays his key's, and the request's serial is used up with it.
  NameKey key = *keys_.find(name);
  key.request_serial = caller.signer->serial;
  return begin(Change::Kind::kErase, held->record, std::move(key));
}

// The caller may have the name: refreshes the record if it says nothing new, else writes it.
Outcome Directory::replace(TimePoint now, Entry* held, const Registration& wanted,
                           const Caller& caller) {
  const common::Signer* signer = caller.signer;
  const NameKey* bound = keys_.find(wanted.name);
  if (held == nullptr) {
    if (const auto refusal = check_room(caller)) return *refusal;
  } else if (is_same_place(held->record.user, wanted) && held->record.token == caller.token &&
             held->record.source == caller.source && is_same_key(bound, signer)) {
    held->heard_at = now;
    held->lease_end = now + lease_of(held->record);
    held->probe = Entry::ProbeState::kNone;
    if (signer != nullptr) keys_.touch(now, wanted.name, signer->serial);
    return Accepted{};
  }
  std::optional<NameKey> key;
  if (signer != nullptr) {
    if (bound == nullptr && !keys_.has_room(caller.source)) return Refusal::kFull;
    key = keys_.next(wanted.name, *signer, caller.source, wanted.since);
  }
  Record record{.user = {wanted.name, wanted.endpoint, wanted.transport, wanted.door, wanted.since},
                .source = caller.source,
                .token = caller.token,
                .id = {},
                .version = 0,
                .order = 0,
                .session = 0};
  random_.fill(record.id);
  if (held != nullptr) record.order = held->record.order;
  if (key) record.user.certificate = key->certificate;
  return begin(Change::Kind::kPut, std::move(record), std::move(key));
}

std::optional<Refusal> Directory::check_room(const Caller& caller) const {
  if (users_.size() + claims_in_flight_count_ >= kUsersMax) return Refusal::kFull;
  if (users_.count_from(caller.source) + claims_in_flight_.count(caller.source) >=
      kUsersPerSourceMax) {
    return Refusal::kFull;
  }
  return std::nullopt;
}

Outcome Directory::begin(Change::Kind kind, Record record, std::optional<NameKey> key) {
  if (!store_up_) return Refusal::kStoreDown;
  const ChangeId id = ++last_change_;
  Change change{id, kind, std::move(record), version_, std::move(key)};
  changing_.insert(change.record.user.name.key());
  if (kind == Change::Kind::kPut && change.record.order == 0) {
    claims_in_flight_.add(change.record.source);
    ++claims_in_flight_count_;
  }
  changes_out_.push_back(change);
  in_flight_.emplace(id, std::move(change));
  return Pending{id};
}

void Directory::handle_committed(TimePoint now, ChangeId id, Version version) {
  auto node = in_flight_.extract(id);
  ENSURE(!node.empty());
  Change& change = node.mapped();
  ENSURE(version > change.floor);
  const std::string key = change.record.user.name.key();
  changing_.erase(key);
  // Users who came and went by a door while it was being written have moved the version on.
  version_ = std::max(version_ + 1, version);
  if (change.key) keys_.put(now, *std::move(change.key));
  if (change.kind == Change::Kind::kPut) {
    end_claim(change);
    change.record.version = version_;
    if (change.record.order == 0) change.record.order = version;
    apply_put(now, std::move(change.record));
  } else {
    const bool expired = expiring_.erase(id) > 0;
    events_out_.push_back(
        {expired ? DirectoryEvent::Kind::kExpired : DirectoryEvent::Kind::kLoggedOut,
         change.record.user});
    apply_erase(change.record, version_);
  }
  settle(key);
}

void Directory::handle_failed(TimePoint, ChangeId id) {
  const auto node = in_flight_.extract(id);
  ENSURE(!node.empty());
  const Change& change = node.mapped();
  expiring_.erase(id);
  end_claim(change);
  changing_.erase(change.record.user.name.key());
  settle(change.record.user.name.key());
}

// A claim that was on its way is decided, either way.
void Directory::end_claim(const Change& change) {
  if (change.kind != Change::Kind::kPut || change.record.order != 0) return;
  --claims_in_flight_count_;
  claims_in_flight_.remove(change.record.source);
}

void Directory::handle_probe_result(TimePoint now, const std::string& key, bool is_gone) {
  Entry* held = users_.find(key);
  if (held != nullptr && held->probe == Entry::ProbeState::kRunning)
    held->probe = is_gone ? Entry::ProbeState::kGone : Entry::ProbeState::kNone;
  if (held != nullptr) held->gone_until = now + kProbeResultAge;
  settle(key);
}

void Directory::handle_timeout(TimePoint now) {
  forget_unused_keys(now);
  for (int ended = 0; ended < kExpiriesPerCall;) {
    if (leases_.empty() || leases_.top().when > now) return;
    const LeaseCheck check = leases_.top();
    leases_.pop();
    const Entry* entry = users_.find_registered(check.order);
    if (entry == nullptr) continue;
    if (entry->lease_end > now) {
      leases_.push({entry->lease_end, check.order});
      continue;
    }
    ++ended;
    leases_.push({now + kRetryExpiry, check.order});  // finds nothing if the erasure succeeds
    if (changing_.contains(entry->record.user.name.key())) continue;
    const Outcome outcome = begin(Change::Kind::kErase, entry->record);
    if (const auto* pending = std::get_if<Pending>(&outcome)) expiring_.insert(pending->change);
  }
}

std::optional<TimePoint> Directory::next_timeout() const {
  std::optional<TimePoint> of_leases;
  if (!leases_.empty()) of_leases = leases_.top().when;
  return common::earliest({keys_.next_unused(), of_leases});
}

// A key is in use for as long as its name is listed. What is forgotten here stays on disk, where
// the next start passes over it.
void Directory::forget_unused_keys(TimePoint now) {
  for (const common::UserName& name : keys_.unused(now, kExpiriesPerCall)) {
    const bool is_in_use = users_.find(name.key()) != nullptr || changing_.contains(name.key());
    if (is_in_use) {
      keys_.touch(now, name, 0);
    } else {
      keys_.erase(name);
    }
  }
}

std::optional<Change> Directory::poll_change() { return common::take_front(changes_out_); }
std::optional<Probe> Directory::poll_probe() { return common::take_front(probes_out_); }
std::optional<std::string> Directory::poll_settled() { return common::take_front(settled_out_); }
std::optional<DirectoryEvent> Directory::poll_event() { return common::take_front(events_out_); }

const Record* Directory::find(const common::UserName& name) const {
  const Entry* held = users_.find(name.key());
  return held == nullptr ? nullptr : &held->record;
}

bool Directory::is_busy(const std::string& key) const {
  if (changing_.contains(key)) return true;
  const Entry* held = users_.find(key);
  return held != nullptr && held->probe == Entry::ProbeState::kRunning;
}

std::vector<Record> Directory::snapshot() const {
  std::vector<Record> records;
  records.reserve(users_.registered_count());
  users_.for_each_registered([&](const Entry& entry) { records.push_back(entry.record); });
  return records;
}

bool Directory::owns_by_token(const Record& record, const Caller& caller) const {
  // security: constant time, so that nobody learns a token's hash byte by byte.
  return record.token && caller.token &&
         sodium_memcmp(record.token->data(), caller.token->data(), record.token->size()) == 0;
}

std::optional<Refusal> Directory::check_key(const common::UserName& name,
                                            const Caller& caller) const {
  switch (keys_.judge(name, caller.signer)) {
    case NameKeys::Verdict::kUnbound:
    case NameKeys::Verdict::kHolder:
      return std::nullopt;
    case NameKeys::Verdict::kStale:
      return Refusal::kStaleRequest;
    case NameKeys::Verdict::kOther:
      break;
  }
  return Refusal::kBoundName;
}

bool Directory::owns_by_key(const common::UserName& name, const Caller& caller) const {
  return keys_.judge(name, caller.signer) == NameKeys::Verdict::kHolder;
}

// Who has a token or a key refreshes.
Duration Directory::lease_of(const Record& record) const {
  return record.token || record.user.certificate ? rules_.lease : rules_.classic_lease;
}

Directory::Entry& Directory::insert(TimePoint now, Record record) {
  Entry& entry = users_.insert(std::move(record));
  entry.lease_end = now + lease_of(entry.record);
  entry.heard_at = now;
  schedule_lease_check(entry.lease_end, entry.record.order);
  return entry;
}

std::optional<Refusal> Directory::attach(const Attachment& attachment) {
  ENSURE(attachment.session != 0);
  const std::string& key = attachment.name.key();
  // security: without this, whoever came first through a door without passwords could keep the
  // owner of an account out and speak in his name.
  if (attachment.door != common::Door::kTwoConnection && reserved_.contains(key))
    return Refusal::kAccountName;
  if (changing_.contains(key) || users_.find(key) != nullptr) return Refusal::kNameTaken;
  // security: else a name could be had without its key for as long as its holder is away.
  if (keys_.find(attachment.name) != nullptr) return Refusal::kBoundName;
  if (const auto refusal = check_room({.source = attachment.source, .token = std::nullopt}))
    return refusal;
  Record record{.user = {.name = attachment.name,
                         .endpoint = {},
                         .transport = common::Transport::kUdp,
                         .door = attachment.door,
                         .since = attachment.since,
                         .is_relayed = true},
                .source = attachment.source,
                .token = std::nullopt,
                .id = {},
                .version = 0,
                .order = 0,
                .session = attachment.session};
  record.version = record.order = ++version_;
  const Entry& entry = users_.insert(std::move(record));
  events_out_.push_back({DirectoryEvent::Kind::kLoggedIn, entry.record.user});
  return std::nullopt;
}

void Directory::detach(const common::UserName& name, SessionId session) {
  Entry* held = users_.find(name.key());
  if (held == nullptr || held->record.session != session || session == 0) return;
  events_out_.push_back({DirectoryEvent::Kind::kLoggedOut, held->record.user});
  erase(*held);
  users_.note_removal(++version_, name);
}

bool Directory::may_speak_as(const common::UserName& name, const Caller& caller) const {
  const Entry* held = users_.find(name.key());
  // security: an address proves nothing for a name that has a key.
  if (keys_.find(name) != nullptr) return held != nullptr && owns_by_token(held->record, caller);
  if (held == nullptr) return !reserved_.contains(name.key());
  const Record& record = held->record;
  return owns_by_token(record, caller) || caller.source == record.source ||
         (record.session == 0 && caller.source == record.user.endpoint.address);
}

void Directory::set_gateway(const common::UserName& name, common::Transport transport,
                            std::uint16_t port) {
  Entry* held = users_.find(name.key());
  ENSURE(held != nullptr && held->record.gateway_ports[transport] == 0);
  // The address is the one that a reader reaches the registry by: list_view fills it in.
  held->record.gateway_ports[transport] = port;
  users_.set_version(*held, ++version_);
}

std::optional<std::uint16_t> Directory::poll_freed_gateway(common::Transport transport) {
  return common::take_front(freed_gateways_[static_cast<std::size_t>(transport)]);
}

void Directory::free_gateway(Record& record, common::Transport transport) {
  const std::uint16_t port = std::exchange(record.gateway_ports[transport], 0);
  if (port != 0) freed_gateways_[static_cast<std::size_t>(transport)].push_back(port);
}

void Directory::erase(Entry& entry) {
  for (const auto transport : {common::Transport::kUdp, common::Transport::kTcp})
    free_gateway(entry.record, transport);
  users_.erase(entry);
}

void Directory::apply_put(TimePoint now, Record record) {
  Entry* held = users_.find(record.user.name.key());
  auto kind = DirectoryEvent::Kind::kRegistered;
  if (held != nullptr) {
    const bool is_gone = held->probe == Entry::ProbeState::kGone && now < held->gone_until;
    kind = is_gone ? DirectoryEvent::Kind::kReclaimed : DirectoryEvent::Kind::kMoved;
    // Old programs never ask again where somebody is: who moves keeps the ports that they know.
    if (!is_gone) {
      record.gateway_ports = std::exchange(held->record.gateway_ports, {});
      free_gateway(record, record.user.transport);  // needed no more if he has changed it
    }
    erase(*held);
  }
  const Entry& entry = insert(now, std::move(record));
  events_out_.push_back({kind, entry.record.user});
}

void Directory::apply_erase(const Record& record, Version version) {
  Entry* held = users_.find(record.user.name.key());
  ENSURE(held != nullptr && held->record.id == record.id);
  erase(*held);
  users_.note_removal(version, record.user.name);
}

void Directory::settle(const std::string& key) { settled_out_.push_back(key); }

void Directory::schedule_lease_check(TimePoint when, Version order) {
  leases_.push({when, order});
  // Names that come and go leave checks behind that find nothing. Before they outnumber the living,
  // the queue is built anew, so it stays in proportion to the directory.
  constexpr std::size_t kSlack = 1024;
  if (leases_.size() <= 2 * users_.registered_count() + kSlack) return;
  std::vector<LeaseCheck> checks;
  checks.reserve(users_.registered_count());
  users_.for_each_registered([&](const Entry& entry) {
    checks.push_back({entry.lease_end, entry.record.order});
  });
  leases_ = LeaseQueue(std::greater<LeaseCheck>(), std::move(checks));
}

}  // namespace registry
