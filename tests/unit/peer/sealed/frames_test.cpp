// Frames: bytes as the page gives them, one encoding each, and nothing else accepted.
#include "peer/sealed/frames.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/written_frames.hpp"
#include "tests/unit/support/hex.hpp"

namespace {

using namespace peer::sealed;
using common::Bytes;
using common::ByteVector;
using test::from_hex;

/// Writes decoded frames again, in their order.
ByteVector encode(const Frames& frames) {
  ByteVector out(4096);
  SpanWriter writer(out);
  test::write_frames(writer, frames);
  out.resize(writer.size());
  return out;
}

std::string error_of(Bytes bytes) {
  const auto frames = decode_frames(bytes);
  return frames ? "" : std::string(to_string(frames.error()));
}

std::string repeat(std::string_view hex, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += hex;
  return out;
}

const std::string kId = "000102030405060708090a0b0c0d0e0f";
const std::string kStream = "06 8877665544332211 0500000000000000 0000";
const std::string kStreamAt2 = "06 8877665544332211 0500000000000000 0200";
const std::string kHello = "07 00 00" + kId + "0500 68656c6c6f";
const std::string kAsk = "07 01 01" + kId + "0000";
const std::string kLastFragment = "08 00 01" + kId + "12040000 01 6162";

struct Golden {
  std::string name;
  std::string hex;
};

std::vector<Golden> goldens() {
  return {
      {"an ACK of sequence 0", "01 0000000000000000 0000 01 0100"},
      {"an ACK of 7, 6 and 3, held 258 ms", "01 0700000000000000 0201 02 0200 0200 0100"},
      {"an ACK of all it can reach", "01 ff07000000000000 0000 01 0008"},
      {"an ACK of 32 ranges", "01 4000000000000000 ffff 20 0100" + repeat("01000100", 31)},
      {"DELIVERED below 5", "02 0500000000000000"},
      {"PATH_CHALLENGE", "03 0102030405060708"},
      {"PATH_RESPONSE", "04 0102030405060708"},
      {"CLOSE because the process ends", "05 00"},
      {"CLOSE because the key has changed", "05 01"},
      {"CLOSE because strangers are not welcome", "05 02"},
      {"STREAM alone", kStream},
      {"a text", kStream + kHello},
      {"an empty ask", kStream + kAsk},
      {"three messages, the third of the order first", kStreamAt2 + kHello + kAsk + kHello},
      {"a text to be handled", kStream + "07 00 01" + kId + "0100 78"},
      {"a receipt", kStream + "07 02 00" + kId + "1200 " + kId + "0003"},
      {"the longest whole body", kStream + "07 00 00" + kId + "1004" + repeat("61", 1040)},
      {"a first fragment", kStream + "08 00 00" + kId + "11040000 00" + repeat("61", 1040)},
      {"a last fragment", kStream + kLastFragment},
      {"the last fragment of the longest text",
       kStream + "08 00 00" + kId + "00000100 3f" + repeat("61", 16)},
      {"the last fragment of the longest receipt",
       kStream + "08 02 00" + kId + "12000100 3f" + repeat("61", 34)},
      {"everything in its order",
       "01 0900000000000000 0000 01 0100 02 0100000000000000 03 0102030405060708"
       "04 0102030405060708 05 00" +
           kStream + kHello},
  };
}

TEST_CASE("golden bytes decode, and encode to themselves") {
  for (const Golden& golden : goldens()) {
    CAPTURE(golden.name);
    const ByteVector bytes = from_hex(golden.hex);
    const auto frames = decode_frames(bytes);
    REQUIRE(error_of(bytes) == "");
    CHECK(test::to_hex(encode(*frames)) == test::to_hex(bytes));
  }
}

TEST_CASE("golden bytes cut off anywhere are refused, or are the frames before the cut") {
  for (const Golden& golden : goldens()) {
    CAPTURE(golden.name);
    const ByteVector bytes = from_hex(golden.hex);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      const Bytes cut = Bytes(bytes).first(size);
      const auto frames = decode_frames(cut);
      if (frames) CHECK(test::to_hex(encode(*frames)) == test::to_hex(cut));
    }
  }
  // Of frames that stand alone no part is anything.
  for (const std::string& hex : {goldens()[1].hex, goldens()[4].hex, goldens()[5].hex, kStream}) {
    const ByteVector bytes = from_hex(hex);
    for (std::size_t size = 1; size < bytes.size(); ++size)
      CHECK(error_of(Bytes(bytes).first(size)) == "a frame is cut off");
  }
}

