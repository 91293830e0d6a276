// Any bytes as the frames of a datagram, and as a receipt: what is accepted encodes to itself.
#include <algorithm>

#include "peer/sealed/frames.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/support/written_frames.hpp"

namespace {

using common::Bytes;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)

common::ByteVector encode(const Frames& frames, std::size_t bytes) {
  common::ByteVector out(bytes);
  SpanWriter writer{std::span(out)};
  test::write_frames(writer, frames);
  ENSURE(writer.room() == 0);
  return out;
}

void check(const Frames& frames) {
  if (frames.ack) {
    ENSURE(frames.ack->range_count >= 1 && frames.ack->range_count <= kAckRangesMax);
    const AckRange* above = nullptr;
    for (const AckRange& range : frames.ack->used()) {
      ENSURE(range.first <= range.last && frames.ack->largest() - range.first < kAckReach);
      ENSURE(above == nullptr || range.last + 1 < above->first);
      above = &range;
    }
  }
  ENSURE(frames.stream || (frames.messages.count() == 0 && !frames.fragment));
  ENSURE(frames.messages.count() == 0 || !frames.fragment);
  MessageRun messages = frames.messages;
  while (const auto message = messages.next()) ENSURE(message->body.size() <= kFragmentBytes);
  if (frames.fragment) {
    ENSURE(frames.fragment->total <= body_bytes_max(frames.fragment->kind));
    ENSURE(frames.fragment->index < kFragmentsMax);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = common::as_bytes(fuzz::as_input(data, size));
  for (const MessageKind kind : {MessageKind::kReceipt, MessageKind::kSignedReceipt}) {
    if (const auto receipt = decode_receipt(kind, input))
      ENSURE(std::ranges::equal(encode_receipt(*receipt), input));
  }
  const auto frames = decode_frames(input);
  if (!frames) {
    ENSURE(to_string(frames.error()) != "?");
    return 0;
  }
  check(frames.value());
  ENSURE(std::ranges::equal(encode(frames.value(), input.size()), input));
  return 0;
}
