// Lines from a descriptor, of bounded length. A shell.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace peer {

class LineReader {
 public:
  /// Longest line kept: enough to tell the person what is wrong with a text that is too long.
  static constexpr std::size_t kLineBytesMax = 2 * 1024 * 1024;

  struct Line {
    std::string text;          // without its end
    bool is_overlong = false;  // more than kLineBytesMax: text is its beginning
  };

  explicit LineReader(int fd) : fd_(fd) {}

  /// Waits for a line, and returns it with those that have come with it, `lines_max` at most; a
  /// last one without an end counts. None at the end of input.
  std::vector<Line> next(std::size_t lines_max);

  /// Reads once, for when poll() says there is something; complete lines are added to `lines`.
  /// False at the end of input.
  bool read_available(std::vector<Line>& lines);

  /// Why what was taken for the end of input was none, if it was none.
  std::error_code error() const { return error_; }

  /// At the end of input: a last line without an end.
  std::optional<Line> take_rest();

 private:
  std::optional<Line> take_line();
  void drop_all();

  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;        // where the next line begins in it
  bool is_skipping_ = false;  // the rest of an overlong line
  bool has_ended_ = false;
  std::error_code error_;
};

}  // namespace peer
