// The inboxes of all streams that come to a process, shared by the sessions that a stream comes by.
// A core. At the bound the one that was asked for longest ago is forgotten; a session that still
// uses it keeps it.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>

#include "peer/sealed/inbox.hpp"

namespace peer::sealed {

class InboxTable {
 public:
  explicit InboxTable(common::Random& random) : ids_(random) {}

  /// The stream's inbox; a new one begins at `floor`.
  std::shared_ptr<Inbox> find_or_make(const common::IdentityKey& sender, StreamId stream,
                                      std::uint64_t floor) {
    const Key key{sender, stream};
    if (const auto it = inboxes_.find(key); it != inboxes_.end()) {
      by_use_.splice(by_use_.end(), by_use_, it->second.place);
      return it->second.inbox;
    }
    if (inboxes_.size() == kStreamsMax) {
      inboxes_.erase(by_use_.front());
      by_use_.pop_front();
    }
    by_use_.push_back(key);
    auto inbox = std::make_shared<Inbox>(sender, floor, budget_, ids_);
    inboxes_.emplace(key, Entry{inbox, std::prev(by_use_.end())});
    return inbox;
  }

  /// Forgets what was held too long, a little later than that.
  void handle_timeout(common::TimePoint now) {
    if (now < swept_ + kSweepPause) return;
    swept_ = now;
    if (budget_.left() == kHeldBytesMax) return;
    for (auto& [key, entry] : inboxes_) entry.inbox->handle_timeout(now);
  }
  std::optional<common::TimePoint> next_timeout() const {
    return budget_.left() == kHeldBytesMax ? std::nullopt : std::optional(swept_ + kSweepPause);
  }

  std::size_t size() const { return inboxes_.size(); }
  const HeldBudget& budget() const { return budget_; }

 private:
  static constexpr common::Duration kSweepPause = std::chrono::seconds(5);

  struct Key {
    common::IdentityKey sender;
    StreamId stream;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    std::shared_ptr<Inbox> inbox;
    std::list<Key>::iterator place;
  };

  HeldBudget budget_;
  MessageIds ids_;
  std::map<Key, Entry> inboxes_;
  std::list<Key> by_use_;  // the one used longest ago first
  common::TimePoint swept_{};
};

}  // namespace peer::sealed
