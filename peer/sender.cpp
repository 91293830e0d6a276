#include "peer/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/classic_datagram.hpp"
#include "common/limits.hpp"
#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "common/user_json.hpp"
#include "peer/severity.hpp"
#include "peer/typed_name.hpp"

namespace peer {
namespace {

using common::ExitStatus;

constexpr const char* kNobodyOnline = "There is no online users!";

/// The registry hands messages on to whoever no datagram reaches.
bool needs_registry(const common::User& user) {
  return user.is_relayed || user.transport != common::Transport::kUdp;
}

/// A recipient's object for --json: what `--json` of listen is for the other side.
std::string to_json(const std::string& name, const Delivery& delivery, bool is_sealed) {
  constexpr bool kAscii = true;  // a terminal may read this too
  std::string text = fmt::format(
      R"({{"v":1,"event":"sent","to":{},"ok":{},"status":{})", common::json_string(name, kAscii),
      delivery.status == ExitStatus::kOk, static_cast<int>(delivery.status));
  if (!delivery.id.empty()) text += fmt::format(R"(,"id":"{}")", delivery.id);
  if (delivery.status == ExitStatus::kOk)
    text += fmt::format(R"(,"level":"{}")", to_string(delivery.level));
  if (!delivery.path.empty()) text += fmt::format(R"(,"path":"{}")", delivery.path);
  if (delivery.round_trip) {
    text += fmt::format(R"(,"rtt_ms":{:.3f})",
                        std::chrono::duration<double, std::milli>(*delivery.round_trip).count());
  }
  if (!delivery.trust.empty()) text += fmt::format(R"(,"trust":"{}")", delivery.trust);
  if (delivery.hook_status) text += fmt::format(R"(,"hook_status":{})", *delivery.hook_status);
  if (!delivery.output.empty())
    text += fmt::format(R"(,"output":{})", common::json_string(delivery.output, kAscii));
  if (!delivery.reason.empty())
    text += fmt::format(R"(,"reason":{})", common::json_string(delivery.reason, kAscii));
  return text + fmt::format(R"(,"sealed":{}}})", is_sealed);
}

/// A user's object in the list.
std::string to_json(const common::User& user) {
  return fmt::format(R"({{"v":1,"event":"user","name":{},"sealed":{}}})",
                     common::json_string(user.name.text(), true), user.certificate != nullptr);
}

}  // namespace

std::string_view to_string(DeliveryLevel level) {
  switch (level) {
    case DeliveryLevel::kSent:
      return "sent";
    case DeliveryLevel::kDelivered:
      return "delivered";
    case DeliveryLevel::kHandled:
      return "handled";
  }
  return "unknown";
}

std::vector<HttpRequest> lookups_in(std::string_view line) {
  std::vector<HttpRequest> lookups;
  const bool may_look_up = (line.find("cast") != line.npos && !line.starts_with("broadcast ")) ||
                           line.find("ask") != line.npos;
  if (!may_look_up) return lookups;  // most lines need no second parsing
  const auto command = parse_command_line(line);
  if (!command) return lookups;
  const auto add = [&](const std::string& typed) {
    if (const auto name = parse_typed_name(typed)) lookups.push_back(make_lookup(*name));
  };
  if (const auto* unicast = std::get_if<UnicastCommand>(&*command)) add(unicast->name);
  if (const auto* ask = std::get_if<AskCommand>(&*command)) add(ask->name);
  if (const auto* multicast = std::get_if<MulticastCommand>(&*command))
    for (const std::string& typed : multicast->names) add(typed);
  return lookups;
}

void Sender::handle_line(std::string_view line) {
  ENSURE(is_idle());
  begin(parse_command_line(line), true);
}

void Sender::handle_words(const std::vector<std::string>& words) {
  ENSURE(is_idle());
  begin(parse_command_words(words), false);
}

void Sender::handle_overlong_line() {
  begin(common::unexpected{CommandError{"the line is too long"}}, true);
}

void Sender::begin(const common::expected<Command, CommandError>& command, bool from_input) {
  tally_ = std::make_shared<Tally>();
  next_name_ = 0;
  names_.clear();
  has_said_empty_ = false;
  if (!command) {
    output_.push_back(Print{"Invalid command!"});
    output_.push_back(Complain{command.error().usage});
    return report(from_input ? ExitStatus::kBadInput : ExitStatus::kUsage);
  }
  if (std::holds_alternative<ExitCommand>(*command)) {
    has_exited_ = true;
  } else if (std::holds_alternative<ListCommand>(*command)) {
    step_ = Step::kListing;
    fetch_list();
  } else if (const auto* unicast = std::get_if<UnicastCommand>(&*command)) {
    begin_texts({unicast->name}, unicast->text);
  } else if (const auto* multicast = std::get_if<MulticastCommand>(&*command)) {
    if (multicast->names.empty()) {
      output_.push_back(Print{"please enter a user in []"});
      return report(from_input ? ExitStatus::kBadInput : ExitStatus::kUsage);
    }
    begin_texts(multicast->names, multicast->text);
  } else if (const auto* ask = std::get_if<AskCommand>(&*command)) {
    begin_texts({ask->name}, ask->text, /*is_ask=*/true);
  } else if (const auto* broadcast = std::get_if<BroadcastCommand>(&*command)) {
    begin_broadcast(broadcast->text);
  }
}

// False, and told, if nobody could be sent this.
bool Sender::take_text(std::string_view text) {
  const auto refuse = [&](std::string reason) {
    output_.push_back(Complain{std::move(reason)});
    report(ExitStatus::kBadInput);
    return false;
  };
  auto datagram = common::encode_classic(self_, text);
  no_datagram_.clear();
  if (datagram) {
    datagram_ = *std::move(datagram);
  } else {
    no_datagram_ = to_string(datagram.error());
    if (!terms_.seals || datagram.error() == common::EncodeError::kNotUtf8)
      return refuse(no_datagram_);
  }
  if (text.size() > common::kMessageTextBytesMax) {
    return refuse(fmt::format("the text is too long: {} bytes, and a message has {} at most",
                              text.size(), common::kMessageTextBytesMax));
  }
  text_ = std::make_shared<const std::string>(text);
  to_hand_on_.clear();
  return true;
}

void Sender::begin_texts(std::vector<std::string> names, std::string_view text, bool is_ask) {
  if (!take_text(text)) return;
  is_ask_ = is_ask;
  names_ = std::move(names);
  look_up_next();
}

void Sender::begin_broadcast(std::string_view text) {
  if (!take_text(text)) return;
  is_ask_ = false;
  step_ = Step::kBroadcasting;
  fetch_list();
}

void Sender::fetch_list() {
  if (is_list_fresh_) return use_list();
  requests_.push_back(Fetch{make_list_request(list_etag_)});
}

// Goes on to the next name of a unicast or multicast, or ends the command.
void Sender::look_up_next() {
  for (; next_name_ < names_.size(); ++next_name_) {
    const std::string& typed = names_[next_name_];
    if (auto name = parse_typed_name(typed)) {
      step_ = Step::kLookingUp;
      requests_.push_back(Fetch{make_lookup(*name)});
      looking_up_ = std::move(name);
      return;
    }
    // Nobody can have such a name.
    tell_unknown(common::to_terminal(typed));
  }
  end_command();
}

void Sender::handle_answer(AnswerOrFailure answer) {
  if (!answer) {
    const ExchangeFailure& failure = answer.error();
    // The registry has the message and is gone: nobody knows whether it was handed on.
    if (step_ == Step::kHandingOn && failure.kind == ExchangeFailure::Kind::kNoAnswer) {
      miss(to_hand_on_.front().text(), ExitStatus::kTemporary, failure.text, /*may_arrive=*/true);
      to_hand_on_.pop_front();
      return hand_on_next();
    }
    const bool broken = failure.kind != ExchangeFailure::Kind::kUnreachable;
    return fail_exchange(broken ? ExitStatus::kProtocol : ExitStatus::kUnavailable, failure.text);
  }
  if (step_ == Step::kLookingUp) return handle_lookup(*answer);
  if (step_ == Step::kHandingOn) return handle_handed_on(*answer);
  handle_list(*answer);
}

void Sender::handle_lookup(const HttpAnswer& answer) {
  const common::UserName& name = *looking_up_;
  const LookupOutcome outcome = interpret_lookup(name, answer);
  if (const auto* user = std::get_if<common::User>(&outcome)) {
    ++next_name_;
    std::vector<std::pair<std::string, Transmit>> datagrams;
    send_to(*user, datagrams);
    if (!datagrams.empty()) send(std::move(datagrams));
    return hand_on_next();
  }
  if (const auto* missing = std::get_if<NotFound>(&outcome)) {
    if (missing->is_nobody_online && !terms_.json && !std::exchange(has_said_empty_, true))
      output_.push_back(Print{kNobodyOnline});
    tell_unknown(name.text());
    ++next_name_;
    return look_up_next();
  }
  if (const auto* refused = std::get_if<Refused>(&outcome))
    return fail_exchange(ExitStatus::kRefused, refused->text);
  if (const auto* unavailable = std::get_if<Unavailable>(&outcome))
    return fail_exchange(ExitStatus::kTemporary, unavailable->text);
  fail_exchange(ExitStatus::kProtocol, std::get<NotUnderstood>(outcome).text);
}

void Sender::handle_list(const HttpAnswer& answer) {
  ListOutcome outcome = interpret_list(answer);
  if (std::holds_alternative<NotModified>(outcome) && list_etag_.empty())
    outcome = NotUnderstood{"it answered 304, which nobody asked for"};
  if (auto* users = std::get_if<UserList>(&outcome)) {
    list_ = std::move(users->users);
    list_etag_ = answer.etag;
    if (users->skipped > 0) {
      output_.push_back(Complain{fmt::format(
          "{} of the registry's entries are left out: not a name and address as they have to be",
          users->skipped)});
    }
  } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
    return fail_exchange(ExitStatus::kRefused, refused->text);
  } else if (const auto* unavailable = std::get_if<Unavailable>(&outcome)) {
    return fail_exchange(ExitStatus::kTemporary, unavailable->text);
  } else if (const auto* not_understood = std::get_if<NotUnderstood>(&outcome)) {
    return fail_exchange(ExitStatus::kProtocol, not_understood->text);
  }
  is_list_fresh_ = is_list_held_;
  use_list();
}

