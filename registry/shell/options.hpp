// The registry's command line. Part of its shell.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "registry/directory.hpp"
#include "registry/shell/log.hpp"

namespace registry {

struct Options {
  common::HostPort listen{.host = "127.0.0.1", .port = 8080};
  std::filesystem::path user_list = "userlist.txt";
  std::filesystem::path data;  // default: ".registry" beside the user list
  DirectoryRules rules;
  std::vector<std::string> hosts;
  LogFormat log_format = LogFormat::kText;
  bool check_only = false;

  std::map<common::Door, common::HostPort> doors;  // where each listens
  std::filesystem::path accounts;                  // of the two-connection door
  bool strict = false;                             // no plain passwords
  bool allow_public_login = false;
  std::size_t gateway_ports = 64;
};

/// `registry passwd FILE USER`.
struct PasswdCommand {
  std::filesystem::path file;
  common::UserName user;
};

/// What to print, and the status to leave with, instead of running.
struct Leave {
  std::string out;  // for standard output
  std::string err;  // for standard error
  common::ExitStatus status = common::ExitStatus::kOk;
};

/// Reads the arguments without the program's name.
std::variant<Options, PasswdCommand, Leave> parse_options(std::vector<std::string> arguments);

}  // namespace registry
