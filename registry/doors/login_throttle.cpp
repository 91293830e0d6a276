#include "registry/doors/login_throttle.hpp"

#include <algorithm>

namespace registry::doors {

using common::Duration;
using common::TimePoint;

// One failure is forgotten with each twelfth of a minute that passes without a new one: five a
// minute go on for ever without delay.
template <typename Key>
int LoginThrottle::Failures<Key>::count_at(const Entry& entry, TimePoint now) {
  const auto forgiven = std::max(Duration::zero(), now - entry.last) / (kWindow / kFreeFailures);
  return forgiven >= entry.count ? 0 : entry.count - static_cast<int>(forgiven);
}

template <typename Key>
Duration LoginThrottle::Failures<Key>::delay(TimePoint now, const Key& key) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return Duration::zero();
  const int beyond = count_at(it->second, now) - kFreeFailures;
  if (beyond < 0) return Duration::zero();
  constexpr int kDoublingsMax = 5;  // 32 s: the bound is reached
  return std::min<Duration>(kDelayMax, kDelayMin * (1 << std::min(beyond, kDoublingsMax)));
}

template <typename Key>
void LoginThrottle::Failures<Key>::add(TimePoint now, const Key& key) {
  Entry& entry = entries_[key];
  constexpr int kCountMax = kFreeFailures + 6;  // no good behaviour needs longer than that to help
  entry.count = std::min(count_at(entry, now) + 1, kCountMax);
  entry.last = now;
  if (entry.serial != 0) by_age_.erase(entry.serial);
  entry.serial = ++last_serial_;
  by_age_.emplace(entry.serial, key);
  if (entries_.size() <= kEntriesMax) return;
  entries_.erase(by_age_.begin()->second);
  by_age_.erase(by_age_.begin());
}

template <typename Key>
void LoginThrottle::Failures<Key>::forget(const Key& key) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  by_age_.erase(it->second.serial);
  entries_.erase(it);
}

Duration LoginThrottle::delay(TimePoint now, const common::IpAddress& source,
                              const std::string& account) const {
  return std::max(sources_.delay(now, source), accounts_.delay(now, account));
}

Duration LoginThrottle::source_delay(TimePoint now, const common::IpAddress& source) const {
  return sources_.delay(now, source);
}

void LoginThrottle::handle_success(const std::string& account) { accounts_.forget(account); }

void LoginThrottle::handle_failure(TimePoint now, const common::IpAddress& source,
                                   const std::string& account) {
  sources_.add(now, source);
  accounts_.add(now, account);
}

}  // namespace registry::doors
