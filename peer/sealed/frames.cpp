#include "peer/sealed/frames.hpp"

#include <algorithm>

#include "common/byte_codec.hpp"
#include "common/check.hpp"

namespace peer::sealed {
namespace {

using common::ByteReader;
using common::Bytes;
using common::expected;
using common::unexpected;

enum FrameType : std::uint8_t {
  kTypeAck = 1,
  kTypeDelivered = 2,
  kTypeChallenge = 3,
  kTypeResponse = 4,
  kTypeClose = 5,
  kTypeStream = 6,
  kTypeMessage = 7,
  kTypeFragment = 8,
};

/// Reads one datagram's frames; after an error nothing that was read counts.
class Decoder {
 public:
  explicit Decoder(Bytes bytes) : in_(bytes), all_(bytes) {}

  expected<Frames, FrameError> run() {
    if (all_.empty()) return unexpected{FrameError::kEmpty};
    while (in_.remaining() > 0) {
      if (const auto error = read_frame()) return unexpected{*error};
      if (in_.failed()) return unexpected{FrameError::kTruncated};
    }
    const bool has_content = message_count_ > 0 || frames_.fragment;
    if (has_content && !frames_.stream) return unexpected{FrameError::kNoStream};
    if (frames_.stream && !has_content && frames_.stream->offset != 0)
      return unexpected{FrameError::kBadStream};
    if (message_count_ > 0)
      frames_.messages = MessageRun(all_.subspan(messages_begin_), message_count_);
    return frames_;
  }

 private:
  std::optional<FrameError> read_frame() {
    const std::size_t begin = all_.size() - in_.remaining();
    const std::uint8_t type = in_.u8();
    if (type < kTypeAck || type > kTypeFragment) return FrameError::kUnknownType;
    const bool is_next_message = type == kTypeMessage && last_type_ == kTypeMessage;
    if (type <= last_type_ && !is_next_message) return FrameError::kBadOrder;
    if (type == kTypeFragment && last_type_ == kTypeMessage) return FrameError::kBadOrder;
    last_type_ = type;
    switch (type) {
      case kTypeAck:
        return read_ack();
      case kTypeDelivered:
        frames_.delivered = Delivered{in_.u64()};
        return std::nullopt;
      case kTypeChallenge:
        frames_.challenge = in_.array<8>();
        return std::nullopt;
      case kTypeResponse:
        frames_.response = in_.array<8>();
        return std::nullopt;
      case kTypeClose:
        return read_close();
      case kTypeStream:
        return read_stream();
      case kTypeMessage:
        if (message_count_++ == 0) messages_begin_ = begin;
        return read_message();
      default:
        return read_fragment();
    }
  }

  std::optional<FrameError> read_ack() {
    Ack& ack = frames_.ack.emplace();
    const std::uint64_t largest = in_.u64();
    ack.held_ms = in_.u16();
    const std::size_t count = in_.u8();
    if (in_.failed()) return FrameError::kTruncated;
    if (count == 0 || count > kAckRangesMax) return FrameError::kBadAck;
    std::uint64_t end = largest;  // the next range's last
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t gap = i == 0 ? 0 : in_.u16();
      const std::uint64_t length = in_.u16();
      if (in_.failed()) return FrameError::kTruncated;
      if (length == 0 || (i > 0 && gap == 0)) return FrameError::kBadAck;
      if (gap + length - 1 > end) return FrameError::kBadAck;
      const std::uint64_t last = end - gap;
      ack.ranges[i] = {last - (length - 1), last};
      if (largest - ack.ranges[i].first >= kAckReach) return FrameError::kBadAck;
      // The next one lies below the sequence that separates them.
      if (i + 1 < count && ack.ranges[i].first == 0) return FrameError::kBadAck;
      end = ack.ranges[i].first - 1;
    }
    ack.range_count = static_cast<std::uint8_t>(count);
    return std::nullopt;
  }

  std::optional<FrameError> read_close() {
    const std::uint8_t reason = in_.u8();
    if (in_.failed()) return FrameError::kTruncated;
    if (reason > static_cast<std::uint8_t>(CloseReason::kNotTrusted)) return FrameError::kBadReason;
    frames_.close = Close{static_cast<CloseReason>(reason)};
    return std::nullopt;
  }