void Sender::use_list() {
  if (list_.empty() && !terms_.json) output_.push_back(Print{kNobodyOnline});
  if (step_ == Step::kListing) {
    print_list();
  } else {
    send_broadcast();
  }
}

void Sender::print_list() {
  if (!terms_.json) output_.push_back(Print{"The online users are:"});
  for (const common::User& user : list_) {
    output_.push_back(terms_.json ? Print{to_json(user)} : Print{user.name.text()});
  }
  step_ = Step::kIdle;
}

void Sender::send_broadcast() {
  bool is_anybody = false;
  std::vector<std::pair<std::string, Transmit>> datagrams;
  for (const common::User& user : list_) {
    if (user.name == self_) continue;  // nobody is told what he said himself
    is_anybody = true;
    send_to(user, datagrams);
  }
  if (!is_anybody) {
    output_.push_back(Print{"there is no online user"});
    report(ExitStatus::kNoUser);
    step_ = Step::kIdle;
    return;
  }
  if (!datagrams.empty()) send(std::move(datagrams));
  hand_on_next();
}

void Sender::send_to(const common::User& user,
                     std::vector<std::pair<std::string, Transmit>>& datagrams) {
  const std::string& name = user.name.text();
  const bool is_classic = !(user.certificate && terms_.seals);
  // Lines keep the order of the list: what was gathered before has its place before this one's.
  if (!is_classic && !datagrams.empty()) send(std::exchange(datagrams, {}));
  if (!is_classic) return seal(user);
  // security: a directory that says a name has no key any more is no reason to send it plain text.
  if (terms_.has_key && terms_.has_key(user.name)) {
    return miss(name, ExitStatus::kRefused,
                "the name was seen with a key and is listed without one: it gets no plain text");
  }
  if (is_ask_)
    return miss(name, ExitStatus::kProtocol, "the program there speaks no sealed datagrams");
  if (terms_.level && *terms_.level != DeliveryLevel::kSent)
    return miss(name, ExitStatus::kProtocol, "the program there cannot confirm anything");
  if (needs_registry(user)) return to_hand_on_.push_back(user.name);
  if (!no_datagram_.empty()) return miss(name, ExitStatus::kBadInput, no_datagram_);
  datagrams.emplace_back(name, Transmit{user.endpoint, datagram_});
}

