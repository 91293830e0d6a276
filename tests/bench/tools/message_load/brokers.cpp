#include "tests/bench/tools/message_load/brokers.hpp"

#include <string>
#include <vector>

namespace bench {
namespace {

/// Messages of a fan-out that may be under way at once, for protocols that number them.
constexpr int kFanWindow = 16;

}  // namespace

Found run_pairs(Load& load, int pairs, double seconds) {
  const std::string text = body();
  // Senders are at even places, the receiver of each behind him.
  for (int i = 0; i < pairs; ++i) {
    const std::string number = std::to_string(i);
    load.connect("s" + number, "s" + number);
    load.connect("r" + number, "r" + number);
  }
  std::vector<Clock::time_point> sent(load.size());
  const auto send = [&](std::size_t index) {
    sent[index] = Clock::now();
    load.protocol().send(load.at(index), load.at(index + 1).topic, text);
  };
  Found found;
  Watch watch(seconds);
  for (std::size_t i = 0; i < load.size(); i += 2) {
    send(i);
    load.flush(load.at(i), i);
  }
  while (watch.goes_on()) {
    load.step(100ms, [&](std::size_t index) {
      Connection& connection = load.at(index);
      const int messages = load.protocol().take(connection);
      for (int i = 0; i < messages; ++i) {
        if (index % 2 == 1) {
          load.protocol().send(connection, load.at(index - 1).topic, "|");
          continue;
        }
        if (watch.counts()) {
          ++found.deliveries;
          found.round_trips.push_back(microseconds_since(sent[index]));
        }
        send(index);
      }
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

Found run_fan(Load& load, int receivers, double seconds) {
  const std::string text = body();
  load.connect("sender", "nothing");
  for (int i = 0; i < receivers; ++i) load.connect("r" + std::to_string(i), "all");
  Found found;
  Watch watch(seconds);
  long taken = 0;
  long sent = 0;
  while (watch.goes_on()) {
    while (sent - taken / receivers < kFanWindow) {
      load.protocol().send(load.at(0), "all", text);
      ++sent;
    }
    load.flush(load.at(0), 0);
    load.step(100ms, [&](std::size_t index) {
      const int messages = load.protocol().take(load.at(index));
      if (index == 0) return;
      taken += messages;
      if (watch.counts()) found.deliveries += messages;
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

}  // namespace bench
