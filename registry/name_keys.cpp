#include "registry/name_keys.hpp"

#include <algorithm>
#include <utility>

#include "common/base64.hpp"

namespace registry {

NameKeys::Verdict NameKeys::judge(const common::UserName& name,
                                  const common::Signer* signer) const {
  const NameKey* held = find(name);
  if (held == nullptr) return Verdict::kUnbound;
  if (signer == nullptr || signer->certificate.identity != held->identity) return Verdict::kOther;
  // security: what somebody has recorded must not move a name back to where it was.
  const bool is_new = signer->serial > held->request_serial &&
                      signer->certificate.serial >= held->certificate_serial;
  return is_new ? Verdict::kHolder : Verdict::kStale;
}

bool NameKeys::has_room(const common::IpAddress& source) const {
  return by_name_.size() < kKeysMax && per_source_.count(source) < kKeysPerSourceMax;
}

NameKey NameKeys::next(const common::UserName& name, const common::Signer& signer,
                       const common::IpAddress& source, common::WallTime wall_now) const {
  ENSURE(judge(name, &signer) == Verdict::kUnbound || judge(name, &signer) == Verdict::kHolder);
  const NameKey* held = find(name);
  return {.name = name,
          .identity = signer.certificate.identity,
          .request_serial = signer.serial,
          .certificate_serial = signer.certificate.serial,
          .certificate =
              std::make_shared<const std::string>(common::encode_base64(signer.certificate_bytes)),
          .source = held != nullptr ? held->source : source,
          .used = wall_now};
}

void NameKeys::put(common::TimePoint now, NameKey key, common::Duration unused) {
  const std::string name_key = key.name.key();
  const auto it = by_name_.find(name_key);
  const common::TimePoint unused_at = now + std::max(kUnusedMax - unused, common::Duration{});
  if (it != by_name_.end()) {
    // The counter of the source that bound it goes on holding, whatever the new value says.
    key.source = it->second.key.source;
    it->second.key = std::move(key);
    reschedule(it->second, unused_at);
    return;
  }
  per_source_.add(key.source);
  by_time_.emplace(unused_at, name_key);
  by_name_.emplace(name_key, Held{std::move(key), unused_at});
}

void NameKeys::touch(common::TimePoint now, const common::UserName& name,
                     std::uint64_t request_serial) {
  const auto it = by_name_.find(name.key());
  ENSURE(it != by_name_.end());
  it->second.key.request_serial = std::max(it->second.key.request_serial, request_serial);
  reschedule(it->second, now + kUnusedMax);
}

const NameKey* NameKeys::find(const common::UserName& name) const {
  const auto it = by_name_.find(name.key());
  return it == by_name_.end() ? nullptr : &it->second.key;
}

std::vector<common::UserName> NameKeys::unused(common::TimePoint now, std::size_t count_max) const {
  std::vector<common::UserName> names;
  for (auto it = by_time_.begin(); it != by_time_.end() && it->first <= now; ++it) {
    if (names.size() == count_max) break;
    names.push_back(by_name_.find(it->second)->second.key.name);
  }
  return names;
}

void NameKeys::erase(const common::UserName& name) {
  const auto it = by_name_.find(name.key());
  if (it == by_name_.end()) return;
  per_source_.remove(it->second.key.source);
  by_time_.erase({it->second.unused_at, it->first});
  by_name_.erase(it);
}

std::optional<common::TimePoint> NameKeys::next_unused() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::vector<NameKey> NameKeys::snapshot() const {
  std::vector<NameKey> keys;
  keys.reserve(by_name_.size());
  for (const auto& [name_key, held] : by_name_) keys.push_back(held.key);
  return keys;
}

void NameKeys::reschedule(Held& held, common::TimePoint unused_at) {
  auto node = by_time_.extract({held.unused_at, held.key.name.key()});
  ENSURE(!node.empty());
  node.value().first = held.unused_at = unused_at;
  by_time_.insert(std::move(node));
}

}  // namespace registry
