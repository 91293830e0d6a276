#include "peer/sealed/message_ids.hpp"

#include <algorithm>

namespace peer::sealed {
namespace {

constexpr std::size_t kPlacesMin = 64;
constexpr std::size_t kPlacesMax = 2 * MessageIds::kPerGeneration;

}  // namespace

MessageIds::MessageIds(common::Random& random) { random.fill(key_); }

bool MessageIds::insert(const common::IdentityKey& sender, const MessageId& id) {
  std::array<std::byte, sizeof(sender.bytes) + sizeof(MessageId)> both;
  std::copy(sender.bytes.begin(), sender.bytes.end(), both.begin());
  std::copy(id.begin(), id.end(), both.begin() + sizeof(sender.bytes));
  // security: strangers choose ids; a secret key keeps them from aiming at one place. The hash
  // stands for the sender as well: that two of the remembered collide is as likely as 1 in 2^48.
  const std::uint64_t hash = std::max<std::uint64_t>(common::siphash(key_, both), 1);
  if (contains(young_, hash, id) || contains(old_, hash, id)) return false;
  if (2 * (young_count_ + 1) > young_.size()) make_room();
  put(young_, hash, id);
  ++young_count_;
  return true;
}

bool MessageIds::contains(const Table& table, std::uint64_t hash, const MessageId& id) {
  if (table.empty()) return false;
  const std::size_t mask = table.size() - 1;
  for (std::size_t at = hash & mask; table[at].hash != 0; at = (at + 1) & mask)
    if (table[at].hash == hash && table[at].id == id) return true;
  return false;
}

void MessageIds::put(Table& table, std::uint64_t hash, const MessageId& id) {
  const std::size_t mask = table.size() - 1;
  std::size_t at = hash & mask;
  while (table[at].hash != 0) at = (at + 1) & mask;
  table[at] = {id, hash};
}

void MessageIds::make_room() {
  if (young_.size() < kPlacesMax) {
    Table larger(std::max(2 * young_.size(), kPlacesMin));
    for (const Entry& entry : young_)
      if (entry.hash != 0) put(larger, entry.hash, entry.id);
    young_ = std::move(larger);
    return;
  }
  // The older half is forgotten; its memory becomes the new young one.
  std::swap(young_, old_);
  young_.assign(kPlacesMax, Entry{});
  young_count_ = 0;
}

}  // namespace peer::sealed
