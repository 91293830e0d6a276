#include "common/secret.hpp"

#include <sodium.h>

namespace common {

void wipe(std::span<std::byte> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace common
