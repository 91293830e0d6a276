// The bytes of a stream as lines of bounded length. A core: bytes in, lines out, the same ones
// wherever the stream was cut into pieces.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"

namespace common {

class LineSplitter {
 public:
  struct Line {
    std::string text;  // without its LF, and without one CR before that
    /// More than the bound: `text` is its beginning, as long as the bound. It is told once, as soon
    /// as it is known, and the rest up to the LF is dropped.
    bool is_overlong = false;
  };

  /// A line of up to `bytes_max` bytes, its end not counted, is kept whole.
  explicit LineSplitter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Take all lines with next() before more is pushed: then no more is held than the bound and what
  /// was pushed last.
  void push(Bytes bytes);
  /// The next line; none while its end has not come.
  std::optional<Line> next();
  /// What has come of the line that next() waits for, its CR too; valid until push() or next().
  std::string_view pending() const { return std::string_view(buffer_).substr(at_); }

 private:
  std::optional<Line> take_overlong();

  std::size_t bytes_max_;
  std::string buffer_;
  std::size_t at_ = 0;        // where the next line begins in it
  std::size_t searched_ = 0;  // no LF from at_ to here
  bool is_skipping_ = false;  // the rest of an overlong line
};

}  // namespace common
