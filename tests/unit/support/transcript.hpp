// Writes down who said what to whom and when, for golden files.
#pragma once

#include <string>
#include <string_view>

#include "common/time.hpp"

namespace test {

class Transcript {
 public:
  /// `heading` tells what the conversation shows; each of its lines becomes a remark.
  explicit Transcript(std::string_view heading);

  /// A line of explanation above what follows.
  void remark(std::string_view text);
  /// Bytes of a stream, a line of the transcript for each line of theirs.
  void stream(common::Duration time, std::string_view from, std::string_view to,
              std::string_view bytes);
  /// One datagram.
  void datagram(common::Duration time, std::string_view from, std::string_view to,
                std::string_view bytes);
  /// Something that one of them does or shows: "prints", "types", "leaves with status".
  void event(common::Duration time, std::string_view who, std::string_view what,
             std::string_view detail);

  const std::string& text() const { return text_; }

 private:
  void begin(common::Duration time, std::string_view left, std::string_view sign,
             std::string_view right);

  std::string text_;
};

}  // namespace test
