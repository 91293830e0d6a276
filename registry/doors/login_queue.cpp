#include "registry/doors/login_queue.hpp"

#include <utility>

#include "common/check.hpp"

namespace registry::doors {

using common::IpAddress;

bool LoginQueue::add(StreamId client, const IpAddress& source, std::string account) {
  Source& held = sources_[source];
  if (held.waiting.size() >= kWaitingPerSourceMax) return false;
  held.waiting.push_back(client);
  entries_.emplace(client, Entry{source, std::move(account)});
  take_turn(source, held);
  return true;
}

void LoginQueue::remove(StreamId client) {
  const auto it = entries_.find(client);
  if (it == entries_.end() || it->second.is_checking) return;
  const IpAddress address = it->second.source;
  entries_.erase(it);
  std::erase(sources_.at(address).waiting, client);
  forget_if_idle(address);
}

std::optional<StreamId> LoginQueue::take_next(TimePoint now) {
  while (checking_ < kCheckingMax && !turns_.empty()) {
    const IpAddress address = turns_.front();
    turns_.pop_front();
    const auto it = sources_.find(address);
    if (it == sources_.end()) continue;
    Source& source = it->second;
    source.is_in_turn = false;
    const bool is_suspect = throttle_.source_delay(now, address) > Duration::zero();
    if (source.waiting.empty() ||
        (is_suspect && source.checking + source.held_back >= kSuspectMax)) {
      forget_if_idle(address);
      continue;  // comes back with a new login, or when one of those has ended
    }
    const StreamId client = source.waiting.front();
    source.waiting.pop_front();
    ++source.checking;
    ++checking_;
    entries_.at(client).is_checking = true;
    take_turn(address, source);
    return client;
  }
  return std::nullopt;
}

Duration LoginQueue::finish(TimePoint now, StreamId client, bool is_right) {
  const auto node = entries_.extract(client);
  ENSURE(!node.empty() && node.mapped().is_checking);
  const Entry& entry = node.mapped();
  Source& source = sources_.at(entry.source);
  --source.checking;
  --checking_;
  Duration delay = Duration::zero();
  if (is_right) {
    throttle_.handle_success(entry.account);
  } else {
    delay = throttle_.delay(now, entry.source, entry.account);
    throttle_.handle_failure(now, entry.source, entry.account);
    if (delay > Duration::zero()) {
      ++source.held_back;
      held_back_.push({now + delay, entry.source});
    }
  }
  take_turn(entry.source, source);
  forget_if_idle(entry.source);
  return delay;
}

void LoginQueue::handle_timeout(TimePoint now) {
  while (!held_back_.empty() && held_back_.top().until <= now) {
    const IpAddress address = held_back_.top().source;
    held_back_.pop();
    Source& source = sources_.at(address);
    --source.held_back;
    take_turn(address, source);
    forget_if_idle(address);
  }
}

std::optional<TimePoint> LoginQueue::next_timeout() const {
  if (held_back_.empty()) return std::nullopt;
  return held_back_.top().until;
}

void LoginQueue::take_turn(const IpAddress& address, Source& source) {
  if (source.waiting.empty() || std::exchange(source.is_in_turn, true)) return;
  turns_.push_back(address);
}

// An address that stands in turns_ is passed over there.
void LoginQueue::forget_if_idle(const IpAddress& address) {
  const auto it = sources_.find(address);
  const Source& source = it->second;
  if (source.waiting.empty() && source.checking == 0 && source.held_back == 0 &&
      !source.is_in_turn) {
    sources_.erase(it);
  }
}

}  // namespace registry::doors