TEST_CASE("a byte too many is refused") {
  for (const Golden& golden : goldens()) {
    CAPTURE(golden.name);
    ByteVector bytes = from_hex(golden.hex);
    for (unsigned extra : {0u, 1u, 9u, 255u}) {
      bytes.push_back(static_cast<std::byte>(extra));
      CHECK(error_of(bytes) != "");
      bytes.pop_back();
    }
  }
}

TEST_CASE("what has no meaning is refused with its reason") {
  struct Row {
    std::string name;
    std::string hex;
    std::string error;
  };
  const Row rows[] = {
      {"nothing", "", "no frame"},
      {"type 0", "00", "an unknown frame"},
      {"type 9", "09", "an unknown frame"},
      {"type 255 behind a frame", "05 00 ff", "an unknown frame"},
      {"CLOSE twice", "05 00 05 00", "frames out of order"},
      {"STREAM twice", kStream + kStream, "frames out of order"},
      {"DELIVERED before ACK", "02 0500000000000000 01 0000000000000000 0000 01 0100",
       "frames out of order"},
      {"a message, then STREAM", kStream + kHello + kStream, "frames out of order"},
      {"a message, then a fragment", kStreamAt2 + kHello + kLastFragment, "frames out of order"},
      {"two fragments", kStream + kLastFragment + kLastFragment, "a body of a wrong size"},
      {"a message alone", kHello, "a message without a stream"},
      {"a fragment alone", kLastFragment, "a message without a stream"},
      {"a place without a message", kStreamAt2, "an impossible place in the order"},
      {"a place beyond what may be under way", "06 8877665544332211 0500000000000000 0020" + kHello,
       "an impossible place in the order"},
      {"a floor at the end of numbers", "06 8877665544332211 ffffffffffffffff 0000" + kHello,
       "an impossible place in the order"},
      {"an unknown reason", "05 03", "an unknown reason"},
      {"an unknown kind", kStream + "07 04 00" + kId + "0000", "an unknown kind of message"},
      {"an unknown level", kStream + "07 00 04" + kId + "0000", "an unknown kind of message"},
      {"an ask for delivery only", kStream + "07 01 00" + kId + "0000",
       "an unknown kind of message"},
      {"a receipt for a receipt", kStream + "07 02 01" + kId + "0000",
       "an unknown kind of message"},
      {"a whole body that should be fragments",
       kStream + "07 00 00" + kId + "1104" + repeat("61", 1041), "a body of a wrong size"},
      {"a fragment of what fits whole",
       kStream + "08 00 00" + kId + "10040000 00" + repeat("61", 1040), "a body of a wrong size"},
      {"a fragment behind the end", kStream + "08 00 00" + kId + "12040000 02",
       "a body of a wrong size"},
      {"a fragment longer than its share", kStream + "08 00 00" + kId + "12040000 01 616263",
       "a body of a wrong size"},
      {"a text longer than 64 KiB", kStream + "08 00 00" + kId + "01000100 3f" + repeat("61", 17),
       "a body of a wrong size"},
      {"an ACK of nothing", "01 0700000000000000 0000 00 0100", "an impossible acknowledgement"},
      {"an ACK of an empty range", "01 0700000000000000 0000 01 0000",
       "an impossible acknowledgement"},
      {"an ACK of touching ranges", "01 0700000000000000 0000 02 0100 0000 0100",
       "an impossible acknowledgement"},
      {"an ACK below sequence 0", "01 0700000000000000 0000 01 0900",
       "an impossible acknowledgement"},
      {"an ACK of a second range below sequence 0", "01 0100000000000000 0000 02 0200 0100 0100",
       "an impossible acknowledgement"},
      {"an ACK further back than it reaches", "01 0008000000000000 0000 01 0108",
       "an impossible acknowledgement"},
      {"an ACK of a range further back than it reaches",
       "01 0008000000000000 0000 02 0100 ff07 0100", "an impossible acknowledgement"},
      {"an ACK of 33 ranges", "01 5000000000000000 0000 21 0100" + repeat("01000100", 32),
       "an impossible acknowledgement"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(error_of(from_hex(row.hex)) == row.error);
  }
}

TEST_CASE("decoded fields are what was meant") {
  const ByteVector bytes =
      from_hex("01 0700000000000000 0201 02 0200 0200 0100" + kStreamAt2 + kHello + kAsk);
  const auto frames = decode_frames(bytes);
  REQUIRE(frames.has_value());
  CHECK(frames.value().ack->largest() == 7);
  CHECK(frames.value().ack->held_ms == 258);
  CHECK(std::vector(frames.value().ack->used().begin(), frames.value().ack->used().end()) ==
        std::vector<AckRange>{{6, 7}, {3, 3}});
  CHECK(frames.value().stream->id == 0x1122334455667788);
  CHECK(frames.value().stream->floor == 5);
  CHECK(frames.value().stream->offset == 2);
  MessageRun messages = frames.value().messages;
  CHECK(messages.count() == 2);
  const auto hello = messages.next();
  REQUIRE(hello.has_value());
  CHECK(hello->kind == MessageKind::kText);
  CHECK(hello->level == Level::kDelivered);
  CHECK(test::to_hex(hello->id) == kId);
  CHECK(common::as_text(hello->body) == "hello");
  const auto ask = messages.next();
  REQUIRE(ask.has_value());
  CHECK(ask->kind == MessageKind::kAsk);
  CHECK(ask->level == Level::kHandled);
  CHECK(ask->body.empty());
  CHECK_FALSE(messages.next().has_value());
}

TEST_CASE("only what has to be acknowledged asks for it") {
  struct Row {
    std::string hex;
    bool is_eliciting;
  };
  const Row rows[] = {
      {goldens()[0].hex, false}, {goldens()[4].hex, false}, {goldens()[5].hex, true},
      {goldens()[6].hex, true},  {"05 00", false},          {kStream, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.hex);
    const ByteVector bytes = from_hex(row.hex);
    CHECK(decode_frames(bytes).value().is_eliciting() == row.is_eliciting);
  }
}

TEST_CASE("an ACK with little room tells its newest ranges") {
  const ByteVector bytes = from_hex("01 4000000000000000 0000 20 0100" + repeat("01000100", 31));
  const auto all = decode_frames(bytes);
  for (std::size_t room = kAckBytesMin; room <= bytes.size() + 3; ++room) {
    CAPTURE(room);
    ByteVector out(room);
    SpanWriter writer(out);
    encode_ack(writer, *all.value().ack, writer.room());
    const auto some = decode_frames(Bytes(out).first(writer.size()));
    REQUIRE(some.has_value());
    CHECK(some.value().ack->range_count == std::min<std::size_t>(32, 1 + (room - 14) / 4));
    for (std::size_t i = 0; i < some.value().ack->range_count; ++i)
      CHECK(some.value().ack->ranges[i] == all.value().ack->ranges[i]);
  }
}

TEST_CASE("receipts keep what they say") {
  const auto round_trip = [](const std::string& hex, MessageKind kind = MessageKind::kReceipt) {
    const ByteVector bytes = from_hex(hex);
    const auto receipt = decode_receipt(kind, bytes);
    if (!receipt) return std::string("refused");
    CHECK(encode_receipt(*receipt) == bytes);
    CHECK(receipt->evidence.has_value() == (kind == MessageKind::kSignedReceipt));
    return std::to_string(static_cast<int>(receipt->result)) + ' ' +
           std::to_string(receipt->status) + ' ' + std::string(common::as_text(receipt->output));
  };
  CHECK(round_trip(kId + "00 00") == "0 0 ");
  CHECK(round_trip(kId + "00 03 6f6b") == "0 3 ok");
  CHECK(round_trip(kId + "01 0f") == "1 15 ");
  CHECK(round_trip(kId + "02 00") == "2 0 ");
  CHECK(round_trip(kId + "03 00") == "3 0 ");
  CHECK(round_trip(kId + "04 00") == "refused");
  CHECK(round_trip(kId + "02 01") == "refused");
  CHECK(round_trip(kId + "03 01") == "refused");
  CHECK(round_trip(kId + "00") == "refused");
  CHECK(round_trip("") == "refused");
  const auto kSigned = MessageKind::kSignedReceipt;
  const std::string signature = "00000199c0ffee00" + repeat("5a", 64);
  CHECK(round_trip(kId + "04 00" + signature, kSigned) == "4 0 ");
  CHECK(round_trip(kId + "00 03" + signature + "6f6b", kSigned) == "0 3 ok");
  CHECK(round_trip(kId + "03 00" + signature, kSigned) == "3 0 ");
  CHECK(round_trip(kId + "05 00" + signature, kSigned) == "refused");
  CHECK(round_trip(kId + "04 01" + signature, kSigned) == "refused");
  CHECK(round_trip(kId + "04 00" + repeat("5a", 71), kSigned) == "refused");
  CHECK(round_trip(kId + "04 00" + "00000000000000ff" + repeat("5a", 64), kSigned) == "refused");
}

}  // namespace
