// The text of /metrics, made from counters that the cores and shells keep. Part of the registry's
// shell.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "registry/doors/message_door.hpp"
#include "registry/gateway.hpp"
#include "registry/http/http_api.hpp"
#include "registry/hub.hpp"

namespace registry {

/// Counters of the connection shell.
struct ConnectionCounters {
  std::uint64_t open = 0;
  std::uint64_t accepted = 0;
  std::map<std::string, std::uint64_t> refused;  // by reason
  std::map<int, std::uint64_t> framing_errors;   // by status
};

/// Counters of what the store reported.
struct StoreCounters {
  std::uint64_t transactions = 0;
  std::uint64_t changes = 0;
  std::uint64_t failed_changes = 0;
};

/// What has to do with messages; null where there is none of it.
struct MessageParts {
  const Hub* hub = nullptr;
  std::vector<std::pair<common::Door, const doors::MessageDoor*>> doors = {};
  const Gateway* udp_gateway = nullptr;
  const Gateway* tcp_gateway = nullptr;
};

/// Prometheus text exposition of everything there is to know. No label has a value that a stranger
/// can choose.
std::string render_metrics(const http::HttpApiCounters& api, const ConnectionCounters& connections,
                           const StoreCounters& store, const Directory& directory, bool is_store_up,
                           const MessageParts& messages = {});

}  // namespace registry
