// Every bound of the HTTP door, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace registry::http {

/// Request line and header fields together. Browsers send under 2 KiB, curl under 200 bytes.
inline constexpr std::size_t kHeadBytesMax = 8 * 1024;

/// Header fields in one request. A browser sends about 20.
inline constexpr std::size_t kFieldsMax = 64;

/// A body, after any chunked coding is removed. The classic bodies are under 150 bytes; the room is
/// for what /v1 will carry.
inline constexpr std::size_t kBodyBytesMax = 64 * 1024;

/// Digits of a chunk size in hexadecimal: more than kBodyBytesMax ever needs, too few to overflow.
inline constexpr std::size_t kChunkDigitsMax = 8;

/// Empty lines skipped before a request line: old programs and some libraries send one or two after
/// a body (RFC 9112, 2.2).
inline constexpr std::size_t kEmptyLinesMax = 4;

/// From a request's first byte to its last. Against one-byte-a-second senders, who would otherwise
/// hold a connection for ever.
inline constexpr std::chrono::seconds kRequestTime{10};

/// A connection that is between two requests.
inline constexpr std::chrono::seconds kIdleTime{10};

/// How long an old program's body may stay shorter in characters than it said before what has come
/// is taken for the whole of it. Its bytes were sent at once, so this only has to outlast a
/// retransmission.
inline constexpr std::chrono::milliseconds kOldBodyGrace{250};

/// After an answer that closes: how long bytes are still read and thrown away. Closing with unread
/// bytes would send a reset, which can destroy the answer on its way.
inline constexpr std::chrono::seconds kDrainTime{1};
inline constexpr std::size_t kDrainBytesMax = 1024 * 1024;

/// Time a reader has to take an answer: this, and a second more for each kAnswerBytesPerSecondMin.
inline constexpr std::chrono::seconds kAnswerTime{10};
inline constexpr std::size_t kAnswerBytesPerSecondMin = 64 * 1024;

/// Answers to pipelined requests that may wait in memory for a reader before no further request of
/// his is run.
inline constexpr std::size_t kPendingAnswerBytesMax = 256 * 1024;

/// Open connections in all, and from one address (loopback is exempt: everybody there is already on
/// this machine). Fits the usual hard limit of descriptors with room for the store.
inline constexpr std::size_t kConnectionsMax = 20'000;
inline constexpr std::size_t kConnectionsPerSourceMax = 256;

/// Connections the kernel may hold ready for accept: a burst of this size is not refused.
inline constexpr int kBacklog = 4096;

/// Rendered lists kept for reuse: forms times the few local addresses a reader can come in by.
inline constexpr std::size_t kRenderedListsMax = 16;

/// A drained registry waits this long for answers under way.
inline constexpr std::chrono::seconds kShutdownTime{5};

}  // namespace registry::http
