// The peer's command line. Part of its shell.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace peer {

enum class Mode { kListen, kSend, kLogin };
enum class Question { kAlways, kTerminal, kNever };

struct Options {
  common::UserName name;
  bool is_name_asked = false;  // login: `-` stands in its place
  common::HostPort registry;
  std::string registry_text;  // as typed
  Mode mode = Mode::kListen;
  std::vector<std::string> command;  // send, login; empty: commands come from standard input

  std::uint16_t port = 0;                     // listen, login: 0 takes a free one
  std::optional<common::HostPort> advertise;  // listen: port 0 stands for the bound one
  Question question = Question::kTerminal;
  std::optional<std::uint64_t> count;
  std::optional<common::Duration> wait;
  bool json = false;
  bool quiet = false;
  std::string password_file;  // login; empty: none
  std::string hook;
  common::Duration hook_time = std::chrono::seconds(30);
};

/// What to print, and the status to leave with, instead of running.
struct Leave {
  std::string out;
  std::string err;
  common::ExitStatus status = common::ExitStatus::kOk;
};

/// Reads the arguments without the program's name.
std::variant<Options, Leave> parse_options(const std::vector<std::string>& arguments);

}  // namespace peer
