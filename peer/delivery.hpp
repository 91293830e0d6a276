// What becomes of one message to one recipient: what the sealed side finds out, and what is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/exit_status.hpp"
#include "common/time.hpp"

namespace peer {

/// How far a message has to get.
enum class DeliveryLevel {
  kSent,       // handed to the network, or to the registry
  kDelivered,  // the recipient's program has it
  kHandled,    // and its hook ran
};
std::string_view to_string(DeliveryLevel level);

struct Delivery {
  /// kOk: it got as far as was asked. Else why it did not; kUsage and the like stand for what the
  /// sender did wrong.
  common::ExitStatus status = common::ExitStatus::kOk;
  bool has_arrived = false;  // if not kOk: the recipient has it all the same
  /// Why not; beside a message that arrived, what its sender should know.
  std::string reason = {};
  DeliveryLevel level = DeliveryLevel::kDelivered;  // that it got to, if it did
  std::optional<int> hook_status = {};              // 128 and a signal's number, or 124: killed
  std::string output = {};                          // of the hook that was asked
  // For --json.
  std::string id = {};
  std::string path = {};   // the endpoint it was sent to
  std::string trust = {};  // of the recipient's key: new, known or verified
  std::optional<common::Duration> round_trip = {};
};

/// A recipient's object for --json: what `--json` of listen is for the other side.
std::string to_json(const std::string& name, const Delivery& delivery, bool is_sealed);

}  // namespace peer
