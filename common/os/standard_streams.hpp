// Standard input, output and error as a program may find them: closed, full, or a pipe that nobody
// empties. A shell.
#pragma once

#include <string_view>

namespace common::os {

/// Opens what is closed of the descriptors 0 to 2. Else the next file or socket would get that
/// number, and be written to as if it were a terminal. What is written to an output that was closed
/// fails as before. First thing in main().
void open_missing_streams();

/// Writes to standard error as much as it takes; a reader who has stopped reading, a full disk and
/// a closed terminal lose the text and stop nobody.
void print_error(std::string_view text);

/// Writes to standard output, waiting for its reader; false if not all of it could be written.
bool print_output(std::string_view text);

enum class Written {
  kAll,
  kPart,    // no room now: `text` begins with what is left
  kFailed,  // and never again
};

/// Writes what there is room for without waiting, and takes it off `text`.
Written write_available(int fd, std::string_view& text);

}  // namespace common::os