  std::optional<FrameError> read_stream() {
    Stream stream;
    stream.id = in_.u64();
    stream.floor = in_.u64();
    stream.offset = in_.u16();
    if (in_.failed()) return FrameError::kTruncated;
    // A floor so high that numbers behind it would wrap is nobody's.
    constexpr std::uint64_t kFloorMax = std::uint64_t{1} << 62;
    if (stream.offset >= kUnfinishedMessagesMax || stream.floor > kFloorMax)
      return FrameError::kBadStream;
    frames_.stream = stream;
    return std::nullopt;
  }

  std::optional<FrameError> read_kind(MessageKind& kind, Level& level) {
    const std::uint8_t raw_kind = in_.u8();
    const std::uint8_t raw_level = in_.u8();
    if (in_.failed()) return FrameError::kTruncated;
    if (raw_kind > static_cast<std::uint8_t>(MessageKind::kSignedReceipt) ||
        raw_level > static_cast<std::uint8_t>(Level::kHandledSigned))
      return FrameError::kBadMessage;
    kind = static_cast<MessageKind>(raw_kind);
    level = static_cast<Level>(raw_level);
    // An answer is only worth asking for when it is told, and nobody receipts a receipt.
    if (kind == MessageKind::kAsk && !wants_hook(level)) return FrameError::kBadMessage;
    if (is_receipt(kind) && wants_receipt(level)) return FrameError::kBadMessage;
    return std::nullopt;
  }

  std::optional<FrameError> read_message() {
    MessageKind kind{};
    Level level{};
    if (const auto error = read_kind(kind, level)) return error;
    in_.bytes(sizeof(MessageId));
    const std::size_t size = in_.u16();
    if (in_.failed()) return FrameError::kTruncated;
    if (size > kFragmentBytes) return FrameError::kBadSize;
    in_.bytes(size);
    return std::nullopt;
  }

  std::optional<FrameError> read_fragment() {
    Fragment fragment;
    if (const auto error = read_kind(fragment.kind, fragment.level)) return error;
    fragment.id = in_.array<16>();
    fragment.total = in_.u32();
    fragment.index = in_.u8();
    if (in_.failed()) return FrameError::kTruncated;
    if (fragment.total <= kFragmentBytes || fragment.total > body_bytes_max(fragment.kind))
      return FrameError::kBadSize;
    const std::size_t size = fragment_size(fragment.total, fragment.index);
    if (size == 0) return FrameError::kBadSize;
    if (in_.remaining() > size) return FrameError::kBadSize;
    fragment.bytes = in_.bytes(size);
    frames_.fragment = fragment;
    return std::nullopt;
  }

  ByteReader in_;
  Bytes all_;
  Frames frames_;
  std::uint8_t last_type_ = 0;
  std::size_t messages_begin_ = 0;
  std::size_t message_count_ = 0;
};

void put_kind(SpanWriter& out, MessageKind kind, Level level) {
  out.u8(static_cast<std::uint8_t>(kind));
  out.u8(static_cast<std::uint8_t>(level));
}

}  // namespace

std::string_view to_string(FrameError error) {
  switch (error) {
    case FrameError::kEmpty:
      return "no frame";
    case FrameError::kTruncated:
      return "a frame is cut off";
    case FrameError::kUnknownType:
      return "an unknown frame";
    case FrameError::kBadOrder:
      return "frames out of order";
    case FrameError::kNoStream:
      return "a message without a stream";
    case FrameError::kBadAck:
      return "an impossible acknowledgement";
    case FrameError::kBadMessage:
      return "an unknown kind of message";
    case FrameError::kBadSize:
      return "a body of a wrong size";
    case FrameError::kBadReason:
      return "an unknown reason";
    case FrameError::kBadStream:
      return "an impossible place in the order";
  }
  return "?";
}

std::optional<Message> MessageRun::next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  ByteReader in(rest_);
  in.u8();  // the type
  Message message;
  message.kind = static_cast<MessageKind>(in.u8());
  message.level = static_cast<Level>(in.u8());
  message.id = in.array<16>();
  message.body = in.bytes(in.u16());
  ENSURE(!in.failed());  // decode_frames has read it
  rest_ = rest_.last(in.remaining());
  return message;
}

expected<Frames, FrameError> decode_frames(Bytes bytes) { return Decoder(bytes).run(); }

