#include "registry/doors/netchat.hpp"

#include <algorithm>

#include "common/check.hpp"
#include "common/limits.hpp"
#include "common/netchat_message.hpp"
#include "common/take_front.hpp"
#include "registry/doors/limits.hpp"

namespace registry::doors {

using common::IpAddress;
using common::NetchatEnd;

void NetchatDoor::handle_accepted(TimePoint now, StreamId id, const IpAddress& source,
                                  const common::Endpoint& local) {
  const common::UserName* user = gateway_ != nullptr ? gateway_->user_at(local.port) : nullptr;
  const char* refused = nullptr;
  if (user == nullptr || is_stopping_) refused = "nobody";
  if (streams_.size() >= kNetchatStreamsMax) refused = "too_many";
  if (per_source_.count(source) >= kNetchatStreamsPerSourceMax) refused = "too_many_from_source";
  if (refused != nullptr) {
    ++counters_.refused[refused];
    actions_.push_back(Close{id});
    return;
  }
  ++counters_.accepted;
  per_source_.add(source);
  const TimePoint end_by = now + kNetchatMessageTime;
  streams_.emplace(id, Stream{.to = *user,
                              .port = local.port,
                              .source = source,
                              .end_by = end_by,
                              .deadline = end_by,
                              .bytes = {}});
  deadlines_.emplace(end_by, id);
}

bool NetchatDoor::handle_bytes(TimePoint now, StreamId id, std::string_view bytes) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return true;  // closed by us; the last of its bytes
  Stream& stream = it->second;
  if (stream.bytes.size() + bytes.size() > kNetchatInputBytesMax) {
    give_up(id, "too_long");
    return true;
  }
  stream.bytes += bytes;
  switch (common::find_netchat_end(stream.bytes)) {
    case NetchatEnd::kCertain:
      take_message(id, stream);
      break;
    case NetchatEnd::kLikely:
      set_deadline(id, stream, std::min(stream.end_by, now + kNetchatQuoteGrace));
      break;
    case NetchatEnd::kOpen:
      set_deadline(id, stream, stream.end_by);
      break;
  }
  return true;
}

void NetchatDoor::handle_end(TimePoint, StreamId id) {
  const auto it = streams_.find(id);
  if (it != streams_.end()) take_message(id, it->second);
}

void NetchatDoor::handle_closed(TimePoint, StreamId id) {
  if (!streams_.contains(id)) return;
  gateway_->drop("broken");
  end_stream(id);
}

void NetchatDoor::take_message(StreamId id, Stream& stream) {
  const auto signal = common::decode_netchat(stream.bytes);
  // The port may have got another user since the connection came.
  const common::UserName* user = gateway_->user_at(stream.port);
  if (!signal) {
    gateway_->drop("empty");
  } else if (user == nullptr || !(*user == stream.to)) {
    gateway_->drop("nobody");
  } else if (const auto* message = std::get_if<common::NetchatMessage>(&*signal)) {
    gateway_->handle_message(stream.to, stream.source, message->sender, message->text);
  } else {
    gateway_->drop("delete");  // nobody else's program could do that
  }
  actions_.push_back(Close{id});
  end_stream(id);
}

void NetchatDoor::set_deadline(StreamId id, Stream& stream, TimePoint when) {
  deadlines_.erase({stream.deadline, id});
  stream.deadline = when;
  deadlines_.emplace(when, id);
}

void NetchatDoor::give_up(StreamId id, const char* reason) {
  gateway_->drop(reason);
  actions_.push_back(Close{id});
  end_stream(id);
}

void NetchatDoor::end_stream(StreamId id) {
  const auto node = streams_.extract(id);
  ENSURE(!node.empty());
  const Stream& stream = node.mapped();
  deadlines_.erase({stream.deadline, id});
  per_source_.remove(stream.source);
}

std::optional<TimePoint> NetchatDoor::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void NetchatDoor::handle_timeout(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const StreamId id = deadlines_.begin()->second;
    Stream& stream = streams_.at(id);
    if (common::find_netchat_end(stream.bytes) == NetchatEnd::kLikely) {
      take_message(id, stream);
    } else {
      give_up(id, "slow");
    }
  }
}

