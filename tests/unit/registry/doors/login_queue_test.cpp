// Whose password is checked next, and how late a wrong one is told.
#include "registry/doors/login_queue.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::doors::LoginQueue;

const auto kFar = "192.168.1.7";
const auto kNear = "192.168.1.8";

/// Checks one client's password, who must be next.
common::Duration fail(LoginQueue& queue, common::TimePoint now, std::uint64_t client,
                      std::string_view source, const std::string& account = "carol") {
  REQUIRE(queue.add(client, ip(source), account));
  REQUIRE(queue.take_next(now) == client);
  return queue.finish(now, client, false);
}

TEST_CASE("addresses take turns, and each address's logins keep their order") {
  LoginQueue queue;
  for (std::uint64_t client = 1; client <= 4; ++client) queue.add(client, ip(kFar), "carol");
  queue.add(11, ip(kNear), "dave");
  queue.add(12, ip(kNear), "erin");
  std::vector<std::uint64_t> order;
  while (const auto next = queue.take_next(common::TimePoint{1h})) order.push_back(*next);
  CHECK(order == std::vector<std::uint64_t>{1, 11, 2, 12, 3, 4});
}

TEST_CASE("so many are with the checker at once") {
  LoginQueue queue;
  const common::TimePoint now{1h};
  for (std::uint64_t client = 1; client <= 20; ++client) queue.add(client, ip(kFar), "carol");
  for (std::size_t i = 0; i < LoginQueue::kCheckingMax; ++i) CHECK(queue.take_next(now));
  CHECK_FALSE(queue.take_next(now));
  queue.finish(now, 1, true);
  CHECK(queue.take_next(now) == LoginQueue::kCheckingMax + 1);
}

TEST_CASE("who hangs up is passed over, and what he began still counts") {
  LoginQueue queue;
  const common::TimePoint now{1h};
  queue.add(1, ip(kFar), "carol");
  queue.add(2, ip(kFar), "carol");
  queue.add(3, ip(kFar), "carol");
  queue.remove(2);
  CHECK(queue.take_next(now) == 1);
  queue.remove(1);
  CHECK(queue.take_next(now) == 3);
  queue.finish(now, 1, false);
  queue.finish(now, 3, false);
  CHECK(queue.size() == 0);
  for (std::uint64_t client = 4; client < 7; ++client) CHECK(fail(queue, now, client, kFar) == 0s);
  CHECK(fail(queue, now, 7, kFar) == 1s);
}

TEST_CASE("a guesser who hangs up gets no more checks than one who waits") {
  LoginQueue queue;
  common::TimePoint now{1h};
  std::uint64_t client = 0;
  int checks = 0;
  for (const auto end = now + 60s; now < end; now += 10ms) {
    queue.handle_timeout(now);
    queue.add(++client, ip(kFar), "carol");
    while (const auto next = queue.take_next(now)) {
      ++checks;
      queue.remove(*next);
      queue.finish(now, *next, false);
    }
    queue.remove(client);
  }
  // Five for nothing, then five that are held back at a time, for up to half a minute each.
  CHECK(checks <= 5 + 5 + 4 * 5);
  CHECK(checks >= 10);
  CHECK(queue.size() == 0);
  // Others are not kept waiting by it.
  queue.add(1'000'000, ip(kNear), "dave");
  CHECK(queue.take_next(now) == 1'000'000);
}

TEST_CASE("what waits from one address is bounded") {
  LoginQueue queue;
  std::uint64_t client = 0;
  while (client < LoginQueue::kWaitingPerSourceMax) REQUIRE(queue.add(++client, ip(kFar), "carol"));
  CHECK_FALSE(queue.add(++client, ip(kFar), "carol"));
  CHECK(queue.add(++client, ip(kNear), "carol"));
  queue.remove(1);
  CHECK(queue.add(++client, ip(kFar), "carol"));
}

TEST_CASE(
    "the right password of an address that has failed often is let in at once when it is checked") {
  LoginQueue queue;
  const common::TimePoint now{1h};
  for (std::uint64_t client = 1; client <= 7; ++client) fail(queue, now, client, kFar);
  queue.add(8, ip(kFar), "dave");
  REQUIRE(queue.take_next(now) == 8);
  CHECK(queue.finish(now, 8, true) == 0s);
}

}  // namespace
