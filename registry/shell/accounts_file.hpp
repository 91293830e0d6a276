// The accounts' file on disk: read for the two-connection door, written by `registry passwd`. A
// shell.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "common/user.hpp"
#include "registry/accounts.hpp"

namespace registry {

struct LoadedAccounts {
  Accounts accounts;
  /// What a person should mend: bad lines, plain passwords, a file that others can read.
  std::vector<std::string> warnings;
};

/// Reads the file. An error text if it cannot be read, or if `is_strict` and a password in it is
/// plain.
common::expected<LoadedAccounts, std::string> load_accounts(const std::filesystem::path& file,
                                                            bool is_strict);

/// `registry passwd FILE USER`: asks for the password (twice, unseen, on a terminal; else one line
/// of standard input), and writes its argon2id hash into the user's line. Prints errors.
common::ExitStatus run_passwd(const std::filesystem::path& file, const common::UserName& user);

}  // namespace registry
