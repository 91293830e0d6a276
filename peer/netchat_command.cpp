#include "peer/netchat_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/suggest.hpp"
#include "peer/typed_words.hpp"

namespace peer {
namespace {

using Result = common::expected<NetchatCommand, NetchatCommandError>;

constexpr std::array<std::string_view, 6> kNetchatWords = {"LIST", "SEND",   "SEND_MULTI",
                                                           "READ", "DELETE", "EXIT"};

/// The quotes around the whole of it are no part of the text; others are.
std::string unquote(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return std::string(text);
}

Result wrong(std::string_view line, std::string_view usage) {
  return common::unexpected{NetchatCommandError{std::string(line), std::string(usage)}};
}

Result parse_send(std::string_view rest) {
  const std::string_view name = take_word(rest);
  if (name.empty() || rest.empty()) return wrong(">>Invalid SEND command!", "SEND NAME \"TEXT\"");
  return NetchatCommand{NetchatSend{{std::string(name)}, unquote(rest), false}};
}

Result parse_send_multi(std::string_view rest) {
  std::string_view list;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end != rest.npos) list = rest.substr(1, end - 1);
    rest = end == rest.npos ? std::string_view() : trim(rest.substr(end + 1));
  } else {
    list = take_word(rest);
  }
  NetchatSend send{.names = split_names(list), .text = unquote(rest), .is_multi = true};
  if (send.names.empty() || rest.empty())
    return wrong(">>Invalid SEND_MULTI command!", "SEND_MULTI [NAME,NAME] \"TEXT\"");
  return NetchatCommand{std::move(send)};
}

Result unknown(std::string_view word) {
  std::string capitals(word);
  for (char& c : capitals)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const std::string_view near = common::suggest(capitals, kNetchatWords);
  return wrong(">>Unknown command!",
               near.empty() ? "the commands are LIST, SEND, SEND_MULTI, READ, DELETE and EXIT"
                            : fmt::format("did you mean {}?", near));
}

}  // namespace

Result parse_netchat_command(std::string_view line) {
  std::string_view rest = trim(line);
  const std::string_view word = take_word(rest);
  const bool is_one_name = !rest.empty() && std::none_of(rest.begin(), rest.end(), is_blank);
  if (word == "LIST") {
    if (!rest.empty()) return wrong(">>Invalid LIST command!", "LIST takes nothing more");
    return NetchatCommand{NetchatList{}};
  }
  if (word == "SEND") return parse_send(rest);
  if (word == "SEND_MULTI") return parse_send_multi(rest);
  if (word == "READ") {
    if (!is_one_name) return wrong("Invalid READ command!", "READ NAME");
    return NetchatCommand{NetchatRead{std::string(rest)}};
  }
  if (word == "DELETE") {
    if (!is_one_name) return wrong(">>Invalid DELETE command!", "DELETE NAME");
    return NetchatCommand{NetchatTakeBack{std::string(rest)}};
  }
  if (word == "EXIT" && rest.empty()) return NetchatCommand{NetchatExit{}};
  return unknown(word);
}

}  // namespace peer
