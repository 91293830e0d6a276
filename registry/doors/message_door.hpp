// A door whose users send messages and receive them: what the node and the registry's shell see of
// each, whatever its dialect. Adding one: ARCHITECTURE.md, "The registry".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/doors/stream_door.hpp"
#include "registry/hub.hpp"

namespace registry::doors {

/// A line for the log. Values may be any bytes: the log escapes them.
struct DoorNotice {
  bool is_warning = false;
  std::string event;  // empty: the line is for --log-format classic alone
  std::vector<std::pair<std::string, std::string>> fields;
  std::string classic;  // the line as an old program has it, for that format; empty: as any other
};

/// One metric of /metrics. The shell puts `registry_` and the door's name before its own.
struct DoorMetric {
  std::string name;
  std::string help;
  bool is_gauge = false;  // else a counter, whose name ends in _total
  std::string label;      // what `values` differ by; empty: there is one value
  std::vector<std::pair<std::string, std::uint64_t>> values;
};

/// True for an address of the registry's machine. Empty: loopback alone is.
using IsOwnAddress = std::function<bool(const common::IpAddress&)>;

class MessageDoor : public StreamDoor {
 public:
  /// A message for one of this door's users; hub.handle_outcome follows.
  virtual void handle_push(TimePoint now, Hub::Push push) = 0;
  /// The result of a delivery that a user of this door asked for.
  virtual void handle_result(TimePoint now, const Hub::Result& result) = 0;

  /// Ends all that is under way to users of this door. Once its results have been passed on,
  /// shut_down() closes every connection.
  virtual void fail_deliveries() = 0;
  virtual void shut_down(TimePoint now) = 0;

  /// TCP ports of the registry's own, which are no user's on its own machine.
  virtual void set_own_ports(const std::vector<std::uint16_t>& /*ports*/) {}

  virtual std::optional<DoorNotice> poll_notice() { return std::nullopt; }
  virtual std::vector<DoorMetric> metrics() const = 0;
};

/// A counter with one value a reason.
template <typename Counts>
DoorMetric counts_by_reason(std::string name, std::string help, const Counts& counts) {
  DoorMetric metric{std::move(name), std::move(help), false, "reason", {}};
  for (const auto& [reason, count] : counts) metric.values.emplace_back(reason, count);
  return metric;
}

}  // namespace registry::doors
