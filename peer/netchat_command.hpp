// The commands of `netchat`, one a line (docs/protocol/netchat.md, "Commands"). A core.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/expected.hpp"

namespace peer {

struct NetchatList {};
/// Names as typed; the text is what is meant, without its quotes.
struct NetchatSend {
  std::vector<std::string> names;
  std::string text;
  bool is_multi = false;
};
struct NetchatRead {
  std::string name;
};
struct NetchatTakeBack {
  std::string name;
};
struct NetchatExit {};
using NetchatCommand =
    std::variant<NetchatList, NetchatSend, NetchatRead, NetchatTakeBack, NetchatExit>;

struct NetchatCommandError {
  std::string line;   // what the old program says
  std::string usage;  // what would have been right
};

/// Commands are known by their first word alone, in capitals.
common::expected<NetchatCommand, NetchatCommandError> parse_netchat_command(std::string_view line);

}  // namespace peer
