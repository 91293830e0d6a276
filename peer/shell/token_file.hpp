// Where `listen` keeps its owner token: one small file a registry under the user's state folder. A
// shell.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/endpoint.hpp"
#include "common/os/unique_fd.hpp"
#include "common/random.hpp"
#include "common/user.hpp"

namespace peer {

/// A token and the lock on its file: two peers of one name on one account would otherwise take the
/// name from each other for ever.
class TokenFile {
 public:
  enum class Failure {
    kInUse,        // another peer of this name listens at this registry from this account
    kUnavailable,  // no folder to keep it in, or it cannot be written: go on without
  };

  /// Reads the token for `name` at `registry`, or makes one
  /// ($XDG_STATE_HOME/peer/NAME/HOST:PORT.token, mode 0600).
  static common::expected<TokenFile, Failure> open(const common::UserName& name,
                                                   const common::HostPort& registry,
                                                   common::Random& random);

  const std::string& token() const { return token_; }

  /// The token that a listener of this name keeps, if it is there; without its lock.
  static std::optional<std::string> peek(const common::UserName& name,
                                         const common::HostPort& registry);

 private:
  TokenFile(common::os::UniqueFd lock, std::string token)
      : lock_(std::move(lock)), token_(std::move(token)) {}

  common::os::UniqueFd lock_;
  std::string token_;
};

}  // namespace peer
