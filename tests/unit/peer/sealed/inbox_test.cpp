// A stream as it is received: order, parts, bounds.
#include "peer/sealed/inbox.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "peer/sealed/inbox_table.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/message_id.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace peer::sealed;
using namespace std::chrono_literals;
using test::id_of;
using Taken = Inbox::Taken;

struct Stream {
  explicit Stream(std::uint64_t floor = 0, std::size_t budget_bytes = kHeldBytesMax)
      : budget(budget_bytes), ids(random), inbox({}, floor, budget, ids) {}

  Inbox::Delivery delivery() { return {.out = out, .now = now}; }
  /// Message `number` with its number as text, or another.
  Taken whole(std::uint64_t number, std::string text = "") {
    if (text.empty()) text = fmt::format("{}", number);
    return inbox.handle_message(number, {.id = id_of(number), .body = common::as_bytes(text)},
                                delivery());
  }
  Taken part(std::uint64_t number, std::size_t total, std::uint8_t index, std::uint64_t id = 0) {
    const std::string bytes(fragment_size(total, index), static_cast<char>('a' + index % 26));
    return inbox.handle_fragment(number,
                                 {.id = id_of(id == 0 ? number : id),
                                  .total = static_cast<std::uint32_t>(total),
                                  .index = index,
                                  .bytes = common::as_bytes(bytes)},
                                 delivery());
  }
  void floor(std::uint64_t number) { inbox.handle_floor(number, delivery()); }
  /// What was delivered since it was last asked.
  std::string delivered() {
    std::string text;
    while (const auto* message = out.pop()) {
      if (!text.empty()) text += ' ';
      text += message->body.size() > 20 ? fmt::format("{}B", message->body.size())
                                        : std::string(common::as_text(message->body));
    }
    return text;
  }

  fuzz::SplitmixRandom random;
  HeldBudget budget;
  MessageIds ids;
  IncomingQueue out;
  common::TimePoint now{1h};
  Inbox inbox;
};

