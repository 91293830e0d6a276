// userlist.txt as text: lines to records, and what a person's edit of it means for the directory. A
// core; the file itself is registry/store/user_list_file's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/classic_record.hpp"
#include "registry/directory.hpp"

namespace registry {

struct BadLine {
  std::size_t number = 0;  // counted from 1
  std::string text;
  std::string reason;
};

struct UserListText {
  std::vector<common::ClassicRecord> records;  // no two with the same name
  std::vector<BadLine> bad_lines;
};

/// Reads `name@ip:port` lines ended by LF or CRLF. Empty lines are passed over; a line that is not
/// a record, or repeats a name, is reported and left out.
UserListText parse_user_list(std::string_view text);

/// What has to change so that the directory lists exactly the file's lines.
struct UserListImport {
  std::vector<Record> added;    // new names, and held names at a new address
  std::vector<Record> removed;  // held names that the file does not have
};

/// Compares what the store holds with what a person left in the file. An added record belongs to
/// the address it names, has no token, and is a classic UDP record since `now`.
UserListImport plan_import(const std::vector<Record>& held, const UserListText& file,
                           common::WallTime now, common::Random& random);

}  // namespace registry