void Sender::seal(const common::User& user) {
  const auto place = std::make_shared<Sealed>(
      Sealed{.name = user.name.text(), .tally = tally_, .is_ask = is_ask_});
  sealed_.emplace(++last_ticket_, place);
  ++tally_->awaited;
  requests_.push_back(SendSealed{.ticket = last_ticket_,
                                 .to = user,
                                 .text = text_,
                                 .is_ask = is_ask_,
                                 .wants_handled = is_ask_ || terms_.has_hook_status ||
                                                  terms_.level == DeliveryLevel::kHandled});
  output_.push_back(place);
}

void Sender::handle_delivery(std::uint64_t ticket, Delivery delivery) {
  const auto it = sealed_.find(ticket);
  ENSURE(it != sealed_.end());
  const auto place = it->second;
  sealed_.erase(it);
  Tally& tally = *place->tally;
  if (delivery.status == ExitStatus::kOk) {
    ++tally.delivered;
    if (terms_.has_hook_status || place->is_ask) {
      if (hook_status_ == 0) hook_status_ = delivery.hook_status.value_or(0);
    }
  } else {
    ++tally.failed;
    tally.worst = worse_of(tally.worst, delivery.status);
  }
  place->delivery = std::move(delivery);
  --tally.awaited;
  settle(tally);
}

