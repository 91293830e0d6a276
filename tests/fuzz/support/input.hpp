// A fuzz target's input: as text, or as a script of one call a line that people can write as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fuzz {

inline std::string_view as_input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// FNV-1a: what a target draws its own choices from, so that the input alone decides them.
inline std::uint64_t hash_of(std::string_view input) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : input) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

/// Takes the text before the next LF off `text`; the last line may lack its LF.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  return line;
}

/// `\n`, `\r`, `\t`, `\0`, `\\` and `\xNN` become the bytes they stand for; other text stays.
inline std::string unescape(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    const bool is_hex =
        c == 'x' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    if (is_hex) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '0' ? '\0' : c;
    }
  }
  return out;
}

/// One line of a script: a letter that names the call, then its arguments, a character each, then
/// perhaps free text. A missing argument is 0, so every text is a script.
class ScriptLine {
 public:
  explicit ScriptLine(std::string_view line) : rest_(line) {
    if (rest_.empty()) return;
    call_ = rest_[0];
    rest_.remove_prefix(1);
  }

  char call() const { return call_; }

  /// The next argument, below `bound`: a digit or small letter counts as 0-9 or 10-35.
  std::size_t number(std::size_t bound) {
    if (rest_.empty()) return 0;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    if (c >= '0' && c <= '9') return static_cast<std::size_t>(c - '0') % bound;
    if (c >= 'a' && c <= 'z') return static_cast<std::size_t>(c - 'a' + 10) % bound;
    return static_cast<unsigned char>(c) % bound;
  }

  bool flag() { return number(2) == 1; }
  std::string text() const { return unescape(rest_); }

 private:
  char call_ = 0;
  std::string_view rest_;
};

/// Reads a script line by line; a very long one is cut, since more calls only make a run slower.
class Script {
 public:
  explicit Script(std::string_view text) : rest_(text) {}

  std::optional<ScriptLine> next() {
    constexpr int kLinesMax = 300;
    if (rest_.empty() || ++lines_ > kLinesMax) return std::nullopt;
    return ScriptLine(take_line(rest_));
  }

 private:
  std::string_view rest_;
  int lines_ = 0;
};

/// Makes the calls of a whole script in a world.
template <typename World>
void play(World& world, std::string_view text) {
  Script script(text);
  while (auto line = script.next()) world.run(*line);
}

}  // namespace fuzz
