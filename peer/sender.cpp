#include "peer/sender.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/classic_datagram.hpp"
#include "common/safe_text.hpp"
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

}  // namespace

std::vector<HttpRequest> lookups_in(std::string_view line) {
  std::vector<HttpRequest> lookups;
  const bool may_look_up = line.find("cast") != line.npos && !line.starts_with("broadcast ");
  if (!may_look_up) return lookups;  // most lines need no second parsing
  const auto command = parse_command_line(line);
  if (!command) return lookups;
  const auto add = [&](const std::string& typed) {
    if (const auto name = parse_typed_name(typed)) lookups.push_back(make_lookup(*name));
  };
  if (const auto* unicast = std::get_if<UnicastCommand>(&*command)) add(unicast->name);
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
  } else if (const auto* broadcast = std::get_if<BroadcastCommand>(&*command)) {
    begin_broadcast(broadcast->text);
  }
}

bool Sender::encode(std::string_view text) {
  auto datagram = common::encode_classic(self_, text);
  if (!datagram) {
    output_.push_back(Complain{to_string(datagram.error())});
    report(ExitStatus::kBadInput);
    return false;
  }
  datagram_ = *std::move(datagram);
  text_ = text;
  to_hand_on_.clear();
  return true;
}

void Sender::begin_texts(std::vector<std::string> names, std::string_view text) {
  if (!encode(text)) return;
  names_ = std::move(names);
  look_up_next();
}

void Sender::begin_broadcast(std::string_view text) {
  if (!encode(text)) return;
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
    ++tally_->unknown;
    output_.push_back(Print{fmt::format("user {} is not found", common::to_terminal(typed))});
  }
  end_command();
}

void Sender::handle_answer(AnswerOrFailure answer) {
  if (!answer) {
    const ExchangeFailure& failure = answer.error();
    // The registry has the message and is gone: nobody knows whether it was handed on.
    if (step_ == Step::kHandingOn && failure.kind == ExchangeFailure::Kind::kNoAnswer) {
      ++tally_->failed;
      output_.push_back(Complain{fmt::format("message to {} was not confirmed, and may arrive: {}",
                                             to_hand_on_.front().text(), failure.text)});
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
    if (needs_registry(*user)) {
      ++next_name_;
      to_hand_on_.push_back(name);
      return hand_on_next();
    }
    send({{name.text(), Transmit{user->endpoint, datagram_}}});
    ++next_name_;
    return look_up_next();
  }
  if (const auto* missing = std::get_if<NotFound>(&outcome)) {
    if (missing->is_nobody_online && !std::exchange(has_said_empty_, true))
      output_.push_back(Print{kNobodyOnline});
    output_.push_back(Print{fmt::format("user {} is not found", name.text())});
    ++tally_->unknown;
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
  if (list_.empty()) output_.push_back(Print{kNobodyOnline});
  if (step_ == Step::kListing) {
    print_list();
  } else {
    send_broadcast();
  }
}

void Sender::print_list() {
  output_.push_back(Print{"The online users are:"});
  for (const common::User& user : list_) output_.push_back(Print{user.name.text()});
  step_ = Step::kIdle;
}

void Sender::send_broadcast() {
  std::vector<std::pair<std::string, Transmit>> datagrams;
  for (const common::User& user : list_) {
    if (user.name == self_) continue;  // nobody is told what he said himself
    if (needs_registry(user)) {
      to_hand_on_.push_back(user.name);
      continue;
    }
    datagrams.emplace_back(user.name.text(), Transmit{user.endpoint, datagram_});
  }
  if (datagrams.empty() && to_hand_on_.empty()) {
    output_.push_back(Print{"there is no online user"});
    report(ExitStatus::kNoUser);
    step_ = Step::kIdle;
    return;
  }
  if (!datagrams.empty()) send(std::move(datagrams));
  hand_on_next();
}

// Goes on to the next connected user of the command, then to what is left of it.
void Sender::hand_on_next() {
  if (to_hand_on_.empty()) {
    if (next_name_ < names_.size()) return look_up_next();
    return end_command();
  }
  step_ = Step::kHandingOn;
  requests_.push_back(Fetch{make_message(self_, to_hand_on_.front(), text_, owner_token_)});
}

void Sender::handle_handed_on(const HttpAnswer& answer) {
  const std::string name = to_hand_on_.front().text();
  to_hand_on_.pop_front();
  const auto fail = [&](std::string_view reason) {
    ++tally_->failed;
    output_.push_back(Complain{fmt::format("message to {} was not delivered: {}", name, reason)});
  };
  const MessageOutcome outcome = interpret_message(answer);
  if (std::holds_alternative<HandedOn>(outcome)) {
    ++tally_->delivered;
    output_.push_back(Print{"message is sent to " + name});
  } else if (std::holds_alternative<NotFound>(outcome)) {
    ++tally_->unknown;
    output_.push_back(Print{fmt::format("user {} is not found", name)});
  } else if (const auto* no_receipt = std::get_if<NoReceipt>(&outcome)) {
    ++tally_->failed;
    output_.push_back(Complain{fmt::format("message to {} was not confirmed, and may arrive: {}",
                                           name, no_receipt->text)});
  } else if (const auto* unavailable = std::get_if<Unavailable>(&outcome)) {
    fail(unavailable->text);
  } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
    fail(refused->text);
    report(ExitStatus::kRefused);
  } else {
    fail(std::get<NotUnderstood>(outcome).text);
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
      lines.push_back(Print{"message is sent to " + name});
    } else {
      ++tally.failed;
      lines.push_back(
          Complain{fmt::format("message to {} was not delivered: {}", name, results[i])});
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
  report(tally.failed > 0 ? ExitStatus::kTemporary : ExitStatus::kNoUser);
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
  if (!output_.empty() && !std::holds_alternative<Awaited>(output_.front())) {
    Output output = std::move(output_.front());
    output_.pop_front();
    if (auto* print = std::get_if<Print>(&output)) return std::move(*print);
    return std::get<Complain>(std::move(output));
  }
  if (requests_.empty()) return std::nullopt;
  Action action = std::move(requests_.front());
  requests_.pop_front();
  return action;
}

}  // namespace peer
