#include "peer/sealed/message_ids.hpp"

#include <algorithm>

namespace peer::sealed {
namespace {

constexpr std::size_t kTablePlacesMin = 64;
constexpr std::size_t kPlacesMax = 2 * MessageIds::kPerGeneration;

}  // namespace

MessageIds::MessageIds(common::Random& random) { random.fill(key_); }

bool MessageIds::insert(const common::IdentityKey& sender, const MessageId& id) {
  std::array<std::byte, sizeof(sender.bytes) + sizeof(MessageId)> both;
  std::copy(sender.bytes.begin(), sender.bytes.end(), both.begin());
  std::copy(id.begin(), id.end(), both.begin() + sizeof(sender.bytes));
  // security: strangers choose ids; a secret key keeps them from aiming at one place, or at another
  // message's hash.
  const Hash hash = std::max<Hash>(common::siphash(key_, both), 1);
  if (contains(young_, hash) || contains(old_, hash)) return false;
  if (2 * (young_count_ + 1) > young_.size()) make_room();
  put(young_, hash);
  ++young_count_;
  return true;
}

bool MessageIds::contains(const Table& table, Hash hash) {
  if (table.empty()) return false;
  const std::size_t mask = table.size() - 1;
  for (std::size_t at = hash & mask; table[at] != 0; at = (at + 1) & mask)
    if (table[at] == hash) return true;
  return false;
}

void MessageIds::put(Table& table, Hash hash) {
  const std::size_t mask = table.size() - 1;
  std::size_t at = hash & mask;
  while (table[at] != 0) at = (at + 1) & mask;
  table[at] = hash;
}

void MessageIds::make_room() {
  if (young_.size() < kPlacesMax) {
    Table larger(std::max(2 * young_.size(), kTablePlacesMin));
    for (const Hash hash : young_)
      if (hash != 0) put(larger, hash);
    young_ = std::move(larger);
    return;
  }
  // The older half is forgotten; its memory becomes the new young one.
  std::swap(young_, old_);
  young_.assign(kPlacesMax, 0);
  young_count_ = 0;
}

}  // namespace peer::sealed
