#include "peer/meet_links.hpp"

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "peer/meet_protocol.hpp"

namespace peer {
namespace {

bool is_same_place(const common::IpAddress& a, const common::IpAddress& b) {
  return a == b || (a.is_loopback() && b.is_loopback());
}

}  // namespace

using common::Endpoint;
using common::IpAddress;

std::vector<MeetLinks::Received> MeetLinks::begin_chat(TimePoint now, std::string_view partner,
                                                       const Endpoint& endpoint) {
  chat_ = Chat{std::string(partner), endpoint};
  std::vector<Received> received;
  for (Early& early : std::exchange(early_, {})) {
    const bool is_fresh = now < early.when + kEarlyTime;
    if (!is_fresh || !is_partner(now, early.from, early.received.sender)) continue;
    if (const auto it = accepted_.find(early.link); it != accepted_.end())
      it->second.has_brought_text = true;
    received.push_back(std::move(early.received));
  }
  return received;
}

void MeetLinks::end_chat(TimePoint now) {
  if (!chat_) return;
  last_chat_ = std::exchange(chat_, std::nullopt);
  last_until_ = now + kEarlyTime;
}

// security: whoever reaches our port could put words into the partner's mouth; so they count from
// where he is, under his name.
bool MeetLinks::is_partner(TimePoint now, const IpAddress& from, std::string_view sender) const {
  const auto is_his = [&](const std::optional<Chat>& chat) {
    if (!chat) return false;
    return is_same_place(from, chat->endpoint.address) && sender == chat->partner;
  };
  return is_his(chat_) || (now < last_until_ && is_his(last_chat_));
}

void MeetLinks::send(std::string frame, std::deque<Conversation::Action>& actions) {
  ENSURE(chat_.has_value());
  const auto known = by_endpoint_.find(chat_->endpoint);
  const LinkId link =
      known != by_endpoint_.end() ? known->second : connect(chat_->endpoint, actions);
  Own& own = own_.at(link);
  own.partner = chat_->partner;
  own.used = ++uses_;
  own.unsent += frame.size();
  unsent_ += frame.size();
  actions.push_back(Conversation::Send{link, std::move(frame)});
}

std::size_t MeetLinks::unsent_to_partner() const {
  const auto known = chat_ ? by_endpoint_.find(chat_->endpoint) : by_endpoint_.end();
  return known == by_endpoint_.end() ? 0 : own_.at(known->second).unsent;
}

std::optional<LinkId> MeetLinks::finish(std::deque<Conversation::Action>& actions) const {
  const auto known = chat_ ? by_endpoint_.find(chat_->endpoint) : by_endpoint_.end();
  if (known == by_endpoint_.end()) return std::nullopt;
  actions.push_back(Conversation::CloseLink{known->second});
  return known->second;
}

LinkId MeetLinks::connect(const Endpoint& to, std::deque<Conversation::Action>& actions) {
  if (own_.size() >= kOwnMax) {
    const auto oldest = std::min_element(
        own_.begin(), own_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    const LinkId closed = oldest->first;
    handle_closed(closed);
    actions.push_back(Conversation::CloseLink{closed});
  }
  const LinkId link{++last_link_};  // 0 is the registry's
  own_.emplace(link, Own{.to = to, .partner = {}});
  by_endpoint_.emplace(to, link);
  actions.push_back(Conversation::Connect{link, to, kConnectTime});
  return link;
}

void MeetLinks::handle_sent(LinkId link, std::size_t bytes) {
  const auto own = own_.find(link);
  if (own == own_.end()) return;
  const std::size_t taken = std::min(bytes, own->second.unsent);
  own->second.unsent -= taken;
  unsent_ -= taken;
}

bool MeetLinks::is_at_partner(const IpAddress& from) const {
  return chat_ && is_same_place(from, chat_->endpoint.address);
}

// security: the shell holds so many connections and no more, and whoever reaches our port can make
// them and say nothing. They must not keep a partner out.
bool MeetLinks::accept(LinkId link, const Endpoint& from,
                       std::deque<Conversation::Action>& actions) {
  const auto is_of_source = [&](const auto& entry) { return entry.second.from == from.address; };
  if (!from.address.is_loopback() && !is_at_partner(from.address) &&
      std::count_if(accepted_.begin(), accepted_.end(), is_of_source) >=
          static_cast<std::ptrdiff_t>(kAcceptedPerSourceMax)) {
    return false;
  }
  if (accepted_.size() >= kAcceptedMax) {
    const auto closed = oldest_idle();
    if (!closed) return false;
    accepted_.erase(*closed);
    actions.push_back(Conversation::CloseLink{*closed, /*is_at_once=*/true});
  }
  accepted_.emplace(link, Accepted{.from = from.address, .since = ++accepts_, .input = {}});
  return true;
}

std::optional<LinkId> MeetLinks::oldest_idle() const {
  std::optional<LinkId> oldest;
  std::pair<bool, std::uint64_t> first;
  for (const auto& [link, accepted] : accepted_) {
    if (accepted.has_brought_text) continue;
    const std::pair rank(is_at_partner(accepted.from), accepted.since);
    if (oldest && first < rank) continue;
    oldest = link;
    first = rank;
  }
  return oldest;
}

std::vector<MeetLinks::Received> MeetLinks::handle_bytes(TimePoint now, common::WallTime wall,
                                                         LinkId link, std::string_view bytes,
                                                         std::uint64_t& unknown) {
  std::vector<Received> received;
  const auto found = accepted_.find(link);
  if (found == accepted_.end()) return received;  // on a connection of ours nobody writes
  Accepted& accepted = found->second;
  accepted.input.push(bytes);
  while (const auto data = accepted.input.next()) {
    const auto message = parse_meet_message(*data);
    if (!message) {
      ++unknown;
      continue;
    }
    Received one{wall, std::string(message->sender), std::string(message->text)};
    if (is_partner(now, accepted.from, one.sender)) {
      accepted.has_brought_text = true;
      received.push_back(std::move(one));
    } else if (!chat_) {
      early_.push_back({now, link, accepted.from, std::move(one)});
      if (early_.size() > kEarlyMax) {
        early_.pop_front();
        ++unknown;
      }
    } else {
      ++unknown;
    }
  }
  if (accepted.input.error() && !std::exchange(accepted.is_broken, true)) ++unknown;
  return received;
}

std::optional<std::string> MeetLinks::handle_closed(LinkId link) {
  accepted_.erase(link);
  const auto own = own_.find(link);
  if (own == own_.end()) return std::nullopt;
  std::optional<std::string> missed;
  if (own->second.unsent > 0) missed = std::move(own->second.partner);
  unsent_ -= own->second.unsent;
  by_endpoint_.erase(own->second.to);
  own_.erase(own);
  return missed;
}

std::set<std::string> MeetLinks::awaited_by() const {
  std::set<std::string> partners;
  for (const auto& [link, own] : own_)
    if (own.unsent > 0) partners.insert(own.partner);
  return partners;
}

}  // namespace peer