void encode_ack(SpanWriter& out, const Ack& ack, std::size_t bytes_max) {
  ENSURE(ack.range_count > 0 && ack.range_count <= kAckRangesMax);
  ENSURE(bytes_max >= kAckBytesMin);
  const std::size_t more =
      std::min<std::size_t>(ack.range_count - 1u, (bytes_max - kAckBytesMin) / 4);
  out.u8(kTypeAck);
  out.u64(ack.largest());
  out.u16(ack.held_ms);
  out.u8(static_cast<std::uint8_t>(1 + more));
  const auto length = [](const AckRange& range) {
    return static_cast<std::uint16_t>(range.last - range.first + 1);
  };
  out.u16(length(ack.ranges[0]));
  for (std::size_t i = 1; i <= more; ++i) {
    out.u16(static_cast<std::uint16_t>(ack.ranges[i - 1].first - 1 - ack.ranges[i].last));
    out.u16(length(ack.ranges[i]));
  }
}

void encode_delivered(SpanWriter& out, const Delivered& delivered) {
  out.u8(kTypeDelivered);
  out.u64(delivered.below);
}

void encode_challenge(SpanWriter& out, const PathToken& token) {
  out.u8(kTypeChallenge);
  out.bytes(token);
}

void encode_response(SpanWriter& out, const PathToken& token) {
  out.u8(kTypeResponse);
  out.bytes(token);
}

void encode_close(SpanWriter& out, const Close& close) {
  out.u8(kTypeClose);
  out.u8(static_cast<std::uint8_t>(close.reason));
}

void encode_stream(SpanWriter& out, const Stream& stream) {
  out.u8(kTypeStream);
  out.u64(stream.id);
  out.u64(stream.floor);
  out.u16(stream.offset);
}

void encode_message(SpanWriter& out, const Message& message) {
  ENSURE(message.body.size() <= kFragmentBytes);
  out.u8(kTypeMessage);
  put_kind(out, message.kind, message.level);
  out.bytes(message.id);
  out.u16(static_cast<std::uint16_t>(message.body.size()));
  out.bytes(message.body);
}

void encode_fragment(SpanWriter& out, const Fragment& fragment) {
  ENSURE(fragment.bytes.size() == fragment_size(fragment.total, fragment.index));
  out.u8(kTypeFragment);
  put_kind(out, fragment.kind, fragment.level);
  out.bytes(fragment.id);
  out.u32(fragment.total);
  out.u8(fragment.index);
  out.bytes(fragment.bytes);
}

common::ByteVector encode_receipt(const Receipt& receipt) {
  ENSURE(receipt.output.size() <= kTextBytesMax);
  common::ByteVector out;
  out.reserve(kReceiptHeadBytes + kReceiptSignatureBytes + receipt.output.size());
  common::ByteWriter writer(out);
  writer.bytes(receipt.id);
  writer.u8(static_cast<std::uint8_t>(receipt.result));
  writer.u8(receipt.status);
  if (receipt.evidence) {
    writer.u64(static_cast<std::uint64_t>(receipt.evidence->time.unix_ms));
    writer.bytes(receipt.evidence->signature);
  }
  writer.bytes(receipt.output);
  return out;
}

std::optional<Receipt> decode_receipt(MessageKind kind, Bytes body) {
  ByteReader in(body);
  Receipt receipt;
  receipt.id = in.array<16>();
  const std::uint8_t result = in.u8();
  receipt.status = in.u8();
  const bool is_signed = kind == MessageKind::kSignedReceipt;
  if (is_signed) {
    constexpr std::uint64_t kTimeMax = std::uint64_t{1} << 62;
    const std::uint64_t time = in.u64();
    if (time > kTimeMax) return std::nullopt;
    receipt.evidence = {.time = {static_cast<std::int64_t>(time)}, .signature = in.array<64>()};
  }
  receipt.output = in.rest();
  if (in.failed() || receipt.output.size() > kTextBytesMax) return std::nullopt;
  receipt.result = static_cast<HandledResult>(result);
  if (receipt.result > (is_signed ? HandledResult::kShown : HandledResult::kNotRun))
    return std::nullopt;
  if (!has_status(receipt.result) && receipt.status != 0) return std::nullopt;
  return receipt;
}

}  // namespace peer::sealed
