// Accounts of the two-connection door: the text of its file, `user password` or
// `user $argon2id$…` a line (docs/protocol/two-connection.md, "Logins"). A core: who reads the
// file and who checks a password against a hash are shells.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/expected.hpp"
#include "common/user.hpp"

namespace registry {

struct Account {
  common::UserName name;
  std::string secret;  // the password, or its argon2id hash
  bool is_hashed = false;
};

struct BadAccountLine {
  std::size_t number = 0;  // from 1
  std::string reason;      // for people; names no password
};

class Accounts {
 public:
  /// Bounds on what a file may hold; more is reported as bad lines.
  static constexpr std::size_t kAccountsMax = 100'000;
  static constexpr std::size_t kPasswordBytesMax = 1024;

  /// Reads the file's text. Empty lines and those that begin with '#' are skipped; a bad line is
  /// reported and skipped; of a name given twice the first line counts.
  static Accounts parse(std::string_view text, std::vector<BadAccountLine>& bad_lines);

  /// Valid until this object changes; null if there is none.
  const Account* find(const common::UserName& name) const;
  std::unordered_set<std::string> keys() const;
  std::size_t size() const { return by_key_.size(); }
  std::size_t plain_count() const { return plain_count_; }
  /// Some account's hash, for checks that are to cost as much as a real one; empty if there is
  /// none.
  const std::string& sample_hash() const { return sample_hash_; }

 private:
  std::unordered_map<std::string, Account> by_key_;
  std::size_t plain_count_ = 0;
  std::string sample_hash_;
};

/// True for what `registry passwd` writes: an argon2id hash in its usual text form.
bool is_password_hash(std::string_view secret);

/// Why a password cannot be one: it has a blank or a control character, is empty, too long, or not
/// UTF-8. Nothing if it can.
std::optional<std::string> password_problem(std::string_view password);

/// The file's text with that account's line replaced, or added at the end; other lines stay as they
/// are.
std::string with_account(std::string_view text, const common::UserName& name,
                         std::string_view secret);

}  // namespace registry
