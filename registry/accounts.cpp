#include "registry/accounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/safe_text.hpp"

namespace registry {
namespace {

constexpr std::string_view kHashMark = "$argon2id$";
/// libsodium writes at most 127.
constexpr std::size_t kHashBytesMax = 255;

struct Line {
  std::string_view text;  // without its end
  std::string_view whole;
};

/// Some editors begin a UTF-8 file with it.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Calls `visit(Line)` for each line of the text; a last one without an end counts. A byte order
/// mark belongs to the whole of the first line and not to its text.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  std::size_t mark = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view whole = text.substr(0, end == text.npos ? end : end + 1);
    std::string_view line = text.substr(0, end);
    line.remove_prefix(std::exchange(mark, 0));
    if (line.ends_with('\r')) line.remove_suffix(1);
    text.remove_prefix(whole.size());
    visit(Line{line, whole});
  }
}

common::expected<Account, std::string> parse_line(std::string_view line) {
  const auto blank = line.find(' ');
  if (blank == line.npos) return common::unexpected{std::string("is not `user password`")};
  auto name = common::UserName::parse(line.substr(0, blank));
  if (!name) return common::unexpected{fmt::format("the name {}", common::to_string(name.error()))};
  const std::string_view secret = line.substr(blank + 1);
  if (secret.starts_with(kHashMark)) {
    if (!is_password_hash(secret)) return common::unexpected{std::string("the hash is malformed")};
    return Account{*std::move(name), std::string(secret), true};
  }
  if (auto problem = password_problem(secret)) return common::unexpected{*std::move(problem)};
  return Account{*std::move(name), std::string(secret), false};
}

}  // namespace

bool is_password_hash(std::string_view secret) {
  const auto is_legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '$' ||
           c == '+' || c == '/' || c == '=' || c == ',';
  };
  return secret.starts_with(kHashMark) && secret.size() <= kHashBytesMax &&
         std::count(secret.begin(), secret.end(), '$') == 5 &&
         std::all_of(secret.begin(), secret.end(), is_legal);
}

std::optional<std::string> password_problem(std::string_view password) {
  if (password.empty()) return "the password is empty";
  if (password.size() > Accounts::kPasswordBytesMax) return "the password is too long";
  if (!common::is_utf8(password)) return "the password is not UTF-8";
  const auto is_bad = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f;
  };
  if (std::any_of(password.begin(), password.end(), is_bad))
    return "the password has a blank or a control character";
  return std::nullopt;
}

Accounts Accounts::parse(std::string_view text, std::vector<BadAccountLine>& bad_lines) {
  Accounts accounts;
  std::size_t number = 0;
  for_each_line(text, [&](const Line& line) {
    ++number;
    if (line.text.empty() || line.text.starts_with('#')) return;
    auto account = parse_line(line.text);
    if (!account) {
      bad_lines.push_back({number, account.error()});
      return;
    }
    if (accounts.by_key_.size() == kAccountsMax) {
      bad_lines.push_back({number, "there are too many accounts"});
      return;
    }
    const bool is_hashed = account->is_hashed;
    const std::string secret = account->secret;
    const std::string key = account->name.key();
    if (!accounts.by_key_.emplace(key, *std::move(account)).second) {
      bad_lines.push_back({number, "the name is in an earlier line"});
      return;
    }
    if (!is_hashed) {
      ++accounts.plain_count_;
    } else if (accounts.sample_hash_.empty()) {
      accounts.sample_hash_ = secret;
    }
  });
  return accounts;
}

const Account* Accounts::find(const common::UserName& name) const {
  const auto it = by_key_.find(name.key());
  return it == by_key_.end() ? nullptr : &it->second;
}

std::unordered_set<std::string> Accounts::keys() const {
  std::unordered_set<std::string> keys;
  keys.reserve(by_key_.size());
  for (const auto& [key, account] : by_key_) keys.insert(key);
  return keys;
}

std::string with_account(std::string_view text, const common::UserName& name,
                         std::string_view secret) {
  std::string out;
  bool is_written = false;
  const auto write = [&] {
    if (std::exchange(is_written, true)) return;
    out += fmt::format("{} {}\n", name.text(), secret);
  };
  for_each_line(text, [&](const Line& line) {
    const auto held = common::UserName::parse(line.text.substr(0, line.text.find(' ')));
    if (held && *held == name) return write();
    out += line.whole;
    if (!line.whole.ends_with('\n')) out += '\n';
  });
  write();
  return out;
}

}  // namespace registry
