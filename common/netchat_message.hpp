// What NetChat programs say to each other, one message or delete signal a TCP connection:
// `sender: "text"` and `DELETE_MESSAGE:sender`, with the ids that ours add where old programs do
// not look (docs/protocol/netchat.md). A core.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/expected.hpp"
#include "common/user.hpp"

namespace common {

/// Longest message sent, all of it: old programs read once, so much, and lose the rest.
inline constexpr std::size_t kNetchatBytesMax = 1024;
/// An id is so many hexadecimal digits, in lower case.
inline constexpr std::size_t kNetchatIdDigits = 32;

enum class NetchatError {
  kTooLong,    // over kNetchatBytesMax with sender, quotes and id
  kNotUtf8,    // one bad byte ends an old listener
  kMultiLine,  // a line break or NUL
  kBadSender,  // a name that makes each message of his a delete signal
};

/// A sentence part for the sender, e.g. "the text is not UTF-8".
std::string to_string(NetchatError error);

/// The message's bytes; `id` is empty or as kNetchatIdDigits says. Double quotes inside the text
/// would end it for an old program: they travel as U+201D, and ours turn them back.
expected<std::string, NetchatError> encode_netchat(const UserName& sender, std::string_view text,
                                                   std::string_view id = {});

/// The signal that deletes the sender's message of that id; without one, his newest.
std::string encode_netchat_delete(const UserName& sender, std::string_view id = {});

struct NetchatMessage {
  std::optional<std::string> sender;  // as claimed: anybody can write any name; none if unnamed
  std::string text;                   // any bytes: make them harmless before showing them
  std::string id;                     // empty: an old program's

  friend bool operator==(const NetchatMessage&, const NetchatMessage&) = default;
};
struct NetchatDelete {
  std::string sender;  // as claimed
  std::string id;      // empty: an old program's

  friend bool operator==(const NetchatDelete&, const NetchatDelete&) = default;
};
using NetchatSignal = std::variant<NetchatMessage, NetchatDelete>;

/// Reads whatever came over a connection: a text without quotes, or with one alone, too. Nothing
/// for no bytes, such as a registry's probe.
std::optional<NetchatSignal> decode_netchat(std::string_view bytes);

/// Whether more of a message may follow these bytes.
enum class NetchatEnd {
  kOpen,     // it may
  kLikely,   // it looks whole, but a quote may be one inside the text
  kCertain,  // it has its id, which is the last
};
NetchatEnd find_netchat_end(std::string_view bytes);

/// What our program says to the sender of a message or signal with an id, on the same connection.
enum class NetchatReply {
  kTaken,    // the message is kept for the person; the signal has deleted it
  kRefused,  // it is not
};
std::string encode_netchat_reply(NetchatReply reply, std::string_view id);
/// Nothing if that is no whole reply to this id. Old programs close without one.
std::optional<NetchatReply> decode_netchat_reply(std::string_view bytes, std::string_view id);
/// Longest reply; a program that says more says something else.
inline constexpr std::size_t kNetchatReplyBytesMax = 64;

}  // namespace common
