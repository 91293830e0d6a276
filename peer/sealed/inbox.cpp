#include "peer/sealed/inbox.hpp"

#include "common/check.hpp"

namespace peer::sealed {
namespace {

/// What a held message costs beside its body, roughly.
constexpr std::size_t kHeldOverhead = 160;

}  // namespace

Inbox::~Inbox() {
  for (auto it = held_.begin(); it != held_.end();) it = erase(it);
}

void Inbox::handle_floor(std::uint64_t floor, const Delivery& delivery) {
  if (floor <= next_) return;
  for (auto it = held_.begin(); it != held_.end() && it->first < floor;) {
    const auto* parts = std::get_if<Reassembly>(&it->second.body);
    if (parts == nullptr || parts->is_complete()) deliver(it->second, delivery);
    it = erase(it);
  }
  next_ = floor;
  deliver_waiting(delivery);
}

Inbox::Taken Inbox::handle_message(std::uint64_t number, const Message& message,
                                   const Delivery& delivery) {
  if (number < next_) return Taken::kYes;
  if (number == next_) {
    if (!held_.empty() && held_.begin()->first == number) return Taken::kBroken;  // came in parts
    deliver(message.kind, message.level, message.id, message.body, delivery);
    ++next_;
    if (!held_.empty()) deliver_waiting(delivery);
    return Taken::kYes;
  }
  if (number - next_ >= kUnfinishedMessagesMax) return Taken::kBroken;
  if (const auto known = held_.find(number); known != held_.end())
    return known->second.id == message.id ? Taken::kYes : Taken::kBroken;
  if (!try_hold(message.body.size())) return Taken::kNoRoom;
  held_.emplace(number, Held{message.kind, message.level, message.id, delivery.is_early,
                             common::ByteVector(message.body.begin(), message.body.end()),
                             message.body.size(), delivery.now});
  return Taken::kYes;
}

Inbox::Taken Inbox::handle_fragment(std::uint64_t number, const Fragment& fragment,
                                    const Delivery& delivery) {
  if (number < next_) return Taken::kYes;
  if (number - next_ >= kUnfinishedMessagesMax) return Taken::kBroken;
  auto it = held_.find(number);
  if (it == held_.end()) {
    if (reassembly_count_ == kReassembliesMax || !try_hold(fragment.total)) return Taken::kNoRoom;
    ++reassembly_count_;
    it = held_
             .emplace(number, Held{fragment.kind, fragment.level, fragment.id, delivery.is_early,
                                   Reassembly(fragment), fragment.total, delivery.now})
             .first;
  } else {
    auto* parts = std::get_if<Reassembly>(&it->second.body);
    if (parts == nullptr || !parts->add(fragment)) return Taken::kBroken;
    it->second.touched = delivery.now;
  }
  if (number == next_) deliver_waiting(delivery);
  return Taken::kYes;
}

void Inbox::handle_timeout(common::TimePoint now) {
  for (auto it = held_.begin(); it != held_.end();)
    it = it->second.touched + kReassemblyTime <= now ? erase(it) : std::next(it);
}

bool Inbox::try_hold(std::size_t bytes) {
  if (held_bytes_ + bytes > kUnfinishedBytesMax) return false;
  if (!budget_.try_take(bytes + kHeldOverhead)) return false;
  held_bytes_ += bytes;
  return true;
}

void Inbox::release(std::size_t bytes) {
  held_bytes_ -= bytes;
  budget_.give_back(bytes + kHeldOverhead);
}

void Inbox::deliver(const Held& held, const Delivery& delivery) {
  Delivery as_it_came = delivery;
  as_it_came.is_early = held.is_early;
  const auto* whole = std::get_if<common::ByteVector>(&held.body);
  deliver(held.kind, held.level, held.id,
          whole != nullptr ? common::Bytes(*whole) : std::get<Reassembly>(held.body).body(),
          as_it_came);
}

void Inbox::deliver(MessageKind kind, Level level, const MessageId& id, common::Bytes body,
                    const Delivery& delivery) {
  if (!ids_.insert(sender_, id)) return;  // shown before, by whatever way
  delivery.out.push({.session = delivery.session,
                     .kind = kind,
                     .level = level,
                     .id = id,
                     .is_early = delivery.is_early,
                     .body = body});
}

void Inbox::deliver_waiting(const Delivery& delivery) {
  auto it = held_.begin();
  while (it != held_.end() && it->first == next_) {
    const auto* parts = std::get_if<Reassembly>(&it->second.body);
    if (parts != nullptr && !parts->is_complete()) return;
    deliver(it->second, delivery);
    it = erase(it);
    ++next_;
  }
}

std::map<std::uint64_t, Inbox::Held>::iterator Inbox::erase(
    std::map<std::uint64_t, Held>::iterator it) {
  release(it->second.bytes);
  if (std::holds_alternative<Reassembly>(it->second.body)) --reassembly_count_;
  return held_.erase(it);
}

}  // namespace peer::sealed
