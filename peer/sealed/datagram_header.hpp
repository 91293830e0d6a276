// The outside of the five sealed datagrams: docs/protocol/sealed-datagram.md, "Datagrams". Decoding
// looks at lengths and fixed bytes only; nothing in here is authenticated yet. A core.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "common/bytes.hpp"
#include "common/expected.hpp"

namespace peer::sealed {

/// Largest datagram we send. IPv6 promises 1280 bytes per packet; 40 (IPv6) and 8 (UDP) leave 1232,
/// and 32 are kept for tunnels. We do not probe for more.
inline constexpr std::size_t kDatagramBytesMax = 1200;

/// First byte of every sealed datagram: never part of UTF-8, so never a classic one.
inline constexpr std::byte kSealedMark{0xfe};
inline constexpr std::uint8_t kProtocolVersion = 1;

inline constexpr std::size_t kInitHeaderBytes = 16;
inline constexpr std::size_t kRespHeaderBytes = 12;
inline constexpr std::size_t kDataHeaderBytes = 16;
inline constexpr std::size_t kRetryBytes = 24;
inline constexpr std::size_t kKeyHintBytes = 16;
inline constexpr std::size_t kTokenBytes = 16;
inline constexpr std::size_t kMac1Bytes = 16;
/// What Noise adds to a payload in its first and second message.
inline constexpr std::size_t kNoiseMessage1Overhead = 96;
inline constexpr std::size_t kNoiseMessage2Overhead = 48;
/// An INIT with an empty payload; a real one carries a certificate at least.
inline constexpr std::size_t kInitBytesMin =
    kInitHeaderBytes + kNoiseMessage1Overhead + kTokenBytes + kMac1Bytes;
/// A RESP whose payload is the repeated header alone.
inline constexpr std::size_t kRespBytesMin =
    kRespHeaderBytes + kNoiseMessage2Overhead + kRespHeaderBytes;
/// A DATA with an empty payload.
inline constexpr std::size_t kDataBytesMin = kDataHeaderBytes + 16;

/// A process's own random number for one of its sessions; the other side puts it in front of what
/// it sends. Not authenticated before the tag is.
using SessionIndex = std::uint32_t;
/// First 8 bytes of SHA-256 of a session public key.
using KeyId = std::array<std::byte, 8>;
using Token = std::array<std::byte, kTokenBytes>;
using Mac1 = std::array<std::byte, kMac1Bytes>;

// Views into the datagram that was decoded, valid as long as its bytes.

/// Type 1: the initiator's first Noise message.
struct Init {
  SessionIndex sender_index = 0;
  KeyId recipient_key{};
  common::Bytes header;       // the 16 bytes, part of the prologue
  common::Bytes noise;        // message 1: 96 bytes and the payload
  Token token{};              // zeros, or what a RETRY brought
  Mac1 mac1{};                // over before_mac1
  common::Bytes before_mac1;  // all bytes but mac1
};

/// Type 2: the responder's answer.
struct Resp {
  SessionIndex sender_index = 0;
  SessionIndex receiver_index = 0;
  common::Bytes header;  // the 12 bytes, which the payload repeats
  common::Bytes noise;   // message 2: 48 bytes and the payload
};

/// Type 3: frames under a session's key.
struct Data {
  SessionIndex receiver_index = 0;
  std::uint64_t sequence = 0;
  common::Bytes header;  // the 16 bytes: the associated data
  common::Bytes sealed;  // frames and the tag
};

/// Type 4: "send the INIT again, with this token".
struct Retry {
  SessionIndex receiver_index = 0;
  Token token{};
};

/// Type 5: "I have no such session key".
struct KeyHint {
  SessionIndex receiver_index = 0;
  KeyId unknown_key{};
};

using Datagram = std::variant<Init, Resp, Data, Retry, KeyHint>;

enum class HeaderError {
  kNotSealed,           // empty, or another first byte: perhaps a classic datagram
  kBadLength,           // shorter than its type can be, or not the one length it has
  kUnknownType,         // a type we do not know
  kUnknownVersion,      // another version than 1
  kReservedByteNotZero  // the fourth byte
};

std::string_view to_string(HeaderError error);

/// True if the datagram claims to be sealed; a classic datagram never does.
inline bool is_sealed(common::Bytes datagram) {
  return !datagram.empty() && datagram[0] == kSealedMark;
}

/// The datagram's parts. An INIT or RESP may be longer than kDatagramBytesMax only by mistake, so
/// that is kBadLength; a DATA may have any length that UDP carries.
common::expected<Datagram, HeaderError> decode_datagram(common::Bytes datagram);

std::array<std::byte, kInitHeaderBytes> encode_init_header(SessionIndex sender_index,
                                                           const KeyId& recipient_key);
std::array<std::byte, kRespHeaderBytes> encode_resp_header(SessionIndex sender_index,
                                                           SessionIndex receiver_index);
std::array<std::byte, kDataHeaderBytes> encode_data_header(SessionIndex receiver_index,
                                                           std::uint64_t sequence);
std::array<std::byte, kRetryBytes> encode_retry(const Retry& retry);
std::array<std::byte, kKeyHintBytes> encode_key_hint(const KeyHint& hint);

}  // namespace peer::sealed
