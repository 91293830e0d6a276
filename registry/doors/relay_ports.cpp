#include "registry/doors/relay_ports.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace registry::doors {

bool RelayPorts::contains(std::uint16_t port) const {
  return std::find(ports_.begin(), ports_.end(), port) != ports_.end();
}

std::uint16_t RelayPorts::next(const std::string& user, const std::set<std::uint16_t>& kept) {
  ENSURE(is_open());
  const auto known = users_.find(user);
  if (known == users_.end()) {
    by_last_chat_.push_front({user, 0});
    users_.emplace(user, by_last_chat_.begin());
    if (users_.size() > kNamesMax) {
      users_.erase(by_last_chat_.back().key);
      by_last_chat_.pop_back();
    }
  } else {
    by_last_chat_.splice(by_last_chat_.begin(), by_last_chat_, known->second);
  }
  std::size_t& chats = by_last_chat_.front().chats;
  for (std::size_t i = 1; i < ports_.size() && kept.contains(ports_[chats % ports_.size()]); ++i)
    ++chats;
  return ports_[chats++ % ports_.size()];
}

}  // namespace registry::doors
