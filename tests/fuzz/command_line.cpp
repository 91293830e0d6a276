// Any line and any argument words as a command of `send`.
#include "peer/command.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using peer::BroadcastCommand;
using peer::Command;
using peer::ExitCommand;
using peer::ListCommand;
using peer::MulticastCommand;
using peer::UnicastCommand;

/// The command as a person would type it.
std::string render(const Command& command) {
  if (std::holds_alternative<ListCommand>(command)) return "list";
  if (std::holds_alternative<ExitCommand>(command)) return "exit";
  if (const auto* broadcast = std::get_if<BroadcastCommand>(&command))
    return "broadcast \"" + broadcast->text + '"';
  if (const auto* unicast = std::get_if<UnicastCommand>(&command))
    return "unicast " + unicast->name + " \"" + unicast->text + '"';
  const auto& multicast = std::get<MulticastCommand>(command);
  std::string names;
  for (const std::string& name : multicast.names) names += (names.empty() ? "" : ", ") + name;
  return "multicast [" + names + "] \"" + multicast.text + '"';
}

std::vector<std::string> names_of(const Command& command) {
  if (const auto* unicast = std::get_if<UnicastCommand>(&command)) return {unicast->name};
  if (const auto* multicast = std::get_if<MulticastCommand>(&command)) return multicast->names;
  return {};
}

const std::string* text_of(const Command& command) {
  if (const auto* unicast = std::get_if<UnicastCommand>(&command)) return &unicast->text;
  if (const auto* multicast = std::get_if<MulticastCommand>(&command)) return &multicast->text;
  if (const auto* broadcast = std::get_if<BroadcastCommand>(&command)) return &broadcast->text;
  return nullptr;
}

bool is_same(const Command& a, const Command& b) {
  const std::string* text_a = text_of(a);
  const std::string* text_b = text_of(b);
  return a.index() == b.index() && names_of(a) == names_of(b) && (!text_a || *text_a == *text_b);
}

void check_line(std::string_view line) {
  const auto command = peer::parse_command_line(line);
  const auto as_word = peer::parse_command_words({std::string(line)});
  ENSURE(as_word.has_value() == command.has_value());
  if (!command) {
    ENSURE(!command.error().usage.empty() && as_word.error().usage == command.error().usage);
    return;
  }
  ENSURE(is_same(*as_word, *command));
  // Nothing is made up, and a quoted text is what stands between the outermost quotes.
  if (const std::string* text = text_of(*command)) {
    const auto last = line.rfind('"');
    ENSURE(last != line.npos && last >= text->size() + 1);
    ENSURE(line.substr(last - text->size(), text->size()) == *text);
    ENSURE(line[last - text->size() - 1] == '"');
  }
  for (const std::string& name : names_of(*command)) {
    ENSURE(!name.empty() && line.find(name) != line.npos);
    ENSURE(name.find('"') == std::string::npos);
  }
  const auto again = peer::parse_command_line(render(*command));
  ENSURE(again && is_same(*again, *command));
}

/// Words as a shell would pass them: one a line of the input.
void check_words(std::string_view input) {
  std::vector<std::string> words;
  while (!input.empty()) words.emplace_back(fuzz::take_line(input));
  const auto command = peer::parse_command_words(words);
  if (!command) {
    ENSURE(!command.error().usage.empty());
    return;
  }
  if (words.size() < 2) return;  // read as a line: check_line's
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  const std::string* text = text_of(*command);
  ENSURE(text != nullptr && joined.ends_with(*text));
  for (const std::string& name : names_of(*command)) ENSURE(joined.find(name) != joined.npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_line(input);
  check_words(input);
  return 0;
}
