#include "registry/doors/netchat_dialer.hpp"

#include "common/check.hpp"
#include "registry/doors/limits.hpp"

namespace registry::doors {

void NetchatDialer::push(TimePoint now, const common::Endpoint& to, DeliveryId delivery,
                         Bytes bytes, Outcomes& outcomes) {
  Queue& queue = queues_[to];
  const bool is_full =
      waiting_count_ >= kNetchatWaitingMax || queue.items.size() >= kNetchatWaitingPerUserMax;
  if (is_full) {
    if (queue.items.empty() && !queue.is_dialing) queues_.erase(to);
    outcomes.emplace_back(delivery, DeliveryOutcome::kBusy);
    return;
  }
  if (queue.items.empty() && !queue.is_dialing) ready_.push_back(to);
  queue.items.push_back({delivery, std::move(bytes), now});
  ++waiting_count_;
}

NetchatDialer::Item NetchatDialer::take_front(Queue& queue) {
  Item item = std::move(queue.items.front());
  queue.items.pop_front();
  --waiting_count_;
  return item;
}

std::optional<Dial> NetchatDialer::take_next(TimePoint now, Outcomes& outcomes) {
  while (dials_.size() < kNetchatDialsMax && !ready_.empty()) {
    const common::Endpoint to = ready_.front();
    ready_.pop_front();
    const auto it = queues_.find(to);
    Queue& queue = it->second;
    while (!queue.items.empty() && now - queue.items.front().since >= kQueueTime)
      outcomes.emplace_back(take_front(queue).delivery, DeliveryOutcome::kTimedOut);
    if (queue.items.empty()) {
      queues_.erase(it);
      continue;
    }
    queue.is_dialing = true;
    dials_.emplace(++last_dial_, Dialing{to, take_front(queue)});
    return Dial{last_dial_, to, kDialTime};
  }
  return std::nullopt;
}

NetchatDialer::Bytes NetchatDialer::handle_dialed(StreamId dial, bool is_connected,
                                                  DeliveryOutcome failed_as, Outcomes& outcomes) {
  const auto node = dials_.extract(dial);
  if (node.empty()) return nullptr;  // given up meanwhile
  const auto& [to, item] = node.mapped();
  outcomes.emplace_back(item.delivery, is_connected ? DeliveryOutcome::kSent : failed_as);
  const auto it = queues_.find(to);
  ENSURE(it != queues_.end());
  Queue& queue = it->second;
  queue.is_dialing = false;
  // He would not be there for the others either, and each would take its time to find that out.
  while (!is_connected && !queue.items.empty())
    outcomes.emplace_back(take_front(queue).delivery, failed_as);
  if (queue.items.empty()) {
    queues_.erase(it);
  } else {
    ready_.push_back(to);
  }
  return is_connected ? item.bytes : nullptr;
}

void NetchatDialer::fail_all(DeliveryOutcome outcome, Outcomes& outcomes) {
  for (const auto& [dial, dialing] : dials_) outcomes.emplace_back(dialing.item.delivery, outcome);
  for (const auto& [to, queue] : queues_)
    for (const Item& item : queue.items) outcomes.emplace_back(item.delivery, outcome);
  dials_.clear();
  queues_.clear();
  ready_.clear();
  waiting_count_ = 0;
}

}  // namespace registry::doors
