// Frames of the rendezvous dialect (docs/protocol/rendezvous.md, "Frames"): a header of five bytes
// that says how long the data is, and data of a keyword and fields, or a plain text. A core: both
// programs use it; what the keywords mean is theirs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/expected.hpp"

namespace common {

inline constexpr std::size_t kRendezvousHeaderBytes = 5;
/// Longest data: the header of old programs grows to six bytes with a fifth digit.
inline constexpr std::size_t kRendezvousDataBytesMax = 9999;
/// Longest datagram, its header included: old registries read no more.
inline constexpr std::size_t kRendezvousDatagramBytesMax = 256;

enum class RendezvousKeyword {
  kNone,     // a plain text
  kUnknown,  // &&SOMETHING&& that is none of these
  kRegister,
  kHello,
  kSearch,
  kFound,
  kNotFound,
  kInvalidSearch,
  kChatRequest,
  kBusy,
  kOk,
  kClientOk,
  kReject,
  kMessage,
  kExit,
  kClientExit,
  kGroupChat,
  kOkGroup,
  kRejectGroup,
  kExitGroup,
  kLogout,
  kLogoutSuccess,
};

/// As it stands between the ampersands; empty for kNone and kUnknown.
std::string_view to_string(RendezvousKeyword keyword);

/// Views into the data that was parsed.
struct RendezvousData {
  RendezvousKeyword keyword = RendezvousKeyword::kNone;
  /// All behind the keyword and its bar, bars included; of a plain text, the whole.
  std::string_view text;
  /// `text` between its bars, without blanks around; one bar at the end makes no field of its own.
  std::vector<std::string_view> fields;

  /// The field, or an empty one.
  std::string_view field(std::size_t index) const {
    return index < fields.size() ? fields[index] : std::string_view();
  }
};
RendezvousData parse_rendezvous_data(std::string_view data);

/// `&&KEYWORD&&|FIELD|FIELD`.
std::string format_rendezvous_data(RendezvousKeyword keyword,
                                   std::initializer_list<std::string_view> fields = {});

/// A frame as all but the first of a connection are sent: ` 13  &&HELLO&&|ali`. The data has at
/// most kRendezvousDataBytesMax bytes.
std::string encode_rendezvous_frame(std::string_view data);
/// The first of a connection: `21   &&REGISTER&&|ali|7820`.
std::string encode_rendezvous_register(std::string_view name, std::uint16_t port);
/// Two frames glued together, as a registry sends all it says: who caused it, and what it is.
std::string encode_rendezvous_pair(std::string_view cause, std::string_view data);

enum class RendezvousError {
  kBadHeader,  // not a number of bytes: where the next frame begins cannot be known
  kTooLong,    // data over kRendezvousDataBytesMax
};
std::string_view to_string(RendezvousError error);

/// The size that a header names: a number with blanks before or behind, or leading zeros.
expected<std::size_t, RendezvousError> parse_rendezvous_header(std::string_view header);

/// The one frame of a datagram; bytes behind it are left out. Nothing if it is not whole.
std::optional<std::string_view> decode_rendezvous_datagram(std::string_view datagram);

/// A stream's bytes as the data of its frames, the same ones wherever the stream was cut.
class RendezvousSplitter {
 public:
  /// Take all frames with next() before more is pushed: then no more is held than one frame and
  /// what was pushed last. After an error nothing is kept.
  void push(std::string_view bytes);
  /// The data of the next whole frame.
  std::optional<std::string> next();
  /// Set once a header is none; nothing can be read of the stream from there.
  std::optional<RendezvousError> error() const { return error_; }
  /// True between frames.
  bool is_idle() const { return at_ == buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t at_ = 0;  // where the next frame begins in it
  std::optional<RendezvousError> error_;
};

/// The text with `&&` before a capital letter pulled apart: old programs look for their keywords
/// anywhere in a frame, and one in a person's text would command them.
std::string harmless_rendezvous_text(std::string_view text);

}  // namespace common
