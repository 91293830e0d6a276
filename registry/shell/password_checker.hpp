// Checks passwords on threads of its own: an argon2id hash takes a tenth of a second and 64 MiB, by
// design. A shell.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "registry/doors/two_connection.hpp"

namespace registry {

class PasswordChecker {
 public:
  using Verify = doors::TwoConnectionDoor::Verify;
  /// Called on a thread of the checker's, once for each check.
  using Done = std::function<void(doors::StreamId client, bool is_right)>;

  explicit PasswordChecker(Done done);
  ~PasswordChecker();

  void submit(Verify verify);

 private:
  /// One slow check does not hold up a second user, and memory stays bounded.
  static constexpr int kThreads = 2;

  void run();

  Done done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Verify> queue_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

/// True if the password is the secret's. In constant time for a plain secret; the dummy hash, if
/// there is one, is checked first, for its cost.
bool is_right_password(const PasswordChecker::Verify& verify);

}  // namespace registry
