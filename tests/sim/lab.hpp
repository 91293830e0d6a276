// What the lab of doors lends to the crowds in it: its time and chance, the registry, the ledger of
// texts and names, and its own words.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "registry/node.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/scheduler.hpp"
#include "tests/sim/seeded_random.hpp"

namespace sim {

/// A machine that is gone without a word is noticed by keepalive.
constexpr Duration kKeepalive = std::chrono::seconds(90);

/// Where the registry is for whoever connects to it.
inline const common::IpAddress kRegistryAddress = common::IpAddress::v4({10, 0, 0, 1});

/// Each user has a machine of his own, each crowd a network: its number is the second in addresses.
inline common::IpAddress machine_of(std::uint8_t crowd, std::size_t user) {
  return common::IpAddress::v4(
      {10, crowd, static_cast<std::uint8_t>(user / 256), static_cast<std::uint8_t>(user % 256)});
}

struct Lab {
  using StreamId = registry::doors::StreamId;

  Scheduler& scheduler;
  SeededRandom& random;
  registry::Node& node;
  StreamId& last_stream;
  Ledger& ledger;
  /// No faults any more: everybody comes, under his own name, and stays.
  const bool& is_calm;
  std::function<void()> settle;
  std::function<void(std::string)> fail;
  std::function<void(std::string_view)> note;
  /// Any name: of any crowd, shared ones, the room.
  std::function<std::string()> any_name;

  TimePoint now() const { return scheduler.now(); }
  bool happens(unsigned percent) { return random.below(100) < percent; }
  Duration delay() { return std::chrono::microseconds(random.below(20'000)); }
  Duration up_to(std::uint64_t ms) { return std::chrono::milliseconds(random.below(ms)); }

  /// Whoever has the name now, in a word that nobody else will have.
  std::string person_of(std::string_view name) const {
    if (name == "room") return "room";
    const auto parsed = common::UserName::parse(name);
    const registry::Record* record = parsed ? node.directory().find(*parsed) : nullptr;
    if (record == nullptr) return "nobody";
    return record->session != 0 ? person_of(record->session) : "o" + std::to_string(record->order);
  }
  static std::string person_of(StreamId session) { return "s" + std::to_string(session); }
  /// A door's notice to him, not a text of anybody's.
  static bool is_notice(std::string_view text) {
    return text.starts_with("accepted the chat request") ||
           text.starts_with("rejected the chat request");
  }
};

}  // namespace sim
