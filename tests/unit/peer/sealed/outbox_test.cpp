// A stream as it is sent: what a datagram carries, what is sent again, and when a message is
// finished.
#include "peer/sealed/outbox.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/unit/support/values.hpp"

namespace {

using namespace peer::sealed;
using namespace std::chrono_literals;

struct Sender {
  Outbox outbox{42};
  common::TimePoint now{1h};
  std::string finished;  // "3 delivered, 4 given up"

  bool push(std::uint64_t tag, std::size_t bytes, common::Duration timeout = 10s) {
    const std::string text(bytes, 'x');
    MessageId id{};
    id[0] = static_cast<std::byte>(tag);
    return outbox.try_push(
        {.id = id, .body = common::as_bytes(text), .deadline = now + timeout, .tag = tag});
  }
  std::optional<Carried> carried(std::size_t room = 1168) {
    common::ByteVector memory(room);
    SpanWriter out{std::span(memory)};
    const auto result = outbox.write_content(now, out);
    CHECK(result.has_value() == (out.size() > 0));
    if (!result) return result;
    // What was written is what is said to be carried.
    const auto frames = decode_frames(common::Bytes(memory).first(out.size()));
    REQUIRE(frames.has_value());
    CHECK(frames.value().stream->floor + frames.value().stream->offset == result->first);
    CHECK(frames.value().stream->floor == outbox.floor());
    if (result->fragment == Carried::kWhole) {
      CHECK(frames.value().messages.count() == result->count);
    } else {
      CHECK(frames.value().fragment->index == result->fragment);
    }
    return result;
  }
  /// "0-8", "3", "9.2" for a fragment, "-" for nothing.
  std::string next(std::size_t room = 1168) {
    const auto what = carried(room);
    if (!what) return "-";
    if (what->fragment != Carried::kWhole) return fmt::format("{}.{}", what->first, what->fragment);
    if (what->count == 1) return fmt::format("{}", what->first);
    return fmt::format("{}-{}", what->first, what->first + what->count - 1);
  }
  void note(const Outbox::Finished& each) {
    if (!finished.empty()) finished += ", ";
    finished += fmt::format("{} {}", each.tag, each.is_delivered ? "delivered" : "given up");
  }
  bool delivered(std::uint64_t below) {
    return outbox.handle_delivered(below, [&](const auto& each) { note(each); });
  }
  bool timeout() {
    return outbox.handle_timeout(now, [&](const auto& each) { note(each); });
  }
  std::string ended() { return std::exchange(finished, {}); }
};

TEST_CASE("waiting messages share a datagram, as many as fit, whole") {
  Sender sender;
  for (std::uint64_t i = 0; i < 12; ++i) sender.push(i, 100);
  CHECK(sender.next() == "0-8");  // 19 + 9 x 121 of 1,168
  CHECK(sender.next() == "9-11");
  CHECK(sender.next() == "-");
}

TEST_CASE("a datagram of a given size takes no more than it has room for") {
  Sender sender;
  for (std::uint64_t i = 0; i < 4; ++i) sender.push(i, 100);
  CHECK(sender.next(19 + 120) == "-");
  CHECK(sender.next(19 + 121) == "0");
  CHECK(sender.next(19 + 2 * 121) == "1-2");
  CHECK(sender.next(19 + 2 * 121) == "3");
}

TEST_CASE("a long message goes in fragments, in its turn") {
  Sender sender;
  sender.push(0, 10);
  sender.push(1, 2500);
  sender.push(2, 10);
  CHECK(sender.next() == "0");
  CHECK(sender.next() == "1.0");
  CHECK(sender.next() == "1.1");
  CHECK(sender.next() == "1.2");
  CHECK(sender.next() == "2");
  CHECK(sender.next() == "-");
}

TEST_CASE("what is lost is sent again, but for what has arrived") {
  Sender sender;
  for (std::uint64_t i = 0; i < 9; ++i) sender.push(i, 100);
  const auto run = sender.carried();
  REQUIRE(run.has_value());
  CHECK(sender.next() == "-");
  sender.outbox.handle_lost(*run);
  CHECK(sender.next() == "0-8");
  sender.outbox.handle_lost(*run);
  sender.outbox.handle_acked({.first = 2, .count = 2});
  sender.outbox.handle_acked({.first = 6, .count = 1});
  CHECK(sender.next() == "0-1");
  CHECK(sender.next() == "4-5");
  CHECK(sender.next() == "7-8");
  CHECK(sender.next() == "-");
  sender.push(9, 2500);
  CHECK(sender.next() == "9.0");
  CHECK(sender.next() == "9.1");
  sender.outbox.handle_lost({.first = 9, .count = 1, .fragment = 0});
  CHECK(sender.next() == "9.0");  // again, before what was never sent
  CHECK(sender.next() == "9.2");
}

TEST_CASE("a message is finished when it is delivered, not when it has arrived") {
  Sender sender;
  for (std::uint64_t i = 0; i < 3; ++i) sender.push(i, 100);
  const auto run = sender.carried();
  sender.outbox.handle_acked(*run);
  CHECK(sender.outbox.is_awaiting());
  CHECK(sender.ended() == "");
  CHECK(sender.delivered(2));
  CHECK(sender.ended() == "0 delivered, 1 delivered");
  CHECK(sender.outbox.floor() == 2);
  CHECK(sender.delivered(1));  // an older datagram
  CHECK(sender.delivered(3));
  CHECK(sender.ended() == "2 delivered");
  CHECK(sender.outbox.is_idle());
  CHECK_FALSE(sender.outbox.is_awaiting());
}

TEST_CASE("nobody can have what was not sent") {
  Sender sender;
  sender.push(0, 100);
  CHECK_FALSE(sender.delivered(1));
  sender.next();
  CHECK_FALSE(sender.delivered(2));
  CHECK(sender.delivered(1));
  sender.push(1, 2500);
  sender.next();
  sender.next();
  CHECK_FALSE(sender.delivered(2));  // its last part has not left
  sender.next();
  CHECK(sender.delivered(2));
}

TEST_CASE("a deadline ends a message wherever it is, and the floor passes it in its turn") {
  Sender sender;
  sender.push(0, 100, 1s);
  sender.push(1, 100, 3s);
  sender.push(2, 100, 1s);
  sender.push(3, 100, 3s);
  CHECK(sender.next(19 + 2 * 121) == "0-1");
  CHECK(sender.outbox.next_timeout() == sender.now + 1s);
  sender.now += 1s;
  CHECK(sender.timeout());  // the other side need not wait for 0
  CHECK(sender.ended() == "0 given up, 2 given up");
  CHECK(sender.outbox.floor() == 1);
  CHECK(sender.next() == "3");
  CHECK(sender.outbox.next_timeout() == sender.now + 2s);
  CHECK(sender.delivered(2));
  CHECK(sender.outbox.floor() == 3);
  CHECK(sender.delivered(4));
  CHECK(sender.ended() == "1 delivered, 3 delivered");
}

TEST_CASE("no more is under way than the other side may have to hold") {
  SUBCASE("messages in parts") {
    Sender sender;
    for (std::uint64_t i = 0; i < 6; ++i) sender.push(i, 2000);
    for (std::uint64_t i = 0; i < kReassembliesMax; ++i) {
      CHECK(sender.next() == fmt::format("{}.0", i));
      CHECK(sender.next() == fmt::format("{}.1", i));
    }
    CHECK(sender.next() == "-");
    CHECK(sender.delivered(1));
    CHECK(sender.next() == "4.0");
  }
  SUBCASE("bytes") {
    Sender sender;
    std::uint64_t pushed = 0;
    while (sender.push(pushed, 1000) && pushed < 1000) ++pushed;
    std::size_t bytes = 0;
    while (sender.next() != "-") bytes += 1000;
    CHECK(bytes <= kUnfinishedBytesMax);
    CHECK(bytes > kUnfinishedBytesMax - 1000);
    CHECK(sender.delivered(10));
    CHECK(sender.next() != "-");
  }
  SUBCASE("messages") {
    Sender sender;
    std::uint64_t pushed = 0;
    while (sender.push(pushed, 1)) ++pushed;
    CHECK(pushed == kUnfinishedMessagesMax);
  }
}

TEST_CASE("a queue has a bound in bytes") {
  Sender sender;
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; sender.push(i, 60'000); ++i) bytes += 60'000;
  CHECK(bytes <= Outbox::kQueuedBytesMax);
  CHECK(bytes > Outbox::kQueuedBytesMax - 60'000);
}

TEST_CASE("to a process that knows nothing all is sent again that is not finished") {
  Sender sender;
  for (std::uint64_t i = 0; i < 3; ++i) sender.push(i, 100);
  sender.push(3, 2500);
  sender.push(4, 100);
  const auto run = sender.carried();
  sender.next();
  sender.next();
  sender.outbox.handle_acked(*run);
  CHECK(sender.delivered(1));
  sender.outbox.resend_all();
  CHECK(sender.next() == "1-2");
  CHECK(sender.next() == "3.0");
  CHECK(sender.next() == "3.1");
  CHECK(sender.next() == "3.2");
  CHECK(sender.next() == "4");
  CHECK(sender.next() == "-");
}

TEST_CASE("places are used again for ever") {
  Sender sender;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    REQUIRE(sender.push(i, i % 50));
    if (i % 3 == 0) continue;
    while (sender.next() != "-") {
    }
    REQUIRE(sender.delivered(i + 1));
    sender.ended();
  }
  CHECK(sender.outbox.unfinished() <= 1);
}

}  // namespace
