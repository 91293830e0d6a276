// Connections to NetChat programs: order, bounds, and what becomes of messages.
#include "registry/doors/netchat_dialer.hpp"

#include <doctest/doctest.h>

#include "registry/doors/limits.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::DeliveryOutcome;
using registry::doors::NetchatDialer;

struct Run {
  void push(std::string_view to, registry::DeliveryId delivery) {
    dialer.push(now, endpoint(to), delivery,
                std::make_shared<const std::string>(std::to_string(delivery)), outcomes);
  }
  /// The endpoint of the next connection to be made; empty if there is none.
  std::string next() {
    const auto dial = dialer.take_next(now, outcomes);
    if (!dial) return "";
    dials.push_back(dial->client);
    return common::format_endpoint(dial->to);
  }
  /// The bytes written on the connection that was asked for first.
  std::string finish(bool is_connected) {
    const auto bytes =
        dialer.handle_dialed(dials.front(), is_connected, DeliveryOutcome::kLeft, outcomes);
    dials.erase(dials.begin());
    return bytes ? *bytes : "";
  }
  /// "1 sent, 2 left"
  std::string told() {
    std::string out;
    for (const auto& [delivery, outcome] : std::exchange(outcomes, {})) {
      if (!out.empty()) out += ", ";
      out += std::to_string(delivery) + ' ' + std::string(to_string(outcome));
    }
    return out;
  }

  common::TimePoint now = at(1h);
  NetchatDialer dialer;
  NetchatDialer::Outcomes outcomes;
  std::vector<registry::doors::StreamId> dials;
};

TEST_CASE("a program gets its messages in order, over a connection each") {
  Run run;
  run.push("127.0.0.1:2001", 1);
  run.push("127.0.0.1:2001", 2);
  run.push("127.0.0.1:2002", 3);
  CHECK(run.next() == "127.0.0.1:2001");
  CHECK(run.next() == "127.0.0.1:2002");  // others do not wait for him
  CHECK(run.next() == "");
  CHECK(run.finish(true) == "1");
  CHECK(run.told() == "1 sent");
  CHECK(run.next() == "127.0.0.1:2001");
  CHECK(run.finish(true) == "3");
  CHECK(run.finish(true) == "2");
  CHECK(run.told() == "3 sent, 2 sent");
  CHECK(run.next() == "");
  CHECK(run.dialer.waiting_count() == 0);
}

TEST_CASE("nobody there: all that waits for him has failed") {
  Run run;
  for (registry::DeliveryId id = 1; id <= 3; ++id) run.push("127.0.0.1:2001", id);
  CHECK(run.next() == "127.0.0.1:2001");
  CHECK(run.finish(false) == "");
  CHECK(run.told() == "1 left, 2 left, 3 left");
  CHECK(run.next() == "");
  run.push("127.0.0.1:2001", 4);  // he may be back
  CHECK(run.next() == "127.0.0.1:2001");
}

TEST_CASE("what has waited too long is not sent any more") {
  Run run;
  run.push("127.0.0.1:2001", 1);
  CHECK(run.next() == "127.0.0.1:2001");
  run.push("127.0.0.1:2001", 2);
  run.now += 3s;
  run.push("127.0.0.1:2001", 3);
  run.now += 2s;
  CHECK(run.finish(true) == "1");
  CHECK(run.next() == "127.0.0.1:2001");
  CHECK(run.told() == "1 sent, 2 timed out");
  CHECK(run.finish(true) == "3");
}

TEST_CASE("the bounds hold, and others have room behind them") {
  using namespace registry::doors;
  Run run;
  for (registry::DeliveryId id = 1; id <= kNetchatWaitingPerUserMax; ++id)
    run.push("127.0.0.1:2001", id);
  CHECK(run.told() == "");
  run.push("127.0.0.1:2001", 1000);
  CHECK(run.told() == "1000 busy");
  for (std::size_t i = 1; i < kNetchatDialsMax + 10; ++i)
    run.push("127.0.0.1:" + std::to_string(3000 + i), 2000 + i);
  for (std::size_t i = 0; i < kNetchatDialsMax; ++i) REQUIRE(run.next() != "");
  CHECK(run.next() == "");
  CHECK(run.dialer.dial_count() == kNetchatDialsMax);
  run.finish(true);
  CHECK(run.next() != "");
}

TEST_CASE("a broadcast to more than there is room for is refused behind the bound") {
  using namespace registry::doors;
  Run run;
  std::size_t pushed = 0;
  for (int host = 0; run.outcomes.empty(); ++host)
    for (int port = 1024; port < 2048 && run.outcomes.empty(); ++port) {
      run.push("10.0.0." + std::to_string(host) + ':' + std::to_string(port), ++pushed);
    }
  CHECK(run.told() == std::to_string(kNetchatWaitingMax + 1) + " busy");
  CHECK(run.dialer.waiting_count() == kNetchatWaitingMax);
}

TEST_CASE("closing ends everything, and late connections are nobody's") {
  Run run;
  run.push("127.0.0.1:2001", 1);
  run.push("127.0.0.1:2001", 2);
  CHECK(run.next() == "127.0.0.1:2001");
  run.dialer.fail_all(DeliveryOutcome::kLeft, run.outcomes);
  CHECK(run.told() == "1 left, 2 left");
  CHECK(run.finish(true) == "");
  CHECK(run.told() == "");
  CHECK(run.next() == "");
}

}  // namespace
