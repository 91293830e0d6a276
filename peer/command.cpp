#include "peer/command.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "common/suggest.hpp"
#include "peer/typed_words.hpp"

namespace peer {
namespace {

using common::unexpected;

constexpr std::array<std::string_view, 6> kCommandWords = {"list",      "unicast", "multicast",
                                                           "broadcast", "ask",     "exit"};
constexpr const char* kUnicastUsage = "unicast NAME \"TEXT\"";
constexpr const char* kAskUsage = "ask NAME \"TEXT\"";
constexpr const char* kMulticastUsage = "multicast [NAME, NAME] \"TEXT\"";
constexpr const char* kBroadcastUsage = "broadcast \"TEXT\"";

/// What stands between the first and the last double quote, if anything can.
std::optional<std::string_view> quoted_text(std::string_view text) {
  const auto first = text.find('"');
  const auto last = text.rfind('"');
  if (first == text.npos || first == last) return std::nullopt;
  return text.substr(first + 1, last - first - 1);
}

CommandError unknown_word(std::string_view word) {
  const std::string_view near = common::suggest(word, kCommandWords);
  if (!near.empty()) return {fmt::format("did you mean {}?", near)};
  return {"the commands are list, unicast, multicast, broadcast, ask and exit"};
}

std::string join(const std::vector<std::string>& words, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < words.size(); ++i) {
    if (i > from) text += ' ';
    text += words[i];
  }
  return text;
}

/// `NAME "TEXT"`, of unicast and ask.
template <typename OneRecipient>
common::expected<Command, CommandError> parse_one_recipient(std::string_view rest,
                                                            const char* usage) {
  const std::string_view name = take_word(rest);
  const auto text = quoted_text(rest);
  if (name.empty() || name.find('"') != name.npos || !text) return unexpected{CommandError{usage}};
  return Command{OneRecipient{std::string(name), std::string(*text)}};
}

common::expected<Command, CommandError> parse_multicast_line(std::string_view rest) {
  const auto open = rest.find('[');
  const auto close = rest.find(']', open == rest.npos ? 0 : open);
  if (open == rest.npos || close == rest.npos || rest.find('"') < close)
    return unexpected{CommandError{kMulticastUsage}};
  const auto text = quoted_text(rest.substr(close));
  if (!text) return unexpected{CommandError{kMulticastUsage}};
  return Command{
      MulticastCommand{split_names(rest.substr(open + 1, close - open - 1)), std::string(*text)}};
}

}  // namespace

common::expected<Command, CommandError> parse_command_line(std::string_view line) {
  std::string_view rest = trim(line);
  const std::string_view word = take_word(rest);
  if (word == "list") return Command{ListCommand{}};
  if (word == "exit") return Command{ExitCommand{}};
  if (word == "unicast") return parse_one_recipient<UnicastCommand>(rest, kUnicastUsage);
  if (word == "ask") return parse_one_recipient<AskCommand>(rest, kAskUsage);
  if (word == "multicast") return parse_multicast_line(rest);
  if (word == "broadcast") {
    const auto text = quoted_text(rest);
    if (!text) return unexpected{CommandError{kBroadcastUsage}};
    return Command{BroadcastCommand{std::string(*text)}};
  }
  return unexpected{unknown_word(word)};
}

common::expected<Command, CommandError> parse_command_words(const std::vector<std::string>& words) {
  if (words.empty()) return unexpected{unknown_word("")};
  const std::string& word = words[0];
  if (words.size() == 1) return parse_command_line(word);
  if (word == "list" || word == "exit")
    return unexpected{CommandError{fmt::format("{} takes nothing more", word)}};
  if (word == "unicast") {
    if (words.size() < 3) return unexpected{CommandError{kUnicastUsage}};
    return Command{UnicastCommand{words[1], join(words, 2)}};
  }
  if (word == "ask") {
    if (words.size() < 3) return unexpected{CommandError{kAskUsage}};
    return Command{AskCommand{words[1], join(words, 2)}};
  }
  if (word == "broadcast") return Command{BroadcastCommand{join(words, 1)}};
  if (word == "multicast") {
    // [A, B] arrives as one word or several, depending on how it was quoted.
    std::size_t end = 1;
    while (end < words.size() && words[end].find(']') == std::string::npos) ++end;
    if (!words[1].starts_with('[') || end + 1 >= words.size() || !words[end].ends_with(']'))
      return unexpected{CommandError{kMulticastUsage}};
    const std::string names =
        join({words.begin(), words.begin() + static_cast<std::ptrdiff_t>(end) + 1}, 1);
    return Command{MulticastCommand{
        split_names(std::string_view(names).substr(1, names.size() - 2)), join(words, end + 1)}};
  }
  return unexpected{unknown_word(word)};
}

}  // namespace peer
