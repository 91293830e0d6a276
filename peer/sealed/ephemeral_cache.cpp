#include "peer/sealed/ephemeral_cache.hpp"

#include <utility>

namespace peer::sealed {
namespace {

std::array<std::byte, 16> draw_key(common::Random& random) {
  std::array<std::byte, 16> key{};
  random.fill(key);
  return key;
}

}  // namespace

EphemeralCache::EphemeralCache(common::Random& random) : entries_(0, Hash{draw_key(random)}) {}

void EphemeralCache::insert(const common::ExchangeKey& ephemeral) {
  ENSURE(!is_full());
  ENSURE(entries_.try_emplace(ephemeral).second);
}

void EphemeralCache::keep_resp(common::TimePoint now, const common::ExchangeKey& ephemeral,
                               const common::Endpoint& from, common::ByteVector resp) {
  drop_old_resps(now);
  const auto it = entries_.find(ephemeral);
  ENSURE(it != entries_.end() && it->second.resp.empty());
  it->second = {.from = from, .resp_until = now + kRespLifetime, .resp = std::move(resp)};
  with_resp_.push_back(ephemeral);
}

const common::ByteVector* EphemeralCache::find_resp(common::TimePoint now,
                                                    const common::ExchangeKey& ephemeral,
                                                    const common::Endpoint& from) const {
  const auto it = entries_.find(ephemeral);
  if (it == entries_.end() || it->second.resp.empty()) return nullptr;
  if (it->second.from != from || now >= it->second.resp_until) return nullptr;
  return &it->second.resp;
}

void EphemeralCache::drop_old_resps(common::TimePoint now) {
  while (!with_resp_.empty()) {
    Entry& oldest = entries_.find(with_resp_.front())->second;
    if (now < oldest.resp_until) return;
    oldest.resp = {};
    with_resp_.pop_front();
  }
}

}  // namespace peer::sealed
