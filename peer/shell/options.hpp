// The peer's command line. Part of its shell.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "peer/delivery.hpp"
#include "peer/sealed/pin_gate.hpp"
#include "peer/shell/modes.hpp"

namespace peer {

enum class Question { kAlways, kTerminal, kNever };

struct Options {
  common::UserName name;
  bool is_name_asked = false;  // `-` stands in its place, in modes that may ask
  common::HostPort registry;
  std::string registry_text;  // as typed; empty: `peer verify FILE`, which needs none
  Mode mode = Mode::kListen;
  std::vector<std::string> command;  // empty: commands come from standard input

  std::uint16_t port = 0;                     // to listen at: 0 takes a free one
  std::optional<common::HostPort> advertise;  // listen: port 0 stands for the bound one
  Question question = Question::kTerminal;
  std::optional<std::uint64_t> count;
  std::optional<common::Duration> wait;
  bool json = false;
  bool quiet = false;
  std::string password_file;                          // login; empty: none
  std::uint16_t udp_port = 0;                         // meet: the registry's for datagrams
  common::Duration hello = std::chrono::seconds(60);  // meet: from one HELLO to the next
  std::string hook;
  bool hook_takes_plain = false;
  std::string key_file;   // empty: $PEER_KEY, or the name's own
  bool is_plain = false;  // no keys: as the classic programs
  sealed::TrustMode trust = sealed::TrustMode::kNew;
  std::optional<DeliveryLevel> level;
  bool has_hook_status = false;
  std::string receipt_file;  // send: where signed receipts are added; empty: none are wanted
  common::Duration timeout = std::chrono::seconds(5);  // a sealed message's
  common::Duration hook_time = std::chrono::seconds(30);
};

/// What to print, and the status to leave with, instead of running.
struct Leave {
  std::string out;
  std::string err;
  common::ExitStatus status = common::ExitStatus::kOk;
};

/// Reads the arguments without the program's name. A test may have other modes.
std::variant<Options, Leave> parse_options(const std::vector<std::string>& arguments,
                                           std::span<const ModeRow> modes = peer::modes());

}  // namespace peer
