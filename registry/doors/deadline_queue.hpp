// Which of a door's clients to look at, and when. A core.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/doors/stream_door.hpp"

namespace registry::doors {

/// One entry a client, not one a deadline: most deadlines are moved before they pass. `Client` has
/// an std::optional<TimePoint> `checked_at`, its earliest entry, which is the queue's alone.
template <typename Client>
class DeadlineQueue {
 public:
  using Clients = std::unordered_map<StreamId, std::unique_ptr<Client>>;

  /// `clients` outlives it; each of them may go at any time, without a word.
  explicit DeadlineQueue(const Clients& clients) : clients_(clients) {}
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;

  /// Has take_due() name the client at that time or before it.
  void watch(StreamId id, Client& client, std::optional<TimePoint> deadline) {
    if (!deadline || (client.checked_at && *client.checked_at <= *deadline)) return;
    client.checked_at = deadline;
    entries_.push({*deadline, id});
    // Those who come and go leave entries behind. Before they outnumber the living, the queue is
    // built anew.
    constexpr std::size_t kSlack = 1024;
    if (entries_.size() <= 4 * clients_.size() + kSlack) return;
    std::vector<Entry> living;
    for (const auto& [other, held] : clients_)
      if (held->checked_at) living.push_back({*held->checked_at, other});
    entries_ = Entries(std::greater<Entry>(), std::move(living));
  }

  /// When take_due() has to be asked next.
  std::optional<TimePoint> next() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.top().when;
  }

  /// The next client to look at, to be watched again if he still has a deadline; null: none by now.
  Client* take_due(TimePoint now) {
    while (!entries_.empty() && entries_.top().when <= now) {
      const Entry entry = entries_.top();
      entries_.pop();
      const auto it = clients_.find(entry.client);
      if (it == clients_.end() || it->second->checked_at != entry.when) continue;
      it->second->checked_at.reset();
      return it->second.get();
    }
    return nullptr;
  }

  /// In proportion to the clients.
  std::size_t entry_count() const { return entries_.size(); }

 private:
  struct Entry {
    TimePoint when;
    StreamId client;
    friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
  };
  using Entries = std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>>;

  const Clients& clients_;
  Entries entries_;
};

}  // namespace registry::doors
