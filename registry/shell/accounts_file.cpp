#include "registry/shell/accounts_file.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include "common/os/atomic_file.hpp"
#include "common/os/standard_streams.hpp"

namespace registry {
namespace {

using common::ExitStatus;
using common::os::print_error;

constexpr std::size_t kAccountsBytesMax = 16u << 20;
constexpr std::size_t kBadLinesToldMax = 20;
constexpr mode_t kPrivate = 0600;
constexpr char kControlC = '\x03';
constexpr char kControlBackslash = '\x1c';

/// Standard input's terminal without echo while this lives.
class EchoOff {
 public:
  EchoOff() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    // Ctrl-C must not leave a terminal that shows nothing that is typed.
    sigset_t interrupts;
    sigemptyset(&interrupts);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP})
      sigaddset(&interrupts, signal);
    sigprocmask(SIG_BLOCK, &interrupts, &mask_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_off_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    // The signals themselves come as bytes meanwhile, which end a line and with it the input.
    silent.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    silent.c_cc[VEOL] = kControlC;
    silent.c_cc[VEOL2] = kControlBackslash;
    tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  ~EchoOff() {
    if (is_off_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  termios before_{};
  sigset_t mask_{};
  bool is_off_ = false;
};

/// One line of standard input without its end; none at its end, or on Ctrl-C or Ctrl-\.
std::optional<std::string> read_line() {
  std::string line;
  char c = 0;
  while (line.size() <= Accounts::kPasswordBytesMax && ::read(STDIN_FILENO, &c, 1) == 1) {
    if (c == kControlC || c == kControlBackslash) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
  if (line.empty()) return std::nullopt;
  return line;
}

std::optional<std::string> ask(std::string_view prompt) {
  const EchoOff silence;  // before the prompt, at whose sight the typing may begin
  print_error(prompt);
  auto line = read_line();
  print_error("\n");
  return line;
}

common::expected<std::string, std::string> read_password(const common::UserName& user) {
  if (!isatty(STDIN_FILENO)) {
    auto line = read_line();
    if (!line) return common::unexpected{std::string("no password on standard input")};
    return *std::move(line);
  }
  auto password = ask(fmt::format("New password for {}: ", user.text()));
  const auto again = password ? ask("Once more: ") : std::nullopt;
  if (!again) return common::unexpected{std::string("nothing was changed")};
  if (*again != *password) return common::unexpected{std::string("the two are not the same")};
  return *std::move(password);
}

}  // namespace

common::expected<LoadedAccounts, std::string> load_accounts(const std::filesystem::path& file,
                                                            bool is_strict) {
  const auto text = common::os::read_file(file, kAccountsBytesMax);
  if (!text) {
    return common::unexpected{
        fmt::format("cannot read the accounts in {}: {}", file.string(), text.error().message())};
  }
  std::vector<BadAccountLine> bad_lines;
  LoadedAccounts loaded{.accounts = Accounts::parse(*text, bad_lines), .warnings = {}};
  for (std::size_t i = 0; i < bad_lines.size() && i < kBadLinesToldMax; ++i) {
    loaded.warnings.push_back(fmt::format("{} line {} is skipped: {}", file.string(),
                                          bad_lines[i].number, bad_lines[i].reason));
  }
  if (bad_lines.size() > kBadLinesToldMax) {
    loaded.warnings.push_back(fmt::format("{} further lines of {} are skipped",
                                          bad_lines.size() - kBadLinesToldMax, file.string()));
  }
  const std::size_t plain = loaded.accounts.plain_count();
  if (plain > 0 && is_strict) {
    return common::unexpected{fmt::format(
        "plain passwords in {}: {}, and --strict takes none; use registry passwd {} USER",
        file.string(), plain, file.string())};
  }
  if (plain > 0) {
    loaded.warnings.push_back(
        fmt::format("plain passwords in {}: {}; registry passwd {} USER hashes one", file.string(),
                    plain, file.string()));
  }
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    loaded.warnings.push_back(fmt::format("others can read {}: chmod 600 it", file.string()));
  return loaded;
}

ExitStatus run_passwd(const std::filesystem::path& file, const common::UserName& user) {
  const auto fail = [&](ExitStatus status, std::string_view text) {
    print_error(fmt::format("registry: {}\n", text));
    return status;
  };
  auto text = common::os::read_file(file, kAccountsBytesMax);
  if (!text && text.error() != std::errc::no_such_file_or_directory) {
    return fail(ExitStatus::kConfiguration,
                fmt::format("cannot read {}: {}", file.string(), text.error().message()));
  }
  auto password = read_password(user);
  if (!password) return fail(ExitStatus::kBadInput, password.error());
  if (const auto problem = password_problem(*password))
    return fail(ExitStatus::kBadInput, *problem);
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str(hash.data(), password->data(), password->size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
    return fail(ExitStatus::kConfiguration, "not enough memory to hash the password");
  }
  sodium_memzero(password->data(), password->size());
  const std::string content = with_account(text ? *text : std::string(), user, hash.data());
  if (const auto failed = common::os::replace_file(file, content, kPrivate)) {
    return fail(ExitStatus::kConfiguration,
                fmt::format("cannot write {}: {}", file.string(), failed.message()));
  }
  print_error(fmt::format("registry: {} is in {}; a running registry reads it at SIGHUP\n",
                          user.text(), file.string()));
  return ExitStatus::kOk;
}

}  // namespace registry
