// The chat-room dialect's bytes, as the server reads and writes them (docs/protocol/room.md). A
// core: a client's bytes in, lines out; a message in, the bytes for a client out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "registry/hub.hpp"

namespace registry::doors {

inline constexpr std::string_view kRoomPrompt = "Please enter your username: ";
inline constexpr std::string_view kRoomWelcome = "You are connected to chatroom.";

/// What an old program reads at once. A line that is no longer reaches it in one piece while it
/// keeps up; it ends each piece that it prints with a line end of its own.
inline constexpr std::size_t kRoomLineBytesMax = 2048;

/// Longest text that `name` can say at once: with `<name> ` and its end it is a line of the room,
/// and with `room: <name> ` a classic datagram.
constexpr std::size_t room_text_max(std::string_view name) {
  return kRoomLineBytesMax - std::string_view("room: <> ").size() - name.size();
}

/// A client's bytes as the lines he said, whole, wherever they were cut. Of a line that is longer
/// than may be said at once each part comes as a line of its own, cut between two characters.
class RoomInput {
 public:
  struct Line {
    std::string_view text;  // without its end; any bytes; valid until the next call
    std::string_view end;   // "\n" or "\r\n"; empty if more of the line is to come
  };

  /// Take all lines with next() before more is pushed, or as much stays as was pushed.
  void push(std::string_view bytes);
  /// The next line of at most `text_max` bytes, or part of one; none while it has not come.
  std::optional<Line> next(std::size_t text_max);
  /// What next() returned last is still to come.
  void take_back() { at_ = last_at_; }
  /// True if next() has something.
  bool has_next(std::size_t text_max) const;
  /// What has come of a line without an end: nothing more comes.
  std::string_view rest() const { return std::string_view(buffer_).substr(at_); }
  /// Bytes that were pushed and not taken.
  std::size_t size() const { return buffer_.size() - at_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0;       // where the next line begins in it
  std::size_t last_at_ = 0;  // where the last one began
};

/// The first at most `bytes_max` bytes of `text`; no character of UTF-8 is cut.
std::string_view cut_text(std::string_view text, std::size_t bytes_max);

/// `message` as a client of the room is shown it: `<FROM> TEXT` and its end, if it was said in the
/// room; `<FROM to you> TEXT` if it is for him alone, `<FROM to all> TEXT` if it is for everybody.
/// Of a text that is too long for one line each part gets the same beginning: no name has a blank
/// or an angle bracket, so who said a line stands in front of it, whatever he wrote.
std::string format_room_message(const Message& message);

}  // namespace registry::doors
