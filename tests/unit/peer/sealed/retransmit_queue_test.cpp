// What is on its way under one key: acknowledged, lost, out of reach.
#include "peer/sealed/retransmit_queue.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <string>

#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace peer::sealed;
using namespace std::chrono_literals;

struct Flight {
  RetransmitQueue queue;
  std::uint64_t sent_end = 0;
  common::TimePoint now{1h};
  std::string acked;
  std::string lost;

  static void note(std::string& list, const SentDatagram& sent) {
    if (!list.empty()) list += ' ';
    list += fmt::format("{}", sent.carried.first);
  }
  /// A datagram that carries the message with its own sequence as number.
  void send(bool is_awaited = true) {
    const std::uint64_t sequence = sent_end++;
    if (is_awaited)
      queue.add(sequence, now, 100, {.first = sequence, .count = 1},
                [&](const SentDatagram& sent) { note(lost, sent); });
  }
  bool ack(std::initializer_list<AckRange> ranges) {
    Ack ack;
    for (const AckRange& range : ranges) ack.ranges[ack.range_count++] = range;
    const auto result =
        queue.handle_ack(ack, sent_end, [&](const SentDatagram& sent) { note(acked, sent); });
    sample = result && result->sample;
    return result.has_value();
  }
  void detect(common::Duration patience = 10ms) {
    queue.detect_lost(now, patience, [&](const SentDatagram& sent) { note(lost, sent); });
  }
  bool sample = false;
};

TEST_CASE("an acknowledgement frees what it names, once") {
  Flight flight;
  for (int i = 0; i < 8; ++i) flight.send();
  CHECK(flight.ack({{6, 6}, {2, 3}}));
  CHECK(flight.acked == "6 2 3");
  CHECK(flight.sample);
  CHECK(flight.queue.in_flight() == 5);
  CHECK(flight.ack({{6, 6}, {2, 3}, {0, 0}}));
  CHECK(flight.acked == "6 2 3 0");
  CHECK_FALSE(flight.sample);  // the largest is no news
  CHECK(flight.ack({{0, 7}}));
  CHECK(flight.queue.in_flight() == 0);
}

TEST_CASE("what was never sent cannot be acknowledged") {
  Flight flight;
  flight.send();
  CHECK_FALSE(flight.ack({{1, 1}}));
  CHECK_FALSE(flight.ack({{0, 1}}));
  CHECK(flight.acked == "");
  CHECK(flight.ack({{0, 0}}));
}

TEST_CASE("what a later one has overtaken is lost, when it has had its time") {
  Flight flight;
  flight.send();
  flight.now += 5ms;
  flight.send();
  flight.now += 1ms;
  flight.send();
  flight.detect();
  CHECK(flight.lost == "");
  CHECK_FALSE(flight.queue.next_loss(10ms).has_value());
  CHECK(flight.ack({{2, 2}}));
  flight.detect();
  CHECK(flight.lost == "");
  CHECK(flight.queue.next_loss(10ms) == flight.now + 4ms);
  flight.now += 4ms;
  flight.detect();
  CHECK(flight.lost == "0");
  flight.now += 5ms;
  flight.detect();
  CHECK(flight.lost == "0 1");
  CHECK(flight.queue.in_flight() == 0);
}

TEST_CASE("what was lost and arrives all the same is known") {
  Flight flight;
  flight.send();
  flight.send();
  flight.send();
  CHECK(flight.ack({{1, 1}}));
  flight.now += 1s;
  flight.detect();
  CHECK(flight.lost == "0");
  CHECK(flight.queue.in_flight() == 1);
  flight.queue.lose_all([&](const SentDatagram& sent) { Flight::note(flight.lost, sent); });
  CHECK(flight.lost == "0 2");
  CHECK(flight.ack({{0, 2}}));
  CHECK(flight.acked == "1 0 2");
  CHECK(flight.queue.in_flight() == 0);
}

TEST_CASE("sequences that nobody awaits are passed over") {
  Flight flight;
  flight.send(false);
  flight.send(false);
  flight.send();
  flight.send(false);
  flight.send();
  CHECK(flight.queue.in_flight() == 2);
  CHECK(flight.ack({{0, 4}}));
  CHECK(flight.acked == "2 4");
}

TEST_CASE("what no acknowledgement reaches any more is lost") {
  Flight flight;
  flight.send();
  for (std::uint64_t i = 1; i < kAckReach; ++i) flight.send(false);
  CHECK(flight.lost == "");
  flight.send();
  CHECK(flight.lost == "0");
  CHECK(flight.queue.in_flight() == 1);
}

TEST_CASE("random flights agree with a plain map") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    fuzz::SplitmixRandom random(seed);
    RetransmitQueue queue;
    std::map<std::uint64_t, bool> in_flight;
    std::uint64_t sent_end = 0;
    for (int step = 0; step < 3000; ++step) {
      if (random.below(3) != 0) {
        queue.add(sent_end, test::at(1s), 1, {.first = sent_end, .count = 1},
                  [&](const SentDatagram& sent) { in_flight.erase(sent.carried.first); });
        in_flight[sent_end++] = true;
      } else if (sent_end > 0) {
        const std::uint64_t last =
            sent_end - 1 - random.below(std::min<std::uint64_t>(sent_end, 300));
        const std::uint64_t first = last - random.below(std::min<std::uint64_t>(last + 1, 5));
        Ack ack;
        ack.range_count = 1;
        ack.ranges[0] = {first, last};
        queue.handle_ack(ack, sent_end, [&](const SentDatagram& sent) {
          CHECK(in_flight.erase(sent.carried.first) == 1);
        });
        for (auto sequence = first; sequence <= last; ++sequence)
          CHECK_FALSE(in_flight.contains(sequence));
      }
      REQUIRE(queue.in_flight() == in_flight.size());
    }
  }
}

}  // namespace
