// The commands of netchat.
#include "peer/netchat_command.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

/// "list", "send bob|hi", "multi a+b|hi", "read bob", "delete bob", "exit", or what is said.
std::string command_of(std::string_view line) {
  const auto command = peer::parse_netchat_command(line);
  if (!command) return command.error().line + " (" + command.error().usage + ')';
  if (std::holds_alternative<peer::NetchatList>(*command)) return "list";
  if (const auto* send = std::get_if<peer::NetchatSend>(&*command)) {
    std::string names;
    for (const auto& name : send->names) names += (names.empty() ? "" : "+") + name;
    return (send->is_multi ? "multi " : "send ") + names + '|' + send->text;
  }
  if (const auto* read = std::get_if<peer::NetchatRead>(&*command)) return "read " + read->name;
  if (const auto* gone = std::get_if<peer::NetchatTakeBack>(&*command))
    return "delete " + gone->name;
  return "exit";
}

TEST_CASE("each command is known by its first word alone") {
  const std::string send = ">>Invalid SEND command! (SEND NAME \"TEXT\")";
  const std::string multi = ">>Invalid SEND_MULTI command! (SEND_MULTI [NAME,NAME] \"TEXT\")";
  const std::string list = ">>Invalid LIST command! (LIST takes nothing more)";
  const std::string all =
      ">>Unknown command! (the commands are LIST, SEND, SEND_MULTI, READ, DELETE and EXIT)";
  struct Row {
    std::string_view line;
    std::string expected;
  };
  const Row rows[] = {
      {"LIST", "list"},
      {" LIST \r", "list"},
      {"LIST all", list},
      {"LISTEN", ">>Unknown command! (did you mean LIST?)"},
      {"SEND bob \"hi\"", "send bob|hi"},
      {"SEND bob \"see you at 10\"", "send bob|see you at 10"},
      {"SEND  bob   \"hi\"  ", "send bob|hi"},
      {"SEND bob \"he said \"hi\" and left\"", "send bob|he said \"hi\" and left"},
      {"SEND bob \"\"", "send bob|"},
      {"SEND bob hi there", "send bob|hi there"},
      {"SEND bob say \"hi\"", "send bob|say \"hi\""},
      {"SEND bob \"", "send bob|\""},
      {"SEND bob \"please EXIT and LIST\"", "send bob|please EXIT and LIST"},
      {"SEND bob", send},
      {"SEND", send},
      {"SENDbob hi", all},
      {"SEND_MULTI [bob,can] \"hi\"", "multi bob+can|hi"},
      {"SEND_MULTI [bob, can] \"hi\"", "multi bob+can|hi"},
      {"SEND_MULTI [ bob ] hi", "multi bob|hi"},
      {"SEND_MULTI bob,can \"hi\"", "multi bob+can|hi"},
      {"SEND_MULTI [bob,,can,] \"a ] b\"", "multi bob+can|a ] b"},
      {"SEND_MULTI [bob]\"hi\"", "multi bob|hi"},
      {"SEND_MULTI [] \"hi\"", multi},
      {"SEND_MULTI [bob \"hi\"", multi},
      {"SEND_MULTI [bob]", multi},
      {"SEND_MULTI", multi},
      {"READ bob", "read bob"},
      {"READ", "Invalid READ command! (READ NAME)"},
      {"READ bob can", "Invalid READ command! (READ NAME)"},
      {"DELETE bob", "delete bob"},
      {"DELETE", ">>Invalid DELETE command! (DELETE NAME)"},
      {"DELETE a b", ">>Invalid DELETE command! (DELETE NAME)"},
      {"EXIT", "exit"},
      {"EXIT now", ">>Unknown command! (did you mean EXIT?)"},
      {"exit", ">>Unknown command! (did you mean EXIT?)"},
      {"send bob \"hi\"", ">>Unknown command! (did you mean SEND?)"},
      {"dance", all},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(command_of(row.line) == row.expected);
  }
}

}  // namespace
