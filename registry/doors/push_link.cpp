#include "registry/doors/push_link.hpp"

#include <algorithm>

#include "registry/doors/limits.hpp"

namespace registry::doors {

using common::TimePoint;

void PushLink::push(TimePoint now, DeliveryId delivery, MessagePtr message, Outcomes& outcomes) {
  const bool gives_no_receipt = message->is_broadcast && owed_ >= kSkippedReceiptsMax;
  if (is_frozen_ || gives_no_receipt) {
    outcomes.emplace_back(delivery, DeliveryOutcome::kTimedOut);
    return;
  }
  const std::size_t bytes = message->text.size();
  if (waiting_.size() - first_ >= kQueuedMessagesMax || waiting_bytes_ + bytes > kQueuedBytesMax) {
    outcomes.emplace_back(delivery, DeliveryOutcome::kBusy);
    return;
  }
  waiting_bytes_ += bytes;
  waiting_.push_back({delivery, std::move(message), now});
}

MessagePtr PushLink::take_next(TimePoint now, Outcomes& outcomes) {
  if (line_ || is_frozen_) return nullptr;
  while (!is_empty()) {
    Item item = std::move(waiting_[first_]);
    drop_front();
    waiting_bytes_ -= item.message->text.size();
    if (now >= item.since + kQueueTime) {
      outcomes.emplace_back(item.delivery, DeliveryOutcome::kTimedOut);
      continue;
    }
    item.since = now;
    line_ = std::move(item);
    received_ = 0;
    grace_until_.reset();
    return line_->message;
  }
  return nullptr;
}

void PushLink::drop_front() {
  if (++first_ < waiting_.size()) {
    // A queue that is never empty is still given back what it has done with.
    constexpr std::size_t kDoneMax = 64;
    if (first_ < kDoneMax || 2 * first_ < waiting_.size()) return;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
    return;
  }
  waiting_.clear();
  first_ = 0;
  constexpr std::size_t kKept = 16;
  if (waiting_.capacity() > kKept) waiting_.shrink_to_fit();
}

// Receipts name no line: those owed for earlier lines come first, if they come.
void PushLink::handle_receipt(TimePoint now, Outcomes& outcomes) {
  if (!line_) {
    if (owed_ > 0) --owed_;
    if (owed_ == 0) {
      is_frozen_ = false;
      grace_until_.reset();
    } else if (is_frozen_) {
      grace_until_ = now + kReceiptGrace;  // whoever gives one for each line gives the next at once
    }
    return;
  }
  if (++received_ > owed_) {
    owed_ = 0;
    return end_line(DeliveryOutcome::kDelivered, outcomes);
  }
  grace_until_ = now + kReceiptGrace;
}

void PushLink::end_line(DeliveryOutcome outcome, Outcomes& outcomes) {
  outcomes.emplace_back(line_->delivery, outcome);
  line_.reset();
  grace_until_.reset();
}

void PushLink::handle_timeout(TimePoint now, Outcomes& outcomes) {
  if (!line_ && grace_until_ && now >= *grace_until_) {
    // He gives no receipts for broadcasts, and the late one was for the message.
    grace_until_.reset();
    owed_ = 0;
    is_frozen_ = false;
  }
  if (line_ && grace_until_ && now >= *grace_until_) {
    grace_until_.reset();
    if (!line_->message->is_broadcast) {
      // He gives no receipts for broadcasts, and this one is for the line.
      owed_ = 0;
      end_line(DeliveryOutcome::kDelivered, outcomes);
    } else {
      owed_ -= received_;
      received_ = 0;
    }
  }
  // A receipt that came at the last moment may be for it: then its grace goes before.
  if (line_ && !grace_until_ && now >= line_->since + kReceiptTime) {
    owed_ = owed_ - received_ + 1;
    is_frozen_ = !line_->message->is_broadcast;
    end_line(DeliveryOutcome::kTimedOut, outcomes);
    // What waits for somebody frozen would wait as long again, each for itself.
    if (is_frozen_) fail_all(DeliveryOutcome::kTimedOut, outcomes);
  }
  while (!is_empty() && now >= waiting_[first_].since + kQueueTime) {
    outcomes.emplace_back(waiting_[first_].delivery, DeliveryOutcome::kTimedOut);
    waiting_bytes_ -= waiting_[first_].message->text.size();
    drop_front();
  }
}

void PushLink::fail_all(DeliveryOutcome outcome, Outcomes& outcomes) {
  if (line_) end_line(outcome, outcomes);
  for (; !is_empty(); drop_front()) outcomes.emplace_back(waiting_[first_].delivery, outcome);
  waiting_bytes_ = 0;
}

std::optional<TimePoint> PushLink::next_timeout() const {
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint when) {
    if (!next || when < *next) next = when;
  };
  if (grace_until_) {
    consider(*grace_until_);
  } else if (line_) {
    consider(line_->since + kReceiptTime);
  }
  if (!is_empty()) consider(waiting_[first_].since + kQueueTime);
  return next;
}

}  // namespace registry::doors
