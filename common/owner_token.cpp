#include "common/owner_token.hpp"

#include <sodium.h>

#include <algorithm>

namespace common {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kTokenCharacters = 43;  // ceil(32 * 8 / 6)

}  // namespace

std::string make_owner_token(Random& random) {
  std::array<std::byte, kTokenBytes> secret{};
  random.fill(secret);
  char text[kTokenCharacters + 1];
  sodium_bin2base64(text, sizeof text, reinterpret_cast<const unsigned char*>(secret.data()),
                    secret.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text;
}

bool is_owner_token(std::string_view text) {
  return text.size() == kTokenCharacters && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
         });
}

std::array<std::byte, 32> hash_owner_token(std::string_view token) {
  std::array<std::byte, 32> hash{};
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(token.data()), token.size(), nullptr,
                     0);
  return hash;
}

}  // namespace common
