#include "peer/sender.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/classic_datagram.hpp"
#include "common/limits.hpp"
#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "common/user_json.hpp"
#include "peer/typed_name.hpp"

namespace peer {
namespace {

using common::ExitStatus;

constexpr const char* kNobodyOnline = "There is no online users!";

/// The registry hands messages on to whoever no datagram reaches.
bool needs_registry(const common::User& user) {
  return user.is_relayed || user.transport != common::Transport::kUdp;
}

/// A user's object in the list.
std::string to_json(const common::User& user) {
  return fmt::format(R"({{"v":1,"event":"user","name":{},"sealed":{}}})",
                     common::json_string(user.name.text(), true), user.certificate != nullptr);
}

}  // namespace

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
  report_.begin_command();
  next_name_ = 0;
  names_.clear();
  has_said_empty_ = false;
  if (!command) {
    report_.print("Invalid command!");
    report_.complain(command.error().usage);
    return report_.report(from_input ? ExitStatus::kBadInput : ExitStatus::kUsage);
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
      report_.print("please enter a user in []");
      return report_.report(from_input ? ExitStatus::kBadInput : ExitStatus::kUsage);
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
    report_.complain(std::move(reason));
    report_.report(ExitStatus::kBadInput);
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
    report_.tell_unknown(common::to_terminal(typed));
  }
  end_command();
}

void Sender::handle_answer(AnswerOrFailure answer) {
  if (!answer) {
    const ExchangeFailure& failure = answer.error();
    // The registry has the message and is gone: nobody knows whether it was handed on.
    if (step_ == Step::kHandingOn && failure.kind == ExchangeFailure::Kind::kNoAnswer) {
      report_.tell_missed(to_hand_on_.front().text(), ExitStatus::kTemporary, failure.text,
                          /*may_arrive=*/true);
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
      report_.print(kNobodyOnline);
    report_.tell_unknown(name.text());
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
      report_.complain(fmt::format(
          "{} of the registry's entries are left out: not a name and address as they have to be",
          users->skipped));
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
  if (list_.empty() && !terms_.json) report_.print(kNobodyOnline);
  if (step_ == Step::kListing) {
    print_list();
  } else {
    send_broadcast();
  }
}

void Sender::print_list() {
  if (!terms_.json) report_.print("The online users are:");
  for (const common::User& user : list_) {
    report_.print(terms_.json ? to_json(user) : user.name.text());
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
    report_.print("there is no online user");
    report_.report(ExitStatus::kNoUser);
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
    return report_.tell_missed(
        name, ExitStatus::kRefused,
        "the name was seen with a key and is listed without one: it gets no plain text");
  }
  if (is_ask_)
    return report_.tell_missed(name, ExitStatus::kProtocol,
                               "the program there speaks no sealed datagrams");
  if (terms_.level && *terms_.level != DeliveryLevel::kSent)
    return report_.tell_missed(name, ExitStatus::kProtocol,
                               "the program there cannot confirm anything");
  if (needs_registry(user)) return to_hand_on_.push_back(user.name);
  if (!no_datagram_.empty()) return report_.tell_missed(name, ExitStatus::kBadInput, no_datagram_);
  datagrams.emplace_back(name, Transmit{user.endpoint, datagram_});
}

void Sender::seal(const common::User& user) {
  const std::uint64_t ticket = report_.await_delivery(user.name.text(), is_ask_);
  requests_.push_back(SendSealed{.ticket = ticket,
                                 .to = user,
                                 .text = text_,
                                 .is_ask = is_ask_,
                                 .wants_handled = is_ask_ || terms_.has_hook_status ||
                                                  terms_.level == DeliveryLevel::kHandled});
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
    report_.tell_handed_on(name);
  } else if (std::holds_alternative<NotFound>(outcome)) {
    report_.tell_unknown(name);
  } else if (const auto* no_receipt = std::get_if<NoReceipt>(&outcome)) {
    report_.tell_missed(name, ExitStatus::kTemporary, no_receipt->text, /*may_arrive=*/true);
  } else if (const auto* unavailable = std::get_if<Unavailable>(&outcome)) {
    report_.tell_missed(name, ExitStatus::kTemporary, unavailable->text);
  } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
    report_.tell_missed(name, ExitStatus::kRefused, refused->text);
    report_.report(ExitStatus::kRefused);
  } else {
    report_.tell_missed(name, ExitStatus::kProtocol, std::get<NotUnderstood>(outcome).text);
    report_.report(ExitStatus::kProtocol);
  }
  hand_on_next();
}

void Sender::send(std::vector<std::pair<std::string, Transmit>>&& datagrams) {
  SendDatagrams action;
  std::vector<std::string> names;
  for (auto& [name, transmit] : datagrams) {
    names.push_back(std::move(name));
    action.datagrams.push_back(std::move(transmit));
  }
  requests_.push_back(std::move(action));
  report_.await_results(std::move(names));
}

void Sender::end_command() {
  step_ = Step::kIdle;
  report_.end_command();
}

// The registry did not help: the command ends here.
void Sender::fail_exchange(ExitStatus status, std::string text) {
  if (status == ExitStatus::kUnavailable) {
    report_.complain(
        fmt::format("cannot reach the registry at {}: {}\n  Is it running? Try: curl "
                    "http://{}/healthz",
                    registry_, text, registry_));
  } else {
    report_.complain(fmt::format("the registry at {} did not help: {}", registry_, text));
  }
  report_.report(status);
  step_ = Step::kIdle;
}

std::optional<Sender::Action> Sender::poll_action() {
  if (auto line = report_.poll_line())
    return std::visit([](auto& told) -> Action { return std::move(told); }, *line);
  return common::take_front(requests_);
}

}  // namespace peer
