// Which client a door looks at next, however often their deadlines move and whoever goes.
#include "registry/doors/deadline_queue.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::TimePoint;
using registry::doors::DeadlineQueue;
using registry::doors::StreamId;
using test::kStart;

struct Client {
  StreamId id = 0;
  std::optional<TimePoint> checked_at;
};

struct Door {
  DeadlineQueue<Client>::Clients clients;
  DeadlineQueue<Client> queue{clients};

  Client& add(StreamId id) {
    return *clients.emplace(id, std::make_unique<Client>(Client{.id = id, .checked_at = {}}))
                .first->second;
  }
  void watch(StreamId id, std::optional<TimePoint> deadline) {
    queue.watch(id, *clients.at(id), deadline);
  }
  /// Who is due, in order.
  std::vector<StreamId> due(TimePoint now) {
    std::vector<StreamId> ids;
    while (const Client* client = queue.take_due(now)) ids.push_back(client->id);
    return ids;
  }
};

TEST_CASE("clients are named when their time comes, the earliest first, and once") {
  Door door;
  for (StreamId id = 1; id <= 3; ++id) door.add(id);
  CHECK_FALSE(door.queue.next());
  door.watch(1, kStart + 3s);
  door.watch(2, kStart + 1s);
  door.watch(3, std::nullopt);
  CHECK(door.queue.next() == kStart + 1s);
  CHECK(door.due(kStart + 999ms).empty());
  CHECK(door.due(kStart + 5s) == std::vector<StreamId>{2, 1});
  CHECK(door.due(kStart + 5s).empty());
  CHECK_FALSE(door.queue.next());
}

TEST_CASE("a deadline that comes nearer counts; one that moves away is looked at too early") {
  Door door;
  door.add(1);
  door.watch(1, kStart + 5s);
  door.watch(1, kStart + 2s);
  door.watch(1, kStart + 9s);
  CHECK(door.queue.next() == kStart + 2s);
  CHECK(door.due(kStart + 2s) == std::vector<StreamId>{1});
  door.watch(1, kStart + 9s);  // by its owner, who has seen that it is not yet
  CHECK(door.due(kStart + 5s).empty());
  CHECK(door.due(kStart + 9s) == std::vector<StreamId>{1});
}

TEST_CASE("who has gone is not named, nor who came after him for his time") {
  Door door;
  door.add(1);
  door.watch(1, kStart + 1s);
  door.clients.erase(1);
  CHECK(door.due(kStart + 1s).empty());
  door.add(2);
  door.watch(2, kStart + 2s);
  door.clients.erase(2);
  door.add(2);
  door.watch(2, kStart + 3s);
  CHECK(door.due(kStart + 2s).empty());
  CHECK(door.due(kStart + 3s) == std::vector<StreamId>{2});
}

TEST_CASE("those who come and go leave no growing queue behind, and nobody is forgotten") {
  Door door;
  door.add(1);
  door.watch(1, kStart + 1h);
  for (StreamId id = 2; id < 100'000; ++id) {
    door.add(id);
    door.watch(id, kStart + 2h);
    door.clients.erase(id);
  }
  CHECK(door.queue.entry_count() < 2'000);
  CHECK(door.due(kStart + 3h) == std::vector<StreamId>{1});
}

}  // namespace
