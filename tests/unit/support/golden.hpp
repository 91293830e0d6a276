// Golden transcripts: a whole conversation as text, kept in tests/golden and compared to the byte.
#pragma once

#include <string>
#include <string_view>

namespace test {

/// Compares with tests/golden/<file> and shows the first line that differs. With UPDATE_GOLDEN set
/// in the environment the file is written instead; read the difference before it is committed.
void check_golden(std::string_view file, const std::string& transcript);

/// Bytes as a transcript shows them: printable UTF-8 as it is; CR, LF, tab and backslash as \r \n
/// \t
/// \\; other controls as \xNN.
std::string visible(std::string_view bytes);

}  // namespace test
