#include "peer/shell/token_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/owner_token.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;

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
  if (make_private_folder(folder)) return common::unexpected{Failure::kUnavailable};
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
