// What `peer` can be started as. Part of its shell.
//
// A mode is added with its enumerator here, its row in modes.cpp, from which the parser, the help
// and all error texts take it, and its case in main.cpp. What only it needs of the command line
// stands in Options.
#pragma once

#include <span>
#include <string_view>

namespace peer {

enum class Mode { kListen, kSend, kKey, kTrust, kVerify, kLogin, kRoom, kNetchat, kMeet };

struct ModeRow {
  std::string_view name;
  Mode mode;
  std::string_view usage;    // a line of the help, 70 characters at most
  std::string_view options;  // that it has a use for, a blank between; -W and -q are everybody's
  bool takes_command = false;
  bool may_ask_for_name = false;  // `-` in the name's place
};

/// In the order of the help; at least one.
std::span<const ModeRow> modes();

}  // namespace peer
