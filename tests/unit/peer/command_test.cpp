// Command lines and argument words.
#include "peer/command.hpp"

#include <doctest/doctest.h>

namespace {

using peer::Command;

/// "unicast bob [text]", "multicast a|b [text]", "? usage".
std::string describe(const common::expected<Command, peer::CommandError>& command) {
  if (!command) return "? " + command.error().usage;
  if (std::holds_alternative<peer::ListCommand>(*command)) return "list";
  if (std::holds_alternative<peer::ExitCommand>(*command)) return "exit";
  if (const auto* unicast = std::get_if<peer::UnicastCommand>(&*command))
    return "unicast " + unicast->name + " [" + unicast->text + ']';
  if (const auto* broadcast = std::get_if<peer::BroadcastCommand>(&*command))
    return "broadcast [" + broadcast->text + ']';
  const auto& multicast = std::get<peer::MulticastCommand>(*command);
  std::string out = "multicast ";
  for (std::size_t i = 0; i < multicast.names.size(); ++i)
    out += (i > 0 ? "|" : "") + multicast.names[i];
  return out + " [" + multicast.text + ']';
}

constexpr std::string_view kUnicast = "? unicast NAME \"TEXT\"";
constexpr std::string_view kMulticast = "? multicast [NAME, NAME] \"TEXT\"";
constexpr std::string_view kBroadcast = "? broadcast \"TEXT\"";
constexpr std::string_view kAll =
    "? the commands are list, unicast, multicast, broadcast, ask and exit";

TEST_CASE("lines are commands by their first word alone") {
  struct Row {
    std::string_view name;
    std::string_view line;
    std::string_view expected;
  };
  const Row rows[] = {
      {"list", "list", "list"},
      {"exit", "exit", "exit"},
      {"blanks around", "  \tlist \t", "list"},
      {"a CR behind, from a file of another system", "list\r", "list"},
      {"unicast", "unicast bob \"hello\"", "unicast bob [hello]"},
      {"several words", "unicast bob \"Hello Ali, how are you?\"",
       "unicast bob [Hello Ali, how are you?]"},
      {"several blanks", "unicast   bob    \"a  b\"  ", "unicast bob [a  b]"},
      {"a tab", "unicast\tbob\t\"a\tb\"", "unicast bob [a\tb]"},
      {"inner quotes survive", "unicast bob \"say \"hi\" now\"", "unicast bob [say \"hi\" now]"},
      {"an empty text", "unicast bob \"\"", "unicast bob []"},
      {"command words in the text", "unicast bob \"please list and exit\"",
       "unicast bob [please list and exit]"},
      {"brackets in the text", "unicast bob \"[a, b]\"", "unicast bob [[a, b]]"},
      {"a command's name as a name", "unicast list \"x\"", "unicast list [x]"},
      {"words between are no harm", "unicast bob please \"x\"", "unicast bob [x]"},
      {"a Turkish name", "unicast Göktuğ \"selam\"", "unicast Göktuğ [selam]"},
      {"no text", "unicast bob", kUnicast},
      {"no quotes", "unicast bob hello", kUnicast},
      {"one quote", "unicast bob \"hello", kUnicast},
      {"no name", "unicast \"hello\"", kUnicast},
      {"nothing more", "unicast", kUnicast},
      {"broadcast", "broadcast \"Good evening everyone\"", "broadcast [Good evening everyone]"},
      {"broadcast of nothing", "broadcast \"\"", "broadcast []"},
      {"broadcast without quotes", "broadcast hello", kBroadcast},
      {"broadcast alone", "broadcast", kBroadcast},
      {"multicast", "multicast [Ali, Veli, Lara] \"Nice app!\"",
       "multicast Ali|Veli|Lara [Nice app!]"},
      {"no blanks", "multicast [Ali,Veli]\"x\"", "multicast Ali|Veli [x]"},
      {"many blanks", "multicast  [  Ali ,Veli  , Lara ]   \"x\"", "multicast Ali|Veli|Lara [x]"},
      {"one name", "multicast [Ali] \"x\"", "multicast Ali [x]"},
      {"a name twice stays twice", "multicast [Ali, Ali] \"x\"", "multicast Ali|Ali [x]"},
      {"nobody", "multicast [] \"x\"", "multicast  [x]"},
      {"only blanks and commas", "multicast [ , ,] \"x\"", "multicast  [x]"},
      {"an empty name between", "multicast [Ali,,Veli] \"x\"", "multicast Ali|Veli [x]"},
      {"brackets in the text too", "multicast [Ali] \"see [1]\"", "multicast Ali [see [1]]"},
      {"a word before the list", "multicast to [Ali] \"x\"", "multicast Ali [x]"},
      {"no brackets", "multicast Ali, Veli \"x\"", kMulticast},
      {"no closing bracket", "multicast [Ali \"x\"", kMulticast},
      {"no opening bracket", "multicast Ali] \"x\"", kMulticast},
      {"brackets only in the text", "multicast \"[Ali] x\"", kMulticast},
      {"the list behind the text", "multicast \"x\" [Ali]", kMulticast},
      {"no text for many", "multicast [Ali]", kMulticast},
      {"nothing", "", kAll},
      {"blanks", "   ", kAll},
      {"another word", "dance", kAll},
      {"a typing error", "unicats bob \"x\"", "? did you mean unicast?"},
      {"another", "brodcast \"x\"", "? did you mean broadcast?"},
      {"upper case is another word", "LIST", kAll},
      {"glued to the name", "unicastbob \"x\"", kAll},
      {"quotes around a command", "\"list\"", "? did you mean list?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(describe(peer::parse_command_line(row.line)) == row.expected);
  }
}

TEST_CASE("words come from a shell, which has taken the quotes off") {
  struct Row {
    std::string_view name;
    std::vector<std::string> words;
    std::string_view expected;
  };
  const Row rows[] = {
      {"list", {"list"}, "list"},
      {"exit", {"exit"}, "exit"},
      {"unicast", {"unicast", "bob", "build done"}, "unicast bob [build done]"},
      {"several words are joined", {"unicast", "bob", "build", "done"}, "unicast bob [build done]"},
      {"blanks inside a word stay", {"unicast", "bob", " a  b "}, "unicast bob [ a  b ]"},
      {"quotes are text", {"unicast", "bob", "\"x\""}, "unicast bob [\"x\"]"},
      {"an empty text", {"unicast", "bob", ""}, "unicast bob []"},
      {"a text like an option", {"unicast", "bob", "--json"}, "unicast bob [--json]"},
      {"command words in the text",
       {"unicast", "bob", "list", "and", "exit"},
       "unicast bob [list and exit]"},
      {"no text", {"unicast", "bob"}, kUnicast},
      {"nothing more", {"unicast"}, kUnicast},
      {"broadcast", {"broadcast", "fire", "drill"}, "broadcast [fire drill]"},
      {"broadcast of nothing", {"broadcast", ""}, "broadcast []"},
      {"broadcast alone", {"broadcast"}, kBroadcast},
      {"multicast in one word",
       {"multicast", "[Ali, Veli]", "Nice", "app!"},
       "multicast Ali|Veli [Nice app!]"},
      {"multicast in several",
       {"multicast", "[Ali,", "Veli]", "Nice app!"},
       "multicast Ali|Veli [Nice app!]"},
      {"a blank within the brackets",
       {"multicast", "[", "Ali", ",", "Veli", "]", "x"},
       "multicast Ali|Veli [x]"},
      {"nobody", {"multicast", "[]", "x"}, "multicast  [x]"},
      {"no brackets", {"multicast", "Ali", "x"}, kMulticast},
      {"no closing bracket", {"multicast", "[Ali", "x"}, kMulticast},
      {"a bracket inside a word", {"multicast", "[Ali]x", "y"}, kMulticast},
      {"no text for many", {"multicast", "[Ali]"}, kMulticast},
      {"multicast alone", {"multicast"}, kMulticast},
      {"one word is a line", {"unicast bob \"hello\""}, "unicast bob [hello]"},
      {"one word is a line, malformed", {"unicast bob hello"}, kUnicast},
      {"list and more", {"list", "all"}, "? list takes nothing more"},
      {"exit and more", {"exit", "now"}, "? exit takes nothing more"},
      {"no words", {}, kAll},
      {"an empty word", {""}, kAll},
      {"a typing error", {"unicst", "bob", "x"}, "? did you mean unicast?"},
      {"another word", {"dance", "bob"}, kAll},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(describe(peer::parse_command_words(row.words)) == row.expected);
  }
}

TEST_CASE("no line, however broken, does anything but give a command or a hint") {
  // Every short line over the characters that mean something.
  const std::string_view alphabet = "[]\", ab";
  for (const std::string_view word : {"unicast ", "multicast ", "broadcast ", "list ", ""})
    for (std::size_t number = 0; number < 7 * 7 * 7 * 7; ++number) {
      std::string line(word);
      for (std::size_t rest = number, i = 0; i < 4; ++i, rest /= 7) line += alphabet[rest % 7];
      const auto command = peer::parse_command_line(line);
      if (!command) REQUIRE_FALSE(command.error().usage.empty());
    }
}

}  // namespace
