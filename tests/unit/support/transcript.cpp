#include "tests/unit/support/transcript.hpp"

#include <fmt/format.h>

#include "tests/unit/support/golden.hpp"

namespace test {
namespace {

/// Where the text of a line begins: time, two names and what stands between them.
constexpr std::size_t kTextColumn = 36;

}  // namespace

Transcript::Transcript(std::string_view heading) {
  remark(heading);
  text_ += "# Columns: seconds, from > to (or who: what), the bytes. \\r \\n \\xNN as in C.\n";
}

void Transcript::remark(std::string_view text) {
  if (!text_.empty()) text_ += '\n';
  while (!text.empty()) {
    const auto end = text.find('\n');
    text_ += fmt::format("# {}\n", text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
}

void Transcript::stream(common::Duration time, std::string_view from, std::string_view to,
                        std::string_view bytes) {
  bool is_first = true;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end == bytes.npos ? end : end + 1);
    bytes.remove_prefix(line.size());
    if (is_first) {
      begin(time, from, ">", to);
    } else {
      text_.append(kTextColumn, ' ');
    }
    is_first = false;
    text_ += visible(line) + '\n';
  }
}

void Transcript::datagram(common::Duration time, std::string_view from, std::string_view to,
                          std::string_view bytes) {
  begin(time, from, "~", to);
  text_ += fmt::format("udp \"{}\"\n", visible(bytes));
}

void Transcript::event(common::Duration time, std::string_view who, std::string_view what,
                       std::string_view detail) {
  begin(time, who, ":", what);
  text_ += visible(detail) + '\n';
}

void Transcript::begin(common::Duration time, std::string_view left, std::string_view sign,
                       std::string_view right) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const std::string head =
      fmt::format("{:>9}.{:03}  {} {} {}", ms / 1000, ms % 1000, left, sign, right);
  text_ += fmt::format("{:<{}}", head, kTextColumn);
  if (head.size() >= kTextColumn) text_ += ' ';
}

}  // namespace test
