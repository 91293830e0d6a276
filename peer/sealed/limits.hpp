// Bounds and times of sealed datagrams, each with its reason. Those that the other side has to know
// stand in docs/protocol/sealed-datagram.md, "Timers and limits".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/limits.hpp"
#include "common/time.hpp"

namespace peer::sealed {

/// Longest text of a message, and longest output that a receipt brings back.
inline constexpr std::size_t kTextBytesMax = common::kMessageTextBytesMax;
/// What stands before the output in a receipt's body.
inline constexpr std::size_t kReceiptHeadBytes = 18;
/// What stands behind that in a signed one: time and signature.
inline constexpr std::size_t kReceiptSignatureBytes = 8 + 64;
/// Longest body of a message of any kind.
inline constexpr std::size_t kBodyBytesMax =
    kTextBytesMax + kReceiptHeadBytes + kReceiptSignatureBytes;

/// A body up to this size travels whole; a longer one in fragments of exactly this size but for the
/// last. 64 of them carry the longest body, so that one word can say which have come, and a
/// datagram with a fragment has room left for an acknowledgement.
inline constexpr std::size_t kFragmentBytes = 1040;
inline constexpr std::size_t kFragmentsMax = 64;
static_assert(kFragmentBytes * kFragmentsMax >= kBodyBytesMax);

/// What one side may have under way to the other, counted from the oldest message that is neither
/// delivered nor given up. A sender keeps to it; a receiver holds out of order no more than that.
inline constexpr std::uint64_t kUnfinishedMessagesMax = 8192;
inline constexpr std::size_t kUnfinishedBytesMax = 512 * 1024;
/// Of these, messages in fragments.
inline constexpr std::size_t kReassembliesMax = 4;
/// What all streams together may hold out of order or in parts.
inline constexpr std::size_t kHeldBytesMax = 16 * 1024 * 1024;
/// A message in parts is forgotten after so long without a new part.
inline constexpr common::Duration kReassemblyTime = std::chrono::seconds(30);

/// Ranges that an acknowledgement has at most.
inline constexpr std::size_t kAckRangesMax = 32;
/// An acknowledgement reaches back so far from the highest sequence, as the replay window does.
inline constexpr std::uint64_t kAckReach = 2048;

/// RFC 6298 with bounds: people and scripts wait, and a round trip on earth is under half a second.
inline constexpr common::Duration kRtoInitial = std::chrono::milliseconds(200);
inline constexpr common::Duration kRtoMin = std::chrono::milliseconds(20);
inline constexpr common::Duration kRtoMax = std::chrono::seconds(1);

/// A key is replaced after so long or so many datagrams, and gone after the second time.
inline constexpr common::Duration kRekeyAfter = std::chrono::seconds(120);
inline constexpr std::uint64_t kRekeySequences = std::uint64_t{1} << 40;
inline constexpr common::Duration kKeyLife = std::chrono::seconds(180);
/// A handshake that the initiator never completes is forgotten after this, with what came in it.
inline constexpr common::Duration kHalfOpenTime = std::chrono::seconds(30);
/// INITs sent before the certificate is fetched anew, and the least time between two fetches.
inline constexpr int kInitTriesMax = 3;
inline constexpr common::Duration kRefetchPause = std::chrono::seconds(5);
/// Retransmission timeouts in a row, with nothing heard, after which keys are no longer trusted to
/// be known on the other side.
inline constexpr int kSilentTimeoutsMax = 3;
/// And the least time that takes: a recipient may be busy for a moment.
inline constexpr common::Duration kSilenceMin = std::chrono::milliseconds(500);

/// Sessions in one process; at the bound the one that has been idle longest goes.
inline constexpr std::size_t kSessionsMax = 4096;
/// Handshakes that wait for the initiator's first DATA, in all and for one session.
inline constexpr std::size_t kHalfOpenMax = 1024;
inline constexpr std::size_t kHalfOpenPerSessionMax = 4;
/// Keys in use with one process: of rekeying, and of both sides starting at once.
inline constexpr std::size_t kConfirmedPerSessionMax = 4;
/// Streams whose place in the order is remembered; the one unused longest goes first.
inline constexpr std::size_t kStreamsMax = 4096;
/// Bytes sent to an address that is not proven to be the other side's, for each byte from it.
inline constexpr std::size_t kAmplificationMax = 3;

}  // namespace peer::sealed
