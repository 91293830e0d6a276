// The text `name@ip:port`: one record of the old programs' lists, requests and userlist.txt. Both
// programs read every old form of a list with parse_classic_list. A core.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/expected.hpp"
#include "common/user.hpp"

namespace common {

struct ClassicRecord {
  UserName name;
  Endpoint endpoint;
};

/// What is wrong with a record: its name (then which rule), or the rest.
struct RecordError {
  enum class Kind { kNoAtSign, kBadName, kBadAddress, kBadPort } kind;
  NameError name = NameError::kEmpty;  // meaningful for kBadName only
};

/// A sentence part, e.g. "the name is empty" or "the address is not ip:port".
std::string to_string(RecordError error);

/// Reads `name@ip:port`; the name ends at the first '@', IPv6 stands in brackets, the port is 1024
/// to 65535, the address is one host's (docs/protocol/directory.md, "Record").
expected<ClassicRecord, RecordError> parse_classic_record(std::string_view text);

/// The exact text that parse_classic_record reads.
std::string format_classic_record(const UserName& name, const Endpoint& endpoint);

struct ClassicList {
  std::vector<ClassicRecord> records;  // in the order of the text
  std::size_t skipped = 0;             // items that were neither empty nor a record
};

/// Reads a list in any old form: items separated by commas, line ends or both. Empty items are
/// passed over, and so is whatever is not a whole record (an old registry cuts at 2,048 bytes).
ClassicList parse_classic_list(std::string_view text);

}  // namespace common
