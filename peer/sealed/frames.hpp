// What stands inside a sealed datagram: docs/protocol/sealed-datagram.md, "Frames". Frames stand in
// the order of their types, each type once at most but for MESSAGE, so that there is one encoding
// of what is meant. Decoding checks form only; whether a frame makes sense here and now is the
// session's business. A core; decoded frames are views into the decoded bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/expected.hpp"
#include "common/time.hpp"
#include "peer/sealed/limits.hpp"
#include "peer/sealed/span_writer.hpp"

namespace peer::sealed {

/// 16 random bytes that name a message on every path and for ever.
using MessageId = std::array<std::byte, 16>;
/// A process's own random number for what it sends to one other process.
using StreamId = std::uint64_t;

enum class MessageKind : std::uint8_t {
  kText = 0,     // to be shown, and handled where there is a hook
  kAsk = 1,      // to be handled; the receipt brings the hook's output
  kReceipt = 2,  // the body is a Receipt
  kSignedReceipt = 3,
};
constexpr bool is_receipt(MessageKind kind) {
  return kind == MessageKind::kReceipt || kind == MessageKind::kSignedReceipt;
}
/// What the sender wants to be told of, and whether the recipient's identity signs it.
enum class Level : std::uint8_t {
  kDelivered = 0,
  kHandled = 1,
  kDeliveredSigned = 2,
  kHandledSigned = 3,
};
constexpr bool wants_hook(Level level) {
  return level == Level::kHandled || level == Level::kHandledSigned;
}
constexpr bool wants_signature(Level level) {
  return level == Level::kDeliveredSigned || level == Level::kHandledSigned;
}
/// Its acknowledgement is not enough.
constexpr bool wants_receipt(Level level) { return level != Level::kDelivered; }

enum class CloseReason : std::uint8_t {
  kLeaving = 0,     // the process ends
  kKeyChanged = 1,  // the name is pinned to another identity here
  kNotTrusted = 2,  // the name is not known here, and strangers are not welcome
};

/// Sequences received, newest first: `largest` down to `largest - first_length + 1` and so on.
struct AckRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const AckRange&, const AckRange&) = default;
};
struct Ack {
  std::uint16_t held_ms = 0;  // since the largest was received
  std::uint8_t range_count = 0;
  std::array<AckRange, kAckRangesMax> ranges;  // descending, apart by one sequence at least

  std::span<const AckRange> used() const { return std::span(ranges).first(range_count); }
  std::uint64_t largest() const { return ranges[0].last; }
};

/// Every message of the receiver's stream below this number is delivered or was given up.
struct Delivered {
  std::uint64_t below = 0;
};

using PathToken = std::array<std::byte, 8>;

struct Close {
  CloseReason reason = CloseReason::kLeaving;
};

/// Places what follows in the sender's order: the first message is number `floor + offset`, further
/// ones have the numbers behind it. Nothing below `floor` will be sent (again).
struct Stream {
  StreamId id = 0;
  std::uint64_t floor = 0;
  std::uint16_t offset = 0;
};

struct Message {
  MessageKind kind = MessageKind::kText;
  Level level = Level::kDelivered;
  MessageId id{};
  common::Bytes body;  // kFragmentBytes at most
};

struct Fragment {
  MessageKind kind = MessageKind::kText;
  Level level = Level::kDelivered;
  MessageId id{};
  std::uint32_t total = 0;  // bytes of the whole body, kFragmentBytes + 1 at least
  std::uint8_t index = 0;
  common::Bytes bytes;  // as many as `total` and `index` say
};

/// Bytes that fragment `index` of a body of `total` bytes has.
constexpr std::size_t fragment_size(std::size_t total, std::size_t index) {
  const std::size_t begin = index * kFragmentBytes;
  return begin >= total ? 0 : std::min(kFragmentBytes, total - begin);
}
constexpr std::size_t fragment_count(std::size_t total) {
  return (total + kFragmentBytes - 1) / kFragmentBytes;
}

constexpr std::size_t body_bytes_max(MessageKind kind) {
  if (kind == MessageKind::kSignedReceipt) return kBodyBytesMax;
  return kTextBytesMax + (kind == MessageKind::kReceipt ? kReceiptHeadBytes : 0);
}

