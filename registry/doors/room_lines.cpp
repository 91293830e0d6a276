#include "registry/doors/room_lines.hpp"

namespace registry::doors {

void RoomInput::push(std::string_view bytes) {
  buffer_.erase(0, at_);
  at_ = last_at_ = 0;
  buffer_ += bytes;
}

std::optional<RoomInput::Line> RoomInput::next(std::size_t text_max) {
  const std::string_view rest = this->rest();
  last_at_ = at_;
  // Room for the longest end: a text that is just as long as it may be is not cut before its own.
  const std::string_view window = rest.substr(0, text_max + 2);
  const auto lf = window.find('\n');
  if (lf != window.npos) {
    const bool has_cr = lf > 0 && window[lf - 1] == '\r';
    const std::string_view text = window.substr(0, has_cr ? lf - 1 : lf);
    if (text.size() <= text_max) {
      at_ += lf + 1;
      return Line{text, has_cr ? "\r\n" : "\n"};
    }
  } else if (window.size() < text_max + 2) {
    return std::nullopt;
  }
  const std::string_view part = cut_text(rest, text_max);
  at_ += part.size();
  return Line{part, {}};
}

bool RoomInput::has_next(std::size_t text_max) const {
  const std::string_view window = rest().substr(0, text_max + 2);
  return window.size() == text_max + 2 || window.find('\n') != window.npos;
}

std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  std::size_t end = bytes_max;
  // A character has at most three bytes after its first; more are not UTF-8, and cut anywhere.
  for (int back = 0; back < 3 && end > 1 && continues(text[end]); ++back) --end;
  return text.substr(0, continues(text[end]) ? bytes_max : end);
}

std::string format_room_message(const Message& message) {
  std::string beginning = "<" + message.from;
  if (message.is_broadcast) {
    beginning += " to all";
  } else if (!message.is_to_room) {
    beginning += " to you";
  }
  beginning += "> ";
  const std::string_view end = message.line_end;
  const std::size_t text_max = kRoomLineBytesMax - beginning.size() - end.size();
  std::string out;
  std::string_view rest = message.text;
  do {
    const std::string_view part = cut_text(rest, text_max);
    rest.remove_prefix(part.size());
    out += beginning;
    out += part;
    out += rest.empty() ? end : "\n";
  } while (!rest.empty());
  return out;
}

}  // namespace registry::doors