TEST_CASE("every order of five messages is delivered in theirs") {
  std::vector<std::uint64_t> order = {0, 1, 2, 3, 4};
  do {
    Stream stream;
    for (const std::uint64_t number : order) CHECK(stream.whole(number) == Taken::kYes);
    CHECK(stream.delivered() == "0 1 2 3 4");
    CHECK(stream.budget.left() == kHeldBytesMax);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("every order of four messages, each twice, with one in parts") {
  std::vector<int> order = {0, 0, 1, 1,
                            2, 2, 3, 3};  // 1 is the first part of message 1, 3 the last
  do {
    Stream stream;
    for (const int step : order) {
      const auto taken = step == 0   ? stream.whole(0)
                         : step == 1 ? stream.part(1, 1500, 0)
                         : step == 2 ? stream.whole(2)
                                     : stream.part(1, 1500, 1);
      CHECK(taken == Taken::kYes);
    }
    CHECK(stream.delivered() == "0 1500B 2");
    CHECK(stream.inbox.delivered_below() == 3);
    CHECK(stream.budget.left() == kHeldBytesMax);
    CHECK(stream.inbox.reassembly_count() == 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a stream begins where its first datagram says") {
  Stream stream(100);
  CHECK(stream.whole(99) == Taken::kYes);  // finished before we knew it
  CHECK(stream.whole(101) == Taken::kYes);
  CHECK(stream.delivered() == "");
  CHECK(stream.whole(100) == Taken::kYes);
  CHECK(stream.delivered() == "100 101");
}

TEST_CASE("a higher floor ends the waiting for what will not come") {
  Stream stream;
  stream.whole(1);
  stream.part(2, 3000, 0);
  stream.whole(3);
  stream.whole(5);
  stream.floor(3);  // 0 and 2 are given up
  CHECK(stream.delivered() == "1 3");
  CHECK(stream.inbox.delivered_below() == 4);
  CHECK(stream.part(2, 3000, 1) == Taken::kYes);  // late
  CHECK(stream.inbox.reassembly_count() == 0);
  stream.floor(2);  // an older datagram
  CHECK(stream.inbox.delivered_below() == 4);
  stream.floor(50);
  CHECK(stream.delivered() == "5");
  CHECK(stream.budget.left() == kHeldBytesMax);
}

TEST_CASE("what no honest sender says is told apart") {
  struct Row {
    const char* name;
    Taken (*act)(Stream&);
  };
  const Row rows[] = {
      {"beyond what may be under way", [](Stream& s) { return s.whole(kUnfinishedMessagesMax); }},
      {"a part beyond it", [](Stream& s) { return s.part(kUnfinishedMessagesMax, 2000, 0); }},
      {"another message under a number that waits",
       [](Stream& s) {
         s.whole(1);
         return s.inbox.handle_message(1, {.id = id_of(9), .body = {}}, s.delivery());
       }},
      {"a whole message under the number of one in parts",
       [](Stream& s) {
         s.part(0, 2000, 0);
         return s.whole(0);
       }},
      {"a part of a message that came whole",
       [](Stream& s) {
         s.whole(1);
         return s.part(1, 2000, 0);
       }},
      {"parts of different lengths",
       [](Stream& s) {
         s.part(0, 2000, 0);
         return s.part(0, 2001, 1);
       }},
      {"parts of different messages",
       [](Stream& s) {
         s.part(0, 2000, 0, 5);
         return s.part(0, 2000, 1, 6);
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Stream stream;
    CHECK(row.act(stream) == Taken::kBroken);
    CHECK(stream.delivered() == "");
  }
}

TEST_CASE("no more is held than may be") {
  SUBCASE("of messages in parts") {
    Stream stream;
    for (std::uint64_t number = 1; number <= kReassembliesMax; ++number)
      CHECK(stream.part(number, 2000, 0) == Taken::kYes);
    CHECK(stream.part(9, 2000, 0) == Taken::kNoRoom);
    CHECK(stream.part(2, 2000, 1) == Taken::kYes);
  }
  SUBCASE("of bytes of one stream") {
    Stream stream;
    const std::string text(1000, 'x');
    std::size_t taken = 0;
    std::uint64_t number = 1;
    while (stream.whole(number++, text) == Taken::kYes) taken += text.size();
    CHECK(taken <= kUnfinishedBytesMax);
    CHECK(taken > kUnfinishedBytesMax - 2000);
    stream.whole(0);
    CHECK(stream.inbox.held_bytes() == 0);
  }
  SUBCASE("of bytes of all streams") {
    Stream stream(0, 10'000);
    CHECK(stream.part(1, 9000, 0) == Taken::kYes);
    CHECK(stream.part(2, 2000, 0) == Taken::kNoRoom);
    CHECK(stream.whole(3, std::string(1000, 'x')) == Taken::kNoRoom);
    CHECK(stream.whole(0) == Taken::kYes);  // its turn: nothing has to be held
    CHECK(stream.delivered() == "0");
  }
}

TEST_CASE("what is held too long is forgotten") {
  Stream stream;
  stream.part(0, 3000, 0);
  stream.whole(1);
  stream.now += 20s;
  stream.part(0, 3000, 1);
  stream.now += 15s;
  stream.inbox.handle_timeout(stream.now);  // 1 is 35 s old, the latest part of 0 is 15
  CHECK(stream.inbox.held_count() == 1);
  stream.part(0, 3000, 2);
  CHECK(stream.delivered() == "3000B");
  CHECK(stream.inbox.delivered_below() == 1);
  CHECK(stream.budget.left() == kHeldBytesMax);
}

TEST_CASE("a message that was shown by another way counts as delivered, unseen") {
  Stream stream;
  CHECK(stream.ids.insert({}, id_of(1)));
  stream.whole(0);
  stream.whole(1);
  stream.whole(2);
  CHECK(stream.delivered() == "0 2");
  CHECK(stream.inbox.delivered_below() == 3);
}

TEST_CASE("an inbox gives back what it held") {
  fuzz::SplitmixRandom random;
  HeldBudget budget;
  MessageIds ids(random);
  IncomingQueue out;
  {
    Inbox inbox({}, 0, budget, ids);
    const std::string text(500, 'x');
    inbox.handle_message(3, {.id = id_of(3), .body = common::as_bytes(text)},
                         {.out = out, .now = test::at(1s)});
    CHECK(budget.left() < kHeldBytesMax);
  }
  CHECK(budget.left() == kHeldBytesMax);
}

TEST_CASE("of too many streams the one used longest ago is forgotten") {
  fuzz::SplitmixRandom random;
  InboxTable table(random);
  const auto first = table.find_or_make({}, 0, 5);
  for (StreamId stream = 1; stream < kStreamsMax; ++stream) table.find_or_make({}, stream, 0);
  CHECK(table.size() == kStreamsMax);
  CHECK(table.find_or_make({}, 0, 9) == first);  // used again
  table.find_or_make({}, kStreamsMax, 0);
  CHECK(table.size() == kStreamsMax);
  CHECK(table.find_or_make({}, 0, 9) == first);
  CHECK(table.find_or_make({}, 1, 77)->delivered_below() == 77);  // was forgotten, begins anew
}

}  // namespace
