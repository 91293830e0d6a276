// Bounds that both programs share, each with its reason. The HTTP door's own bounds are in
// registry/http/limits.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace common {

/// Longest user name in bytes of UTF-8: room for any real name, and 10,000 of them still fit a
/// screenful of list. docs/protocol/directory.md, "Names".
inline constexpr std::size_t kNameBytesMax = 64;

/// Longest classic datagram, `sender: ` included: old listeners read 2,048 bytes and lose the rest.
inline constexpr std::size_t kClassicDatagramBytesMax = 2048;
/// Longest text of a message that is sealed: what a script has to say, not a file.
inline constexpr std::size_t kMessageTextBytesMax = 64 * 1024;

/// Largest UDP payload there can be (65,535 less the IPv4 and UDP headers): receive buffers have
/// this size so that nothing is cut without notice.
inline constexpr std::size_t kUdpPayloadBytesMax = 65'507;

/// Lowest port a user may register. Ports below belong to system services, and a registry that
/// listed one would aim every broadcast at it.
inline constexpr std::uint16_t kUserPortMin = 1024;

/// Longest answer our client reads from a registry: a list of a million users in JSON is about
/// 130 MB, and an old registry has no bound of its own.
inline constexpr std::size_t kRegistryAnswerBytesMax = 256u << 20;

/// Deepest nesting accepted in JSON from outside. Ours is 3 deep; the library parses 100,000
/// levels and then overflows the stack when it copies or prints them.
inline constexpr int kJsonDepthMax = 16;

}  // namespace common
