#include "peer/shell/line_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace peer {

std::vector<LineReader::Line> LineReader::next(std::size_t lines_max) {
  std::vector<Line> lines;
  for (;;) {
    while (lines.size() < lines_max) {
      auto line = take_line();
      if (!line) break;
      lines.push_back(*std::move(line));
    }
    if (!lines.empty()) return lines;
    if (has_ended_) {
      if (auto rest = take_rest()) lines.push_back(*std::move(rest));
      return lines;
    }
    char chunk[64 * 1024];
    const ssize_t got = ::read(fd_, chunk, sizeof chunk);
    if (got > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      if (got < 0) error_ = {errno, std::generic_category()};
      has_ended_ = true;
    }
  }
}

bool LineReader::read_available(std::vector<Line>& lines) {
  char chunk[4096];
  const ssize_t got = ::read(fd_, chunk, sizeof chunk);
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
    if (got < 0) error_ = {errno, std::generic_category()};
    return false;
  }
  if (got > 0) buffer_.append(chunk, static_cast<std::size_t>(got));
  while (auto line = take_line()) lines.push_back(*std::move(line));
  return true;
}

std::optional<LineReader::Line> LineReader::take_rest() {
  std::optional<Line> rest;
  if (at_ < buffer_.size() && !is_skipping_) rest = Line{buffer_.substr(at_)};
  drop_all();
  return rest;
}

std::optional<LineReader::Line> LineReader::take_line() {
  for (;;) {
    const auto end = buffer_.find('\n', at_);
    if (is_skipping_) {
      if (end == buffer_.npos) {
        drop_all();
        return std::nullopt;
      }
      at_ = end + 1;
      is_skipping_ = false;
      continue;
    }
    if (end != buffer_.npos) {
      Line line{buffer_.substr(at_, end - at_), end - at_ > kLineBytesMax};
      at_ = end + 1;
      return line;
    }
    buffer_.erase(0, std::exchange(at_, 0));  // once for all lines of a read
    if (buffer_.size() <= kLineBytesMax) return std::nullopt;
    is_skipping_ = true;
    Line line{buffer_, true};
    drop_all();
    return line;
  }
}

void LineReader::drop_all() {
  buffer_.clear();
  at_ = 0;
}

}  // namespace peer
