// One line an event: no value from outside can forge a line or command a terminal.
#include "registry/shell/log.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

#include "common/safe_text.hpp"
#include "tests/unit/support/json_text.hpp"

namespace {

using registry::format_log_line;
using registry::LogFormat;

constexpr common::WallTime kTime{1'795'215'021'407};

std::string text(std::string_view value) {
  return format_log_line(LogFormat::kText, kTime, "info", "user registered",
                         {{"user", std::string(value)}});
}

TEST_CASE("a line is time, level, event and fields") {
  CHECK(format_log_line(LogFormat::kText, kTime, "info", "ready", {}) ==
        "2026-11-20T22:50:21.407Z info  ready");
  CHECK(format_log_line(LogFormat::kText, kTime, "error", "store down",
                        {{"reason", "disk full"}, {"code", "13"}}) ==
        "2026-11-20T22:50:21.407Z error store down  reason=\"disk full\" code=13");
}

TEST_CASE("as classic a line is local time, level and text") {
  setenv("TZ", "UTC-3", 1);
  tzset();
  CHECK(format_log_line(LogFormat::kClassic, kTime, "info", "terminating somebody", {}) ==
        "2026-11-21 01:50:21;INFO;terminating somebody");
  unsetenv("TZ");
  tzset();
  CHECK(format_log_line(LogFormat::kClassic, kTime, "warn", "x\ny", {{"user", "a b"}})
            .ends_with(";WARNING;x\\x0ay  user=\"a b\""));
  CHECK(format_log_line(LogFormat::kClassic, kTime, "error", "store down", {})
            .ends_with(";ERROR;store down"));
}

TEST_CASE("values are quoted where they must be, and escaped where they would lie") {
  struct Row {
    std::string_view name;
    std::string value;
    std::string_view expected;
  };
  const Row rows[] = {
      {"plain", "ali", "ali"},
      {"Turkish", "Göktuğ", "Göktuğ"},
      {"empty", "", "\"\""},
      {"a blank", "a b", "\"a b\""},
      {"an equals sign", "a=b", "\"a=b\""},
      {"a quote", "a\"b", "\"a\\\"b\""},
      {"a backslash", "a\\b", "\"a\\\\b\""},
      {"a forged line", "x\n2026 info user registered", "\"x\\\\x0a2026 info user registered\""},
      {"a forged field", "x level=error", "\"x level=error\""},
      {"an escape", "\x1b[31m", "\"\\\\x1b[31m\""},
      {"a tab", "a\tb", "\"a\\\\x09b\""},
      {"right-to-left override", "a\u202eb", "a<U+202E>b"},
      {"no UTF-8", "\xff", "\"\\\\xff\""},
      {"an endpoint", "127.0.0.1:50001", "127.0.0.1:50001"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(text(row.value) ==
          "2026-11-20T22:50:21.407Z info  user registered  user=" + std::string(row.expected));
  }
}

TEST_CASE("a value is cut at 256 bytes, a character cut in two included") {
  CHECK(text(std::string(256, 'x')).ends_with("=" + std::string(256, 'x')));
  CHECK(text(std::string(300, 'x')).ends_with("=" + std::string(256, 'x')));
  CHECK(text(std::string(255, 'x') + "ş").ends_with("x\\\\xc5\""));
  CHECK(text(std::string(1'000'000, '\x1b')).size() < 2000);
}

TEST_CASE("as JSON each line is one object that parses, whatever it carries") {
  std::string everything;
  for (int byte = 0; byte < 256; ++byte) everything += static_cast<char>(byte);
  for (const std::string& value :
       {std::string("ali"), std::string("a\"b\\c"), std::string("x\ny"), std::string("\x1b[2J"),
        std::string("\u202e"), std::string("\xff"), everything, std::string(300, 'x')}) {
    const std::string line = format_log_line(LogFormat::kJson, kTime, "warn", "user \"quoted\"",
                                             {{"user", value}, {"other", "5"}});
    CHECK(test::json_at(line, "/ts") == "2026-11-20T22:50:21.407Z");
    CHECK(test::json_at(line, "/level") == "warn");
    CHECK(test::json_at(line, "/event") == "user \"quoted\"");
    CHECK(test::json_at(line, "/other") == "5");
    CHECK(test::json_at(line, "/user") == common::to_terminal(value.substr(0, 256), false));
    CHECK(common::is_harmless(line));
    CHECK(line.find('\t') == line.npos);
  }
}

TEST_CASE("every byte and every short sequence leaves a line that a terminal may be shown") {
  for (int byte = 0; byte < 256; ++byte)
    for (const std::string_view around : {"", "a", "\xc3", "\""}) {
      const std::string value = std::string(around) + static_cast<char>(byte) + std::string(around);
      const std::string line = text(value);
      REQUIRE(common::is_harmless(line));
      REQUIRE(line.find('\n') == line.npos);
    }
}

}  // namespace
