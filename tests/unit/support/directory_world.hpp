// A directory with its caller played by the test: time, the store and the network do what the test
// says, and every outcome is a word. Texts are as in requests: "ali@127.0.0.1:50001".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "registry/directory.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// Two users as they register.
inline constexpr const char* kAli = "ali@127.0.0.1:50001";
inline constexpr const char* kVeli = "veli@127.0.0.1:50002";

/// Who asks: an address, and a token if the letter is not 0.
struct From {
  std::string_view source = "127.0.0.1";
  char token = 0;
};

inline registry::Caller caller(From from) {
  registry::Caller caller{.source = ip(from.source), .token = std::nullopt};
  if (from.token != 0) {
    registry::TokenHash hash{};
    hash.fill(static_cast<std::byte>(from.token));
    caller.token = hash;
  }
  return caller;
}

inline std::string_view describe(registry::Refusal refusal) {
  switch (refusal) {
    case registry::Refusal::kForeignAddress:
      return "foreign address";
    case registry::Refusal::kNameTaken:
      return "name taken";
    case registry::Refusal::kNotListed:
      return "not listed";
    case registry::Refusal::kNotOwner:
      return "not owner";
    case registry::Refusal::kAccountName:
      return "account name";
    case registry::Refusal::kBoundName:
      return "bound name";
    case registry::Refusal::kStaleRequest:
      return "stale request";
    case registry::Refusal::kFull:
      return "full";
    case registry::Refusal::kStoreDown:
      return "store down";
  }
  return "?";
}

inline std::string_view describe(registry::DirectoryEvent::Kind kind) {
  using Kind = registry::DirectoryEvent::Kind;
  switch (kind) {
    case Kind::kRegistered:
      return "registered";
    case Kind::kMoved:
      return "moved";
    case Kind::kReclaimed:
      return "reclaimed";
    case Kind::kLoggedIn:
      return "logged in";
    case Kind::kLoggedOut:
      return "logged out";
    case Kind::kExpired:
      return "expired";
  }
  return "?";
}

/// "accepted", "pending", "waiting", or the refusal.
inline std::string describe(const registry::Outcome& outcome) {
  if (std::holds_alternative<registry::Accepted>(outcome)) return "accepted";
  if (std::holds_alternative<registry::Pending>(outcome)) return "pending";
  if (std::holds_alternative<registry::Waiting>(outcome)) return "waiting";
  return std::string(describe(std::get<registry::Refusal>(outcome)));
}

class DirectoryWorld {
 public:
  explicit DirectoryWorld(registry::DirectoryRules rules = {}, std::uint64_t seed = 1)
      : random_(seed), directory(rules, random_) {}

  /// Each returns the outcome's word and leaves its change, if any, waiting for the store.
  std::string ask_register(std::string_view text, From from = {}) {
    return describe(directory.register_user(now, wanted(text), caller(from)));
  }
  std::string ask_update(std::string_view text, From from = {}) {
    return describe(directory.update_user(now, wanted(text), caller(from)));
  }
  std::string ask_logout(std::string_view text, From from = {}) {
    const auto parsed = record(text);
    return describe(directory.logout_user(now, parsed.name, parsed.endpoint, caller(from)));
  }

  /// The same, and the store commits at once: "written" in place of "pending".
  std::string register_user(std::string_view text, From from = {}) {
    return written(ask_register(text, from));
  }
  std::string update_user(std::string_view text, From from = {}) {
    return written(ask_update(text, from));
  }
  std::string logout_user(std::string_view text, From from = {}) {
    return written(ask_logout(text, from));
  }

  registry::Registration wanted(std::string_view text) const {
    const auto parsed = record(text);
    return {.name = parsed.name,
            .endpoint = parsed.endpoint,
            .transport = transport,
            .door = transport == common::Transport::kUdp ? common::Door::kClassic
                                                         : common::Door::kNetchat,
            .since = common::WallTime{now.time_since_epoch().count() / 1'000'000}};
  }

  /// Takes every change that waits for the store; the last one is in `last_change`.
  std::vector<registry::ChangeId> take_changes() {
    std::vector<registry::ChangeId> ids;
    while (auto change = directory.poll_change()) {
      ids.push_back(change->id);
      last_change = std::move(change);
    }
    return ids;
  }
  void commit(const std::vector<registry::ChangeId>& ids) {
    for (const auto id : ids) directory.handle_committed(now, id, ++store_version);
  }
  std::size_t commit_all() {
    const auto ids = take_changes();
    commit(ids);
    return ids.size();
  }
  void fail_all() {
    for (const auto id : take_changes()) directory.handle_failed(now, id);
  }

  void pass(common::Duration duration) { now += duration; }
  /// Lets time pass and every timer in it run as it falls due, the store committing at once.
  void run(common::Duration duration) {
    const common::TimePoint end = now + duration;
    while (const auto due = directory.next_timeout()) {
      if (*due > end) break;
      now = std::max(now, *due);
      directory.handle_timeout(now);
      commit_all();
    }
    now = end;
  }

  /// "ali@127.0.0.1:50001 veli@127.0.0.1:50002", in order of registration.
  std::string list() const {
    std::string out;
    directory.for_each([&](const registry::Record& held) {
      if (!out.empty()) out += ' ';
      out += common::format_classic_record(held.user.name, held.user.endpoint);
    });
    return out;
  }
  /// "registered ali, moved veli"
  std::string events() {
    std::string out;
    while (const auto event = directory.poll_event()) {
      if (!out.empty()) out += ", ";
      out += std::string(describe(event->kind)) + ' ' + event->user.name.text();
    }
    return out;
  }
  const registry::Record* find(std::string_view text) const { return directory.find(name(text)); }

 private:
  std::string written(std::string outcome) {
    if (outcome != "pending") return outcome;
    commit_all();
    return "written";
  }

  TestRandom random_;  // before the directory that draws from it

 public:
  registry::Directory directory;
  common::TimePoint now = at(1h);
  common::Transport transport = common::Transport::kUdp;
  std::optional<registry::Change> last_change;
  registry::Version store_version = 0;
};

}  // namespace test