void NetchatDoor::handle_push(TimePoint now, Hub::Push push) {
  const NetchatDialer::Bytes bytes = render(push.message);
  NetchatDialer::Outcomes outcomes;
  if (is_stopping_) {
    outcomes.emplace_back(push.delivery, DeliveryOutcome::kLeft);
  } else if (bytes == nullptr) {
    outcomes.emplace_back(push.delivery, DeliveryOutcome::kRefused);
  } else {
    dialer_.push(now, push.to, push.delivery, bytes, outcomes);
  }
  report(outcomes);
  dial_next(now);
}

// Null if no NetChat program can be given this text.
NetchatDialer::Bytes NetchatDoor::render(const MessagePtr& message) {
  if (message == last_message_) return last_bytes_;
  const auto sender = common::UserName::parse_addressee(message->from);  // also the room's messages
  auto bytes = sender ? common::encode_netchat(*sender, message->text)
                      : common::expected<std::string, common::NetchatError>(
                            common::unexpected{common::NetchatError::kBadSender});
  last_message_ = message;
  last_bytes_ = bytes ? std::make_shared<const std::string>(*std::move(bytes)) : nullptr;
  return last_bytes_;
}

void NetchatDoor::dial_next(TimePoint now) {
  NetchatDialer::Outcomes outcomes;
  while (const auto dial = dialer_.take_next(now, outcomes)) {
    if (may_dial(dial->to)) {
      actions_.push_back(*dial);
    } else {
      ++counters_.failed_dials["forbidden"];
      dialer_.handle_dialed(dial->client, false, DeliveryOutcome::kRefused, outcomes);
    }
  }
  report(outcomes);
}

// security: a user could otherwise register a port of the registry's own, and have it talk to
// itself, or two gateway ports send each other the same message for ever.
bool NetchatDoor::may_dial(const common::Endpoint& to) const {
  if (to.port < common::kUserPortMin) return false;
  const bool is_own_port =
      std::find(own_ports_.begin(), own_ports_.end(), to.port) != own_ports_.end() ||
      (gateway_ != nullptr && gateway_->has_port(to.port));
  if (!is_own_port) return true;
  return !to.address.is_loopback() && !(is_own_address_ && is_own_address_(to.address));
}

void NetchatDoor::handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) {
  NetchatDialer::Outcomes outcomes;
  auto bytes = dialer_.handle_dialed(client, stream.has_value(), DeliveryOutcome::kLeft, outcomes);
  if (stream) {
    ++counters_.dialed;
    if (bytes != nullptr) actions_.push_back(Write{*stream, std::move(bytes)});
    actions_.push_back(Close{*stream});
  } else {
    ++counters_.failed_dials["unreachable"];
  }
  report(outcomes);
  dial_next(now);
}

void NetchatDoor::report(const NetchatDialer::Outcomes& outcomes) {
  for (const auto& [delivery, outcome] : outcomes) hub_.handle_outcome(delivery, outcome);
}

void NetchatDoor::fail_deliveries() {
  is_stopping_ = true;
  NetchatDialer::Outcomes outcomes;
  dialer_.fail_all(DeliveryOutcome::kLeft, outcomes);
  report(outcomes);
}

void NetchatDoor::shut_down(TimePoint) {
  while (!streams_.empty()) give_up(streams_.begin()->first, "stopping");
}

std::optional<StreamAction> NetchatDoor::poll_action() { return common::take_front(actions_); }

std::vector<DoorMetric> NetchatDoor::metrics() const {
  return {
      {"streams", "Connections at gateway ports.", true, {}, {{"", streams_.size()}}},
      {"accepted_total", "Connections taken there.", false, {}, {{"", counters_.accepted}}},
      counts_by_reason("refused_total", "Connections closed at once.", counters_.refused),
      {"dials", "Connections being made to users.", true, {}, {{"", dialer_.dial_count()}}},
      {"waiting", "Messages that wait for one.", true, {}, {{"", dialer_.waiting_count()}}},
      {"dialed_total", "Connections made to users.", false, {}, {{"", counters_.dialed}}},
      counts_by_reason("failed_dials_total", "Users who could not be connected to.",
                       counters_.failed_dials),
  };
}

}  // namespace registry::doors