void Sender::tell(const Sealed& sealed, std::deque<Output>& lines) {
  const Delivery& delivery = *sealed.delivery;
  if (terms_.json) lines.push_back(Print{to_json(sealed.name, delivery, true)});
  if (delivery.status != ExitStatus::kOk) {
    lines.push_back(Complain{fmt::format(
        "message to {} was {}{}", sealed.name,
        delivery.has_arrived ? "delivered, but " : "not delivered: ", delivery.reason)});
    return;
  }
  if (!terms_.json && sealed.is_ask) {
    lines.push_back(Write{delivery.output});
  } else if (!terms_.json) {
    lines.push_back(Print{"message is sent to " + sealed.name});
  }
  if (!delivery.reason.empty())
    lines.push_back(Complain{fmt::format("{}: {}", sealed.name, delivery.reason)});
}

// In `lines`, of a recipient who did not get it, or of whom nobody knows (`may_arrive`).
void Sender::tell_missed(std::vector<Output>& lines, Tally& tally, const std::string& name,
                         ExitStatus status, std::string_view reason, bool may_arrive) const {
  ++tally.failed;
  tally.worst = worse_of(tally.worst, status);
  if (terms_.json)
    lines.push_back(Print{to_json(name, {.status = status, .reason = std::string(reason)}, false)});
  lines.push_back(
      Complain{fmt::format("message to {} was not {}: {}", name,
                           may_arrive ? "confirmed, and may arrive" : "delivered", reason)});
}

void Sender::miss(const std::string& name, ExitStatus status, std::string_view reason,
                  bool may_arrive) {
  std::vector<Output> lines;
  tell_missed(lines, *tally_, name, status, reason, may_arrive);
  std::move(lines.begin(), lines.end(), std::back_inserter(output_));
}

void Sender::tell_unknown(const std::string& name) {
  ++tally_->unknown;
  output_.push_back(
      terms_.json
          ? Print{to_json(name, {.status = ExitStatus::kNoUser, .reason = "not found"}, false)}
          : Print{fmt::format("user {} is not found", name)});
}

// Of a recipient of a classic datagram, or one whom the registry has handed it to.
Sender::Print Sender::sent_line(const std::string& name) const {
  if (terms_.json) return {to_json(name, {.level = DeliveryLevel::kSent}, false)};
  return {"message is sent to " + name};
}

// Goes on to the next connected user of the command, then to what is left of it.
void Sender::hand_on_next() {
  if (to_hand_on_.empty()) {
    if (next_name_ < names_.size()) return look_up_next();
    return end_command();
  }
  step_ = Step::kHandingOn;
  requests_.push_back(Fetch{make_message(self_, to_hand_on_.front(), *text_, owner_token_)});
}