inline constexpr std::size_t kDeliveredFrameBytes = 9;
inline constexpr std::size_t kPathFrameBytes = 9;
inline constexpr std::size_t kCloseFrameBytes = 2;
inline constexpr std::size_t kStreamFrameBytes = 19;
inline constexpr std::size_t kMessageHeadBytes = 21;
inline constexpr std::size_t kFragmentHeadBytes = 24;
inline constexpr std::size_t kAckBytesMin = 14;

/// The messages of one datagram, to be taken one by one.
class MessageRun {
 public:
  MessageRun() = default;
  MessageRun(common::Bytes encoded, std::size_t count) : rest_(encoded), left_(count) {}

  std::size_t count() const { return left_; }
  /// The next message; nothing after the last.
  std::optional<Message> next();

 private:
  common::Bytes rest_;  // well-formed MESSAGE frames
  std::size_t left_ = 0;
};

/// All frames of one datagram.
struct Frames {
  std::optional<Ack> ack;
  std::optional<Delivered> delivered;
  std::optional<PathToken> challenge;
  std::optional<PathToken> response;
  std::optional<Close> close;
  std::optional<Stream> stream;
  MessageRun messages;               // only with a stream
  std::optional<Fragment> fragment;  // only with a stream and without messages

  /// The other side has to acknowledge it.
  bool is_eliciting() const { return challenge || response || stream; }
};

enum class FrameError {
  kEmpty,        // no frame at all
  kTruncated,    // a frame ends before it should
  kUnknownType,  // a type we do not know
  kBadOrder,     // not in the order of types, or a type twice
  kNoStream,     // a message that has no place in an order
  kBadAck,       // no range, too many, touching ranges, or further back than kAckReach
  kBadMessage,   // an unknown kind or level, or two that do not go together
  kBadSize,      // a body or a fragment of another size than it must have
  kBadReason,    // an unknown reason to close
  kBadStream,    // an offset without a message, or beyond kUnfinishedMessagesMax
};

std::string_view to_string(FrameError error);

/// docs/protocol/sealed-datagram.md, "Frames". Every accepted text encodes to itself.
common::expected<Frames, FrameError> decode_frames(common::Bytes bytes);

// Each writes one frame; the caller keeps their order and asks for room.
/// As many of the newest ranges as `bytes_max` has room for, kAckBytesMin at least.
void encode_ack(SpanWriter& out, const Ack& ack, std::size_t bytes_max);
void encode_delivered(SpanWriter& out, const Delivered& delivered);
void encode_challenge(SpanWriter& out, const PathToken& token);
void encode_response(SpanWriter& out, const PathToken& token);
void encode_close(SpanWriter& out, const Close& close);
void encode_stream(SpanWriter& out, const Stream& stream);
void encode_message(SpanWriter& out, const Message& message);
void encode_fragment(SpanWriter& out, const Fragment& fragment);

/// What became of a message of which its sender wants a receipt.
enum class HandledResult : std::uint8_t {
  kExited = 0,    // the status is the hook's own
  kKilled = 1,    // by the signal that the status names
  kTimedOut = 2,  // the hook ran longer than it may
  kNotRun = 3,    // there is no hook, or too many messages wait for it
  kShown = 4,     // delivered, and no hook was wanted: only signed
};
constexpr bool has_status(HandledResult result) {
  return result == HandledResult::kExited || result == HandledResult::kKilled;
}
struct Receipt {
  MessageId id{};  // of the message it is for
  HandledResult result = HandledResult::kExited;
  std::uint8_t status = 0;  // 0 unless exited or killed
  /// Of a kSignedReceipt: see peer/sealed/signed_receipt.hpp.
  struct Signed {
    common::WallTime time{};
    common::Signature signature{};
  };
  std::optional<Signed> evidence = {};
  common::Bytes output = {};  // of an ask; else empty
};
/// The body of a kSignedReceipt if there is evidence, else of a kReceipt.
common::ByteVector encode_receipt(const Receipt& receipt);
/// Nothing if it is no receipt of this kind.
std::optional<Receipt> decode_receipt(MessageKind kind, common::Bytes body);

}  // namespace peer::sealed
