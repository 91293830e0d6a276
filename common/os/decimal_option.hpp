// A rule for number options that CLI11 lacks: it reads a leading zero as octal, and nobody who
// types
// `--port 020000` means 8192. Part of both programs' option shells.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace common::os {

inline CLI::Validator decimal_option() {
  return CLI::Validator(
      [](std::string& text) {
        const bool is_octal = text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
        return is_octal ? text + " begins with a zero" : std::string();
      },
      "");
}

}  // namespace common::os
