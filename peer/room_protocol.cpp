#include "peer/room_protocol.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/limits.hpp"
#include "common/safe_text.hpp"

namespace peer {
namespace {

constexpr std::string_view kPrompt = "Please enter your username: ";
constexpr std::string_view kGreeting = "You are connected to chatroom.";

/// What stands in front of a text that is for less, or for more, than the room.
constexpr std::array<std::pair<std::string_view, RoomMessage::To>, 2> kOthers = {
    {{" to you", RoomMessage::To::kMe}, {" to all", RoomMessage::To::kAll}}};

/// True if the server itself says the marker at `at`: it says no more then, and others' texts,
/// which begin with their names, may follow.
bool is_servers_own(std::string_view said, std::size_t at, std::string_view marker) {
  const std::string_view behind = said.substr(at + marker.size());
  return behind.empty() || behind.front() == '<';
}

}  // namespace

std::optional<RoomReader::Item> RoomReader::next() {
  if (phase_ == Phase::kOver) return std::nullopt;
  return phase_ == Phase::kRoom ? next_line() : next_greeting();
}

std::optional<RoomReader::Item> RoomReader::next_greeting() {
  const std::string_view said = buffer_;
  const auto begins = [&](std::string_view marker) {
    return said.starts_with(marker) || marker.starts_with(said);
  };
  const bool may_be_greeting = phase_ == Phase::kName && begins(kGreeting);
  if (begins(kPrompt) || may_be_greeting) {
    const std::string_view marker = begins(kPrompt) ? kPrompt : kGreeting;
    if (said.size() < marker.size()) return std::nullopt;
    phase_ = marker == kPrompt ? Phase::kName : Phase::kRoom;
    buffer_.erase(0, marker.size());
    return Item{marker == kPrompt ? Kind::kPrompt : Kind::kGreeting, {}};
  }
  // Old servers pass others' texts on to whoever has not said a name yet.
  const bool is_text = said.front() == '<' || is_continued_;
  if (!is_text) {
    phase_ = Phase::kOver;
    return Item{Kind::kGarbage, std::exchange(buffer_, {})};
  }
  // What the server says itself may stand behind one that has no end.
  const auto line_end = said.find('\n');
  std::size_t at = said.npos;
  for (const std::string_view marker : {kPrompt, kGreeting}) {
    const auto found = said.substr(0, line_end).find(marker);
    if (found != said.npos && is_servers_own(said, found, marker)) at = std::min(at, found);
  }
  if (at == said.npos) return next_line();
  Item half = take_line(at, 0);
  is_continued_ = false;
  return half;
}

std::optional<RoomReader::Item> RoomReader::next_line() {
  const auto lf = buffer_.find('\n');
  if (lf <= kLineBytesMax) {
    const bool has_cr = lf > 0 && buffer_[lf - 1] == '\r';
    return has_cr ? take_line(lf - 1, 2) : take_line(lf, 1);
  }
  if (buffer_.size() <= kLineBytesMax) return std::nullopt;
  Item part = take_line(kLineBytesMax, 0);
  is_continued_ = true;
  return part;
}

RoomReader::Item RoomReader::take_line(std::size_t text_bytes, std::size_t end_bytes) {
  Item line{Kind::kLine, buffer_.substr(0, text_bytes), is_continued_};
  buffer_.erase(0, text_bytes + end_bytes);
  is_continued_ = false;
  return line;
}

std::optional<RoomReader::Item> RoomReader::take_half() {
  if (!has_half()) return std::nullopt;
  Item half = take_line(buffer_.size(), 0);
  is_continued_ = true;
  return half;
}

RoomMessage parse_room_line(std::string_view line) {
  RoomMessage message{std::nullopt, RoomMessage::To::kRoom, std::string(line)};
  const auto end = line.find("> ");
  if (!line.starts_with('<') || end == line.npos) return message;
  std::string_view from = line.substr(1, end - 1);
  auto to = RoomMessage::To::kRoom;
  for (const auto& [words, other] : kOthers) {
    if (!from.ends_with(words)) continue;
    from.remove_suffix(words.size());
    to = other;
    break;
  }
  // Old servers let more into names than the grammar does, so only the length is asked.
  if (from.empty() || from.size() > common::kNameBytesMax) return message;
  return {std::string(from), to, std::string(line.substr(end + 2))};
}

std::optional<std::string_view> why_no_room_text(std::string_view text) {
  if (text.size() > kRoomTextBytesMax) return "has more than 2047 bytes";
  if (!common::is_utf8(text)) return "is not UTF-8";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
    const bool is_c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if ((byte < ' ' && byte != '\t') || byte == 0x7f || is_c1) return "has a control character";
  }
  return std::nullopt;
}

}  // namespace peer
