#include "peer/shell/token_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "common/owner_token.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> state_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  // Relative paths are to be ignored: XDG base directory specification, 0.8.
  if (state != nullptr && state[0] == '/') return fs::path(state) / "peer";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') {
    const passwd* entry = getpwuid(getuid());
    home = entry != nullptr ? entry->pw_dir : nullptr;
  }
  if (home == nullptr || home[0] != '/') return std::nullopt;
  return fs::path(home) / ".local" / "state" / "peer";
}

/// The name's folder. The key, not the text: Ali and ali are one user. Safe in a path: the grammar
/// of names has no slash, and a name begins with a letter or digit. Folding can make a key longer
/// than a part of a path may be; then its hash stands for it.
std::string folder_name(const common::UserName& name) {
  constexpr std::size_t kPathPartMax = 255;
  const std::string& key = name.key();
  if (key.size() <= kPathPartMax) return key;
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()),
                     key.size(), nullptr, 0);
  std::string text = "long-";
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

fs::path token_path(const fs::path& state, const common::UserName& name,
                    const common::HostPort& registry) {
  return state / folder_name(name) / (common::format_host_port(registry) + ".token");
}

/// The file's token; empty if it has none.
std::string read_token(int fd) {
  char text[64] = {};
  const ssize_t got = ::pread(fd, text, sizeof text, 0);
  std::string_view token(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (token.ends_with('\n')) token.remove_suffix(1);
  return common::is_owner_token(token) ? std::string(token) : std::string();
}

}  // namespace

std::optional<std::string> TokenFile::peek(const common::UserName& name,
                                           const common::HostPort& registry) {
  const auto state = state_folder();
  if (!state) return std::nullopt;
  const fs::path path = token_path(*state, name, registry);
  const common::os::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return std::nullopt;
  std::string token = read_token(file.get());
  if (token.empty()) return std::nullopt;
  return token;
}

common::expected<TokenFile, TokenFile::Failure> TokenFile::open(const common::UserName& name,
                                                                const common::HostPort& registry,
                                                                common::Random& random) {
  const auto state = state_folder();
  if (!state) return common::unexpected{Failure::kUnavailable};
  const fs::path path = token_path(*state, name, registry);
  const fs::path folder = path.parent_path();
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return common::unexpected{Failure::kUnavailable};
  fs::permissions(folder, fs::perms::owner_all, failed);
  common::os::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return common::unexpected{Failure::kUnavailable};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return common::unexpected{errno == EWOULDBLOCK ? Failure::kInUse : Failure::kUnavailable};

  std::string held = read_token(file.get());
  if (!held.empty()) return TokenFile(std::move(file), std::move(held));

  std::string made = common::make_owner_token(random);
  const std::string line = made + '\n';
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()) ||
      ::fsync(file.get()) != 0) {
    return common::unexpected{Failure::kUnavailable};
  }
  return TokenFile(std::move(file), std::move(made));
}

}  // namespace peer
