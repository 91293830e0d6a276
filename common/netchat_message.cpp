#include "common/netchat_message.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/check.hpp"
#include "common/limits.hpp"
#include "common/safe_text.hpp"

namespace common {
namespace {

constexpr std::string_view kDelete = "DELETE_MESSAGE:";
/// As one place of the original's text has it.
constexpr std::string_view kDeleteWithBlank = "DELETE MESSAGE:";
constexpr std::string_view kIdMark = " id=";
constexpr std::string_view kQuotesMark = " quotes";
/// Stands for a double quote inside a text: U+201D.
constexpr std::string_view kInnerQuote = "\xe2\x80\x9d";
constexpr std::string_view kTaken = "TAKEN ";
constexpr std::string_view kRefused = "REFUSED ";

bool is_id(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == kNetchatIdDigits && std::all_of(text.begin(), text.end(), is_digit);
}

/// Without the line ends and blanks that people who type into a connection leave behind.
std::string_view trim_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  return text;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (auto at = text.find(from); at != text.npos; at = text.find(from)) {
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
  }
  return out += text;
}

/// What stands behind a text's closing quote, as far as it is known.
struct Tail {
  bool has_quotes_mark = false;
  std::string_view id;
  bool is_known = true;  // nothing else stands there
};

Tail read_tail(std::string_view text) {
  Tail tail;
  text = trim_end(text);
  if (text.starts_with(kQuotesMark)) {
    tail.has_quotes_mark = true;
    text.remove_prefix(kQuotesMark.size());
  }
  if (text.starts_with(kIdMark) && is_id(text.substr(kIdMark.size()))) {
    tail.id = text.substr(kIdMark.size());
    text = {};
  }
  tail.is_known = text.empty();
  return tail;
}

std::optional<std::string_view> after_delete_word(std::string_view bytes) {
  for (const std::string_view word : {kDelete, kDeleteWithBlank})
    if (bytes.starts_with(word)) return bytes.substr(word.size());
  return std::nullopt;
}

NetchatDelete decode_delete(std::string_view rest) {
  rest = trim_end(rest);
  const auto colon = rest.find(':');
  NetchatDelete signal{.sender = std::string(rest.substr(0, std::min(colon, kNameBytesMax + 1))),
                       .id = {}};
  if (colon != rest.npos && is_id(rest.substr(colon + 1))) signal.id = rest.substr(colon + 1);
  return signal;
}

}  // namespace

std::string to_string(NetchatError error) {
  switch (error) {
    case NetchatError::kTooLong:
      return fmt::format("the text is too long: a NetChat message has {} bytes with the sender",
                         kNetchatBytesMax);
    case NetchatError::kNotUtf8:
      return "the text is not UTF-8";
    case NetchatError::kMultiLine:
      return "the text has a line break or a NUL: a NetChat message is one line";
    case NetchatError::kBadSender:
      return "NetChat programs take that sender's messages for delete signals";
  }
  return "the text cannot be sent";
}

expected<std::string, NetchatError> encode_netchat(const UserName& sender, std::string_view text,
                                                   std::string_view id) {
  ENSURE(id.empty() || is_id(id));
  const auto ends_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (text.size() > kNetchatBytesMax) return unexpected{NetchatError::kTooLong};
  if (std::any_of(text.begin(), text.end(), ends_line)) return unexpected{NetchatError::kMultiLine};
  if (!is_utf8(text)) return unexpected{NetchatError::kNotUtf8};
  const bool has_quotes = text.find('"') != text.npos;
  std::string bytes = sender.text() + ": \"";
  if (after_delete_word(bytes)) return unexpected{NetchatError::kBadSender};
  bytes += has_quotes ? replace_all(text, "\"", kInnerQuote) : std::string(text);
  bytes += '"';
  // A text that has both kinds cannot be had back to the byte; readers will see what is meant.
  if (has_quotes && text.find(kInnerQuote) == text.npos) bytes += kQuotesMark;
  if (!id.empty()) {
    bytes += kIdMark;
    bytes += id;
  }
  if (bytes.size() > kNetchatBytesMax) return unexpected{NetchatError::kTooLong};
  return bytes;
}

std::string encode_netchat_delete(const UserName& sender, std::string_view id) {
  ENSURE(id.empty() || is_id(id));
  std::string bytes(kDelete);
  bytes += sender.text();
  if (!id.empty()) {
    bytes += ':';
    bytes += id;
  }
  return bytes;
}

std::optional<NetchatSignal> decode_netchat(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  if (const auto rest = after_delete_word(bytes)) return decode_delete(*rest);
  NetchatMessage message;
  const auto colon = bytes.find(':');
  const auto open = bytes.find('"');
  // Old programs let more characters into names than the grammar does, so only its length is asked.
  const bool is_named = colon != bytes.npos && colon > 0 && colon <= kNameBytesMax &&
                        (open == bytes.npos || colon < open);
  if (is_named) message.sender = bytes.substr(0, colon);
  const auto close = bytes.rfind('"');
  if (open != bytes.npos && open < close) {
    const Tail tail = read_tail(bytes.substr(close + 1));
    const std::string_view text = bytes.substr(open + 1, close - open - 1);
    message.id = tail.id;
    message.text = tail.has_quotes_mark ? replace_all(text, kInnerQuote, "\"") : std::string(text);
    return message;
  }
  // No quotes, or a message that was cut before the second.
  std::string_view rest = is_named ? bytes.substr(colon + 1) : bytes;
  if (is_named && rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.starts_with('"')) rest.remove_prefix(1);
  while (rest.ends_with('\n') || rest.ends_with('\r')) rest.remove_suffix(1);
  message.text = rest;
  return message;
}

NetchatEnd find_netchat_end(std::string_view bytes) {
  if (const auto rest = after_delete_word(bytes)) {
    if (!decode_delete(*rest).id.empty()) return NetchatEnd::kCertain;
    return trim_end(*rest).empty() ? NetchatEnd::kOpen : NetchatEnd::kLikely;
  }
  const auto open = bytes.find('"');
  const auto close = bytes.rfind('"');
  if (open == close) return NetchatEnd::kOpen;
  const Tail tail = read_tail(bytes.substr(close + 1));
  if (!tail.id.empty()) return NetchatEnd::kCertain;
  return tail.is_known ? NetchatEnd::kLikely : NetchatEnd::kOpen;
}

std::string encode_netchat_reply(NetchatReply reply, std::string_view id) {
  ENSURE(is_id(id));
  std::string bytes(reply == NetchatReply::kTaken ? kTaken : kRefused);
  bytes += id;
  return bytes += '\n';
}

std::optional<NetchatReply> decode_netchat_reply(std::string_view bytes, std::string_view id) {
  for (const NetchatReply reply : {NetchatReply::kTaken, NetchatReply::kRefused})
    if (bytes == encode_netchat_reply(reply, id)) return reply;
  return std::nullopt;
}

}  // namespace common
