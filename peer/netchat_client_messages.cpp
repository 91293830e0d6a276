// The messages of NetchatClient: those that the person sends and takes back, and those that come.
#include <fmt/format.h>

#include <utility>

#include "common/check.hpp"
#include "common/safe_text.hpp"
#include "peer/netchat_client.hpp"
#include "peer/received.hpp"
#include "peer/registry_failure.hpp"
#include "peer/registry_protocol.hpp"
#include "peer/severity.hpp"
#include "peer/typed_name.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::NetchatReply;
using common::Transport;

bool is_same_machine(const common::IpAddress& a, const common::IpAddress& b) {
  return a == b || (a.is_loopback() && b.is_loopback());
}

}  // namespace

// -- sending, and taking back ------------------------------------------------------------------

void NetchatClient::take_back(std::string_view typed) {
  auto newest = history_.newest_sent(correspondent_of(typed).key);
  if (!newest) {
    say(">>No messages to delete!");
    return report(ExitStatus::kSomeMissed);
  }
  delivery_.emplace(Delivery{.names = {std::string(typed)},
                             .next = 0,
                             .text = {},
                             .is_multi = false,
                             .take_back = std::move(newest),
                             .to = {},
                             .id = {},
                             .unknown = {},
                             .sent = 0,
                             .failed = 0,
                             .worst = ExitStatus::kOk});
  send_next();
}

/// Looks the next recipient up, or ends the command.
void NetchatClient::send_next() {
  Delivery& delivery = *delivery_;
  for (; delivery.next < delivery.names.size(); ++delivery.next) {
    if (auto name = parse_typed_name(delivery.names[delivery.next])) {
      delivery.to = std::move(name);
      return ask(Asked::kLookup, make_lookup(*delivery.to));
    }
    delivery.unknown.push_back(common::to_terminal(delivery.names[delivery.next], false));
  }
  end_delivery();
}

void NetchatClient::handle_lookup(const RegistryAnswer& answer) {
  const auto fail = [&](const RegistryFailure& failure) {
    fail_recipient(failure.status, fmt::format("the registry at {} did not help: {}",
                                               options_.registry, failure.why));
  };
  if (!answer.answer) return fail(failure_of(answer.answer.error()));
  const LookupOutcome outcome = interpret_lookup(*delivery_->to, *answer.answer, Transport::kTcp);
  if (const auto failure = failure_of(outcome)) return fail(*failure);
  const auto* user = std::get_if<common::User>(&outcome);
  if (user == nullptr) return miss_recipient();
  const bool is_netchat = !user->is_relayed && user->transport == Transport::kTcp;
  if (!delivery_->take_back) return is_netchat ? send_to(*user) : relay_to(*user);
  // What went by way of the registry has no id, whatever his program is by now.
  if (is_netchat && !delivery_->take_back->id.empty()) return send_to(*user);
  fail_recipient(ExitStatus::kRefused,
                 fmt::format("{}'s program takes nothing back", user->name.text()));
}

void NetchatClient::send_to(const common::User& user) {
  Delivery& delivery = *delivery_;
  std::string bytes;
  if (delivery.take_back) {
    delivery.id = delivery.take_back->id;
    bytes = common::encode_netchat_delete(options_.name, delivery.id);
  } else {
    delivery.id = make_message_id(random_);
    auto encoded = common::encode_netchat(options_.name, delivery.text, delivery.id);
    if (!encoded) return fail_recipient(ExitStatus::kBadInput, to_string(encoded.error()));
    bytes = *std::move(encoded);
  }
  // Programs that take a message and stay: each may for a while.
  if (own_links_.size() >= kOwnLinksMax)
    return fail_recipient(ExitStatus::kTemporary, "too many connections are still open");
  const LinkId link = free_link();
  call_.emplace(link, delivery.id);
  actions_.push_back(Connect{link, user.endpoint, NetchatCall::kConnectTime});
  actions_.push_back(Send{link, std::move(bytes)});
}

// Who speaks another dialect is reached by way of the registry.
void NetchatClient::relay_to(const common::User& user) {
  delivery_->id.clear();
  ask(Asked::kRelay, make_message(options_.name, user.name, delivery_->text, options_.owner_token));
}

