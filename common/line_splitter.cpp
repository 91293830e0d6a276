#include "common/line_splitter.hpp"

#include <algorithm>

namespace common {

void LineSplitter::push(Bytes bytes) {
  // Lines are taken off here once for all, not one by one.
  buffer_.erase(0, at_);
  searched_ -= std::min(searched_, at_);
  at_ = 0;
  buffer_.append(as_text(bytes));
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  for (;;) {
    const auto end = buffer_.find('\n', std::max(at_, searched_));
    if (end == buffer_.npos) {
      searched_ = buffer_.size();
      if (is_skipping_) at_ = buffer_.size();
      return take_overlong();
    }
    const std::size_t begin = at_;
    at_ = searched_ = end + 1;
    if (is_skipping_) {
      is_skipping_ = false;
      continue;
    }
    std::size_t size = end - begin;
    if (size > 0 && buffer_[end - 1] == '\r') --size;
    return Line{buffer_.substr(begin, std::min(size, bytes_max_)), size > bytes_max_};
  }
}

// Of a line without its end: with one byte over the bound, that byte may still be the end's CR.
std::optional<LineSplitter::Line> LineSplitter::take_overlong() {
  const std::string_view line = pending();
  const bool may_be_cr = line.size() == bytes_max_ + 1 && line.back() == '\r';
  if (line.size() <= bytes_max_ || may_be_cr) return std::nullopt;
  Line overlong{std::string(line.substr(0, bytes_max_)), true};
  is_skipping_ = true;
  at_ = buffer_.size();
  return overlong;
}

}  // namespace common
