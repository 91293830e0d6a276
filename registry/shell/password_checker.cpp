#include "registry/shell/password_checker.hpp"

#include <sodium.h>

#include <array>

namespace registry {
namespace {

using Digest = std::array<unsigned char, crypto_generichash_BYTES>;

Digest digest_of(std::string_view text) {
  Digest digest;
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  return digest;
}

}  // namespace

bool is_right_password(const PasswordChecker::Verify& verify) {
  const auto matches_hash = [&](const std::string& hash) {
    return crypto_pwhash_str_verify(hash.c_str(), verify.password.data(), verify.password.size()) ==
           0;
  };
  if (!verify.dummy_hash.empty()) static_cast<void>(matches_hash(verify.dummy_hash));
  if (is_password_hash(verify.secret)) return matches_hash(verify.secret);
  // security: digests, so that neither content nor length shows in the time; an account that is not
  // there has an empty secret, which no password equals.
  const Digest given = digest_of(verify.password);
  const Digest held = digest_of(verify.secret);
  const bool is_equal = sodium_memcmp(given.data(), held.data(), given.size()) == 0;
  return is_equal && !verify.secret.empty();
}

PasswordChecker::PasswordChecker(Done done) : done_(std::move(done)) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
}

PasswordChecker::~PasswordChecker() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void PasswordChecker::submit(Verify verify) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(verify));
  }
  wake_.notify_one();
}

void PasswordChecker::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return is_stopping_ || !queue_.empty(); });
    if (is_stopping_) return;
    const Verify verify = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    done_(verify.client, is_right_password(verify));
  }
}

}  // namespace registry