void NetchatClient::handle_relayed(const RegistryAnswer& answer) {
  if (!answer.answer) {
    const RegistryFailure failure = failure_of(answer.answer.error());
    return fail_recipient(failure.status, fmt::format("the registry at {} did not help: {}",
                                                      options_.registry, failure.why));
  }
  const MessageOutcome outcome = interpret_message(*answer.answer);
  if (const auto failure = failure_of(outcome))
    return fail_recipient(failure->status, failure->why);
  if (const auto* none = std::get_if<NoReceipt>(&outcome)) {
    return fail_recipient(ExitStatus::kTemporary,
                          fmt::format("it was not confirmed, and may arrive: {}", none->text));
  }
  if (std::holds_alternative<NotFound>(outcome)) return miss_recipient();
  end_recipient(true);
}

void NetchatClient::end_call(const NetchatCall::Outcome& outcome) {
  using OutcomeKind = NetchatCall::Outcome::Kind;
  call_.reset();
  if (!delivery_) return;
  const std::string who = delivery_->to->text();
  switch (outcome.kind) {
    case OutcomeKind::kTaken:
    case OutcomeKind::kHanded:
      return end_recipient(true);
    case OutcomeKind::kRefused:
      return fail_recipient(ExitStatus::kRefused, fmt::format("{}'s program refused it", who));
    case OutcomeKind::kFailed:
      return fail_recipient(ExitStatus::kTemporary,
                            outcome.why.empty() ? "the connection was closed" : outcome.why);
    case OutcomeKind::kNoAnswer:
      return fail_recipient(ExitStatus::kTemporary,
                            fmt::format("{} did not read it in time; it may arrive", who));
    case OutcomeKind::kForeign:
      return fail_recipient(ExitStatus::kProtocol,
                            fmt::format("{}'s address speaks something else", who));
  }
}

void NetchatClient::end_recipient(bool is_sent) {
  Delivery& delivery = *delivery_;
  const std::string& key = delivery.to->key();
  if (is_sent && delivery.take_back) history_.mark_deleted(key, delivery.take_back->entry);
  if (is_sent && !delivery.take_back) history_.add_sent(key, delivery.text, delivery.id);
  ++(is_sent ? delivery.sent : delivery.failed);
  ++delivery.next;
  send_next();
}

void NetchatClient::fail_recipient(ExitStatus status, const std::string& why) {
  say(fmt::format(">>Failed to send {}: {}",
                  delivery_->take_back ? "delete notification" : "message",
                  common::to_terminal(why, false)));
  delivery_->worst = worse_of(delivery_->worst, status);
  end_recipient(false);
}

void NetchatClient::miss_recipient() {
  if (delivery_->take_back)
    return fail_recipient(ExitStatus::kNoUser,
                          fmt::format("{} is not there any more", delivery_->to->text()));
  delivery_->unknown.push_back(delivery_->to->text());
  ++delivery_->next;
  send_next();
}

void NetchatClient::end_delivery() {
  const Delivery delivery = *std::exchange(delivery_, std::nullopt);
  ExitStatus worst = delivery.worst;
  if (!delivery.unknown.empty()) worst = worse_of(worst, ExitStatus::kNoUser);
  const bool is_some = delivery.sent > 0 && worst != ExitStatus::kOk;
  report(is_some ? ExitStatus::kSomeMissed : worst);
  if (!delivery.unknown.empty()) {
    if (!delivery.is_multi) return say(">>User not found!");
    std::string names;
    for (const std::string& name : delivery.unknown) names += (names.empty() ? "" : ", ") + name;
    return say(fmt::format(">> Error: Message cannot be sent to {}, user does not exist", names));
  }
  if (delivery.failed > 0) return;
  if (delivery.take_back) return print_history(correspondent_of(delivery.names[0]).key);
  say(">>Message sent!");
}

LinkId NetchatClient::free_link() {
  for (;;) {
    last_link_ = last_link_ % kOwnLinksMax + 1;
    const LinkId link{last_link_};
    if (own_links_.insert(link).second) return link;
  }
}

void NetchatClient::handle_connected(TimePoint now, LinkId link, const common::Endpoint&) {
  if (call_ && call_->link() == link) call_->handle_connected(now);
}

// -- links -------------------------------------------------------------------------------------

void NetchatClient::handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                                 common::Bytes bytes) {
  if (step_ == Step::kLeft) return;
  if (is_accepted(link)) {
    auto arrived = inbox_.push(now, wall, link, common::as_text(bytes));
    if (const auto overlong = inbox_.take_overlong()) {
      actions_.push_back(CloseLink{*overlong});
      if (++overlong_ == 1) {
        note(fmt::format("a message of more than {} bytes was left out", NetchatInbox::kBytesMax),
             /*is_problem=*/true);
      }
    }
    if (arrived) take_arrived(now, *std::move(arrived));
    return;
  }
  if (!call_ || call_->link() != link) return;
  if (const auto outcome = call_->handle_bytes(common::as_text(bytes))) {
    actions_.push_back(CloseLink{link});
    end_call(*outcome);
    advance(now);
  }
}

