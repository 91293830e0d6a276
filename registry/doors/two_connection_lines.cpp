#include "registry/doors/two_connection_lines.hpp"

#include <algorithm>
#include <array>

#include "common/endpoint.hpp"
#include "registry/message_text.hpp"

namespace registry::doors {
namespace {

/// The word up to the first blank, taken off `rest` together with that one blank.
std::string_view take_word(std::string_view& rest) {
  const auto blank = rest.find(' ');
  const std::string_view word = rest.substr(0, blank);
  rest.remove_prefix(blank == rest.npos ? rest.size() : blank + 1);
  return word;
}

CommandLine parse_login(std::string_view rest) {
  const std::string_view name = take_word(rest);
  if (name.empty() || rest.empty() || rest.find(' ') != rest.npos) return UnrecognizedLine{};
  return LoginLine{name, rest};
}

CommandLine parse_port_line(std::string_view rest) {
  const auto port = common::parse_port(rest);
  if (!port || *port == 0) return UnrecognizedLine{};
  return PortLine{*port};
}

CommandLine parse_to(std::string_view rest) {
  const std::string_view target = take_word(rest);
  if (target.empty() || rest.empty()) return UnrecognizedLine{};
  return ToLine{target, rest};
}

}  // namespace

CommandLine parse_two_connection_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_message_text(line)) return UnrecognizedLine{};
  if (line == "/list") return ListLine{};
  if (line == "/exit") return ExitLine{};
  std::string_view rest = line;
  const std::string_view word = take_word(rest);
  if (word == "/to") return parse_to(rest);
  if (word == "/toall" && !rest.empty()) return ToAllLine{rest};
  if (word == "/login") return parse_login(rest);
  if (word == "/port") return parse_port_line(rest);
  return UnrecognizedLine{};
}

bool is_receipt(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.starts_with("302") && (line.size() == 3 || line[3] == ' ');
}

std::string format_push(const Message& message) {
  const std::string_view word = message.is_broadcast ? "/broadcastfrom " : "/from ";
  std::string line;
  line.reserve(word.size() + message.from.size() + message.text.size() + 2);
  line += word;
  line += message.from;
  line += ' ';
  line += message.text;
  line += '\n';
  return line;
}

const std::shared_ptr<const std::string>& reply_line(Reply reply) {
  static const auto line = [](const char* text) {
    return std::make_shared<const std::string>(text);
  };
  static const std::array lines = {
      line("101 Authentication successful\n"),
      line("102 Authentication failed\n"),
      line("201 Build connection successful\n"),
      line("202 Build connection failed\n"),
      line("303 Message delivery successful\n"),
      line("304 Message delivery failed\n"),
      line("310 Bye bye\n"),
      line("401 Unrecognized message\n"),
  };
  return lines[static_cast<std::size_t>(reply)];
}

}  // namespace registry::doors
