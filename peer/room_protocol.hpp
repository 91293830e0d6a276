// The chat-room dialect from its client's side (docs/protocol/room.md). Old servers frame nothing:
// a prompt, a greeting and others' lines may come glued together, and cut anywhere. A core.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"

namespace peer {

/// Longest text that is sent, its end not counted: old servers read 2,048 bytes at once and put a
/// beginning of their own into whatever is longer.
inline constexpr std::size_t kRoomTextBytesMax = 2047;

/// What a server sends, in its parts.
class RoomReader {
 public:
  /// Longest line that is kept whole: more than a server passes on at once.
  static constexpr std::size_t kLineBytesMax = 8192;

  enum class Kind {
    kPrompt,    // it wants to know a name
    kGreeting,  // the name is taken down: he is in the room
    kLine,      // somebody's line, or a part of one
    kGarbage,   // before the greeting, what no server of this dialect says; nothing follows
  };
  struct Item {
    Kind kind;
    std::string text;           // of kLine and kGarbage: any bytes
    bool is_continued = false;  // its beginning was told as a line before
  };

  /// Take all items with next() before more is pushed.
  void push(common::Bytes bytes) { buffer_ += common::as_text(bytes); }
  std::optional<Item> next();
  /// True if there is more of a line than was told, and its end has not come.
  bool has_half() const { return phase_ == Phase::kRoom && !buffer_.empty(); }
  /// What there is of it, as a line: old servers pass on what has no end, and it is not held back
  /// for long.
  std::optional<Item> take_half();

 private:
  enum class Phase { kPrompt, kName, kRoom, kOver };

  std::optional<Item> next_greeting();
  std::optional<Item> next_line();
  Item take_line(std::size_t text_bytes, std::size_t end_bytes);

  Phase phase_ = Phase::kPrompt;
  std::string buffer_;
  bool is_continued_ = false;
};

/// A line as `<FROM> TEXT`, `<FROM to you> TEXT` or `<FROM to all> TEXT`.
struct RoomMessage {
  enum class To { kRoom, kMe, kAll };
  std::optional<std::string> from;  // as the server says; none if the line has another form
  To to = To::kRoom;
  std::string text;
};
RoomMessage parse_room_line(std::string_view line);

/// Why the text cannot be said in the room, e.g. "is not UTF-8"; nothing if it can.
std::optional<std::string_view> why_no_room_text(std::string_view text);

}  // namespace peer