void NetchatClient::handle_closed(TimePoint now, LinkId link, std::string_view why) {
  if (step_ == Step::kLeft) return;
  if (is_accepted(link)) {
    if (!inbox_.holds(link)) return;
    if (auto arrived = inbox_.end(link, !why.empty())) take_arrived(now, *std::move(arrived));
    return;
  }
  own_links_.erase(link);
  if (!call_ || call_->link() != link) return;
  if (const auto outcome = call_->handle_closed(now, why)) end_call(*outcome);
  advance(now);
}

bool NetchatClient::handle_accepted(TimePoint now, LinkId link, const common::Endpoint& from,
                                    const common::Endpoint&) {
  return !is_leaving() && !is_full() && inbox_.accept(now, link, from.address);
}

// -- receiving ---------------------------------------------------------------------------------

void NetchatClient::take_arrived(TimePoint now, NetchatInbox::Arrived arrived) {
  if (const auto* message = std::get_if<common::NetchatMessage>(&arrived.signal)) {
    take_message(now, arrived, *message);
  } else {
    take_delete(arrived, std::get<common::NetchatDelete>(arrived.signal));
  }
}

void NetchatClient::take_message(TimePoint now, const NetchatInbox::Arrived& arrived,
                                 const common::NetchatMessage& message) {
  if (is_leaving() || is_full() || is_output_closed_)
    return reply(arrived.link, NetchatReply::kRefused, message.id);
  const auto [key, sender] = correspondent_of(message.sender.value_or(""));
  // Sent again because our answer got lost: it is shown once.
  const bool is_known = !message.id.empty() && history_.find_received(key, message.id).has_value();
  reply(arrived.link, NetchatReply::kTaken, message.id);
  if (is_known) return;
  history_.add_received(key, sender, message.text, message.id);
  ++messages_;
  if (options_.json) {
    const Received received{message.id.empty() ? make_message_id(random_) : message.id,
                            arrived.wall,
                            {.sender = message.sender, .text = message.text}};
    print(format_received(received, options_.name, true) + '\n');
  } else {
    say(fmt::format(">>You have a message from {}", common::to_terminal(sender, false)));
  }
  if (is_full()) begin_leaving(now, status_);
}

// security: anybody can write any name. A signal counts from the address that its sender is
// registered at, and takes back a message of our own programs only with the id that its sender and
// we know.
void NetchatClient::take_delete(const NetchatInbox::Arrived& arrived,
                                const common::NetchatDelete& signal) {
  auto name = parse_typed_name(signal.sender);
  const auto entry = name ? history_.find_received(name->key(), signal.id) : std::nullopt;
  if (!entry || is_leaving() || checks_.size() >= kChecksMax)
    return reply(arrived.link, NetchatReply::kRefused, signal.id);
  checks_.push_back({arrived.link, signal.id, *std::move(name), arrived.from, *entry});
  if (checks_.size() == 1) check_next();
}

void NetchatClient::check_next() {
  if (!checks_.empty()) ask(Asked::kCheck, make_lookup(checks_.front().sender));
}

void NetchatClient::handle_checked(const RegistryAnswer& answer) {
  ENSURE(!checks_.empty());
  const Check check = std::move(checks_.front());
  checks_.pop_front();
  bool is_his = false;
  if (answer.answer) {
    const auto outcome = interpret_lookup(check.sender, *answer.answer, Transport::kTcp);
    const auto* user = std::get_if<common::User>(&outcome);
    is_his =
        user != nullptr && !user->is_relayed && is_same_machine(user->endpoint.address, check.from);
  }
  if (is_his) history_.mark_deleted(check.sender.key(), check.entry);
  reply(check.link, is_his ? NetchatReply::kTaken : NetchatReply::kRefused, check.id);
  check_next();
}

// Old programs are not answered: they do not read.
void NetchatClient::reply(LinkId link, NetchatReply reply, const std::string& id) {
  if (!id.empty()) actions_.push_back(Send{link, common::encode_netchat_reply(reply, id)});
  actions_.push_back(CloseLink{link});
}

}  // namespace peer
