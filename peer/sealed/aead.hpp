// Sealing and opening with ChaCha20-Poly1305 (RFC 8439): the only place that knows the cipher.
// Nothing is allocated: the caller gives the memory, and may give the same for input and output. A
// core; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes.hpp"
#include "peer/sealed/session_keys.hpp"

namespace peer::sealed {

/// Bytes that sealing adds behind the text.
inline constexpr std::size_t kTagBytes = 16;

/// Seals `plain` and binds `associated` to it, which is not sent. `out` has plain.size() +
/// kTagBytes bytes and may begin where `plain` does; any other overlap is not allowed. The nonce is
/// used up.
void seal(const SendKey& key, Nonce nonce, common::Bytes associated, common::Bytes plain,
          std::span<std::byte> out);

/// True if `sealed` was sealed under this key with this sequence and these associated bytes; then
/// `out` is the text. `out` has sealed.size() - kTagBytes bytes and may begin where `sealed` does.
/// False, too, when `sealed` is shorter than a tag. On false `out` holds no part of the text.
[[nodiscard]] bool open(const ReceiveKey& key, std::uint64_t sequence, common::Bytes associated,
                        common::Bytes sealed, std::span<std::byte> out);

/// The same with a bare key, for the handshake, which counts its nonces in its own way.
void seal_with(const common::Secret& key, std::uint64_t nonce, common::Bytes associated,
               common::Bytes plain, std::span<std::byte> out);
[[nodiscard]] bool open_with(const common::Secret& key, std::uint64_t nonce,
                             common::Bytes associated, common::Bytes sealed,
                             std::span<std::byte> out);

}  // namespace peer::sealed