void Sender::handle_handed_on(const HttpAnswer& answer) {
  const std::string name = to_hand_on_.front().text();
  to_hand_on_.pop_front();
  const MessageOutcome outcome = interpret_message(answer);
  if (std::holds_alternative<HandedOn>(outcome)) {
    ++tally_->delivered;
    output_.push_back(sent_line(name));
  } else if (std::holds_alternative<NotFound>(outcome)) {
    tell_unknown(name);
  } else if (const auto* no_receipt = std::get_if<NoReceipt>(&outcome)) {
    miss(name, ExitStatus::kTemporary, no_receipt->text, /*may_arrive=*/true);
  } else if (const auto* unavailable = std::get_if<Unavailable>(&outcome)) {
    miss(name, ExitStatus::kTemporary, unavailable->text);
  } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
    miss(name, ExitStatus::kRefused, refused->text);
    report(ExitStatus::kRefused);
  } else {
    miss(name, ExitStatus::kProtocol, std::get<NotUnderstood>(outcome).text);
    report(ExitStatus::kProtocol);
  }
  hand_on_next();
}

void Sender::send(std::vector<std::pair<std::string, Transmit>>&& datagrams) {
  SendDatagrams action;
  Awaited awaited{.names = {}, .tally = tally_};
  for (auto& [name, transmit] : datagrams) {
    awaited.names.push_back(std::move(name));
    action.datagrams.push_back(std::move(transmit));
  }
  ++tally_->awaited;
  requests_.push_back(std::move(action));
  output_.push_back(std::move(awaited));
}

void Sender::handle_sent(std::span<const SendResult> results) {
  const auto it = std::find_if(output_.begin(), output_.end(), [](const Output& output) {
    return std::holds_alternative<Awaited>(output);
  });
  ENSURE(it != output_.end());
  const Awaited awaited = std::get<Awaited>(std::move(*it));
  ENSURE(results.size() == awaited.names.size());
  Tally& tally = *awaited.tally;
  std::vector<Output> lines;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& name = awaited.names[i];
    if (results[i].empty()) {
      ++tally.delivered;
      lines.push_back(sent_line(name));
    } else {
      tell_missed(lines, tally, name, ExitStatus::kTemporary, results[i]);
    }
  }
  // The first line takes the place that was kept, which is enough for most. (Inserting nothing
  // would still move what lies behind onto itself.)
  *it = std::move(lines.front());
  if (lines.size() > 1) {
    output_.insert(it + 1, std::make_move_iterator(lines.begin() + 1),
                   std::make_move_iterator(lines.end()));
  }
  --tally.awaited;
  settle(tally);
}

void Sender::end_command() {
  step_ = Step::kIdle;
  tally_->has_ended = true;
  settle(*tally_);
}

// Once everything about a command is known: its part in the run's status.
void Sender::settle(const Tally& tally) {
  if (!tally.has_ended || tally.awaited > 0 || tally.unknown + tally.failed == 0) return;
  if (tally.delivered > 0) return report(ExitStatus::kSomeMissed);
  if (tally.failed == 0) return report(ExitStatus::kNoUser);
  report(tally.worst == ExitStatus::kOk ? ExitStatus::kTemporary : tally.worst);
}

// The registry did not help: the command ends here.
void Sender::fail_exchange(ExitStatus status, std::string text) {
  if (status == ExitStatus::kUnavailable) {
    output_.push_back(
        Complain{fmt::format("cannot reach the registry at {}: {}\n  Is it running? Try: curl "
                             "http://{}/healthz",
                             registry_, text, registry_)});
  } else {
    output_.push_back(
        Complain{fmt::format("the registry at {} did not help: {}", registry_, text)});
  }
  report(status);
  step_ = Step::kIdle;
}

void Sender::report(ExitStatus status) { status_ = worse_of(status_, status); }

std::optional<Sender::Action> Sender::poll_action() {
  if (!output_.empty()) {
    if (const auto* place = std::get_if<std::shared_ptr<Sealed>>(&output_.front());
        place != nullptr && (*place)->delivery) {
      std::deque<Output> lines;
      tell(**place, lines);
      output_.pop_front();
      output_.insert(output_.begin(), std::make_move_iterator(lines.begin()),
                     std::make_move_iterator(lines.end()));
    }
    Output& front = output_.front();
    std::optional<Action> told;
    if (auto* print = std::get_if<Print>(&front)) {
      told = std::move(*print);
    } else if (auto* write = std::get_if<Write>(&front)) {
      told = std::move(*write);
    } else if (auto* complain = std::get_if<Complain>(&front)) {
      told = std::move(*complain);
    }
    if (told) {
      output_.pop_front();
      return told;
    }
  }
  return common::take_front(requests_);
}

}  // namespace peer
