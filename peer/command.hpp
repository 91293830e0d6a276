// What a person or script asks of `send`: command lines and argument words to commands. A core.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/expected.hpp"

namespace peer {

struct ListCommand {};
struct UnicastCommand {
  std::string name;
  std::string text;
};
struct MulticastCommand {
  std::vector<std::string> names;  // as typed, in order, repeats kept
  std::string text;
};
struct BroadcastCommand {
  std::string text;
};
/// A text whose recipient's hook is to answer.
struct AskCommand {
  std::string name;
  std::string text;
};
struct ExitCommand {};
using Command = std::variant<ListCommand, UnicastCommand, MulticastCommand, BroadcastCommand,
                             AskCommand, ExitCommand>;

/// Why a line is no command: a hint at the right form, e.g. `unicast NAME "TEXT"`.
struct CommandError {
  std::string usage;
};

/// Reads one line. The command is its first word; a text stands between the first and the last
/// double quote; a list of names between the first '[' and the ']' after it, separated by commas.
common::expected<Command, CommandError> parse_command_line(std::string_view line);

/// Reads argument words, as a shell passes them: the shell has taken the quotes off, so the words
/// after the names are the text as they are, joined by blanks. A single word with a blank in it is
/// read as a line.
common::expected<Command, CommandError> parse_command_words(const std::vector<std::string>& words);

}  // namespace peer
