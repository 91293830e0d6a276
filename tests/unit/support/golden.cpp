#include "tests/unit/support/golden.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace test {

void check_golden(std::string_view file, const std::string& transcript) {
  const std::string path = std::string(GOLDEN_FOLDER) + '/' + std::string(file);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream out(path, std::ios::binary);
    out << transcript;
    REQUIRE(out.flush().good());
    return;
  }
  std::ifstream in(path, std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (golden == transcript) return;

  std::istringstream expected_lines(golden);
  std::istringstream actual_lines(transcript);
  std::string expected;
  std::string actual;
  int number = 0;
  do {
    ++number;
    expected.clear();
    actual.clear();
    std::getline(expected_lines, expected);
    std::getline(actual_lines, actual);
  } while (expected == actual && (expected_lines || actual_lines));
  CAPTURE(path);
  CAPTURE(number);
  CHECK(actual == expected);
  FAIL("the conversation is not as in the golden file; UPDATE_GOLDEN=1 rewrites it");
}

std::string visible(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte == 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;  // bytes above ASCII are left to the viewer: what we show is UTF-8
    }
  }
  return out;
}

}  // namespace test
