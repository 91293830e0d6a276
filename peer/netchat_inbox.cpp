#include "peer/netchat_inbox.hpp"

#include <algorithm>
#include <utility>

namespace peer {

using common::NetchatEnd;

bool NetchatInbox::accept(TimePoint now, LinkId link, const common::IpAddress& from) {
  const auto is_his = [&](const auto& held) { return held.second.from == from; };
  const auto count = static_cast<std::size_t>(std::count_if(links_.begin(), links_.end(), is_his));
  if (links_.size() >= kLinksMax || (!from.is_loopback() && count >= kLinksPerSourceMax))
    return false;
  const TimePoint end_by = now + kMessageTime;
  links_.emplace(link, Link{from, {}, end_by, end_by, {}});
  return true;
}

std::optional<NetchatInbox::Arrived> NetchatInbox::push(TimePoint now, common::WallTime wall,
                                                        LinkId id, std::string_view bytes) {
  const auto it = links_.find(id);
  if (it == links_.end()) return std::nullopt;
  Link& link = it->second;
  if (link.bytes.size() + bytes.size() > kBytesMax) {
    overlong_.push_back(id);
    links_.erase(it);
    return std::nullopt;
  }
  link.bytes += bytes;
  link.wall = wall;
  link.due = link.end_by;
  switch (common::find_netchat_end(link.bytes)) {
    case NetchatEnd::kCertain:
      return take(id);
    case NetchatEnd::kLikely:
      link.due = std::min(link.end_by, now + kQuoteGrace);
      break;
    case NetchatEnd::kOpen:
      break;
  }
  return std::nullopt;
}

std::optional<NetchatInbox::Arrived> NetchatInbox::end(LinkId link, bool is_broken) {
  if (!is_broken) return take(link);
  links_.erase(link);
  return std::nullopt;
}

std::optional<NetchatInbox::Arrived> NetchatInbox::take(LinkId id) {
  const auto node = links_.extract(id);
  if (node.empty()) return std::nullopt;
  const Link& link = node.mapped();
  auto signal = common::decode_netchat(link.bytes);
  if (!signal) return std::nullopt;
  return Arrived{id, link.from, link.wall, *std::move(signal)};
}

std::vector<NetchatInbox::Overdue> NetchatInbox::take_overdue(TimePoint now) {
  std::vector<LinkId> due;
  for (const auto& [id, link] : links_)
    if (link.due <= now) due.push_back(id);
  std::vector<Overdue> overdue;
  for (const LinkId id : due) {
    const bool is_whole = common::find_netchat_end(links_.at(id).bytes) == NetchatEnd::kLikely;
    overdue.push_back({id, end(id, /*is_broken=*/!is_whole)});
  }
  return overdue;
}

void NetchatInbox::postpone(TimePoint now) {
  for (auto& [id, link] : links_) {
    link.end_by = std::max(link.end_by, now + kQuoteGrace);
    link.due = std::max(link.due, now + kQuoteGrace);
  }
}

std::optional<TimePoint> NetchatInbox::next_timeout() const {
  std::optional<TimePoint> next;
  for (const auto& [id, link] : links_)
    if (!next || link.due < *next) next = link.due;
  return next;
}

std::optional<LinkId> NetchatInbox::take_overlong() {
  if (overlong_.empty()) return std::nullopt;
  const LinkId link = overlong_.back();
  overlong_.pop_back();
  return link;
}

}  // namespace peer
