#include "peer/netchat_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/classic_record.hpp"
#include "common/safe_text.hpp"
#include "common/user_json.hpp"
#include "peer/registry_failure.hpp"
#include "peer/registry_protocol.hpp"
#include "peer/severity.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::Transport;

constexpr const char* kPrompt = "Waiting for a command (to exit write EXIT): ";
}  // namespace

NetchatClient::NetchatClient(Options options, common::Random& random)
    : options_(std::move(options)), random_(random) {}

void NetchatClient::start(TimePoint now) {
  if (options_.wait) wait_until_ = now + *options_.wait;
  actions_.push_back(Listen{options_.port});
}

// -- being listed ------------------------------------------------------------------------------

void NetchatClient::handle_listening(TimePoint, std::uint16_t port) {
  if (step_ != Step::kStarting || is_leaving()) return;
  port_ = port;
  step_ = Step::kRegistering;
  register_self(Asked::kRegister);
}

void NetchatClient::handle_listen_failed(TimePoint, ExitStatus status, std::string_view why) {
  if (step_ != Step::kStarting || is_leaving()) return;
  note(std::string(why), /*is_problem=*/true);
  leave_status_ = status;
  leave();
}

void NetchatClient::ask(Asked what, HttpRequest request, std::optional<std::uint16_t> own_port) {
  ENSURE(asked_.size() < kRegistryRequestsMax);
  asked_.push_back(what);
  actions_.push_back(RegistryRequest{std::move(request), own_port});
}

void NetchatClient::register_self(Asked what) {
  ask(what,
      make_netchat_registration(Verb::kUpdate, options_.name.text() + '@', options_.owner_token),
      port_);
}

void NetchatClient::handle_registry_answer(TimePoint now, const RegistryAnswer& answer) {
  ENSURE(!asked_.empty());
  const Asked what = asked_.front();
  asked_.pop_front();
  if (step_ == Step::kLeft) return;
  switch (what) {
    case Asked::kRegister:
    case Asked::kRefresh:
      handle_registration(now, what, answer);
      break;
    case Asked::kLogout:
      leave();
      break;
    case Asked::kList:
      is_listing_ = false;
      if (!is_leaving()) print_list(answer);
      break;
    case Asked::kLookup:
      if (delivery_) handle_lookup(answer);
      break;
    case Asked::kRelay:
      if (delivery_) handle_relayed(answer);
      break;
    case Asked::kCheck:
      handle_checked(answer);
      break;
  }
  advance(now);
}

void NetchatClient::handle_registration(TimePoint now, Asked what, const RegistryAnswer& answer) {
  const bool is_first = what == Asked::kRegister;
  if (!answer.answer) {
    RegistryFailure failure = failure_of(answer.answer.error());
    if (is_first) return fail_registration(now, failure.status, std::move(failure.why));
    refresh_at_ = now + kRetryTime;
    if (!std::exchange(is_registry_lost_, true))
      note(fmt::format("cannot reach the registry at {}: {}; trying on", options_.registry,
                       failure.why),
           /*is_problem=*/true);
    return;
  }
  const RegistrationOutcome outcome = interpret_registration(Verb::kUpdate, *answer.answer);
  if (const auto* accepted = std::get_if<Accepted>(&outcome)) {
    registered_ = answer.own;
    const Duration lease = accepted->lease.value_or(3 * kRefreshMax);
    refresh_at_ = now + std::clamp(lease / 3, kRefreshMin, kRefreshMax);
    if (std::exchange(is_registry_lost_, false))
      note(fmt::format("{} is registered again", options_.name.text()));
    if (is_first) go_online(now);
    return;
  }
  if (std::holds_alternative<NameTaken>(outcome)) {
    return fail_registration(now, ExitStatus::kRefused,
                             fmt::format("the name {} is taken", options_.name.text()));
  }
  auto failure = failure_of(outcome);
  if (!failure) failure = RegistryFailure{ExitStatus::kProtocol, "it answered as to a LOGOUT"};
  const bool may_pass = failure->status == ExitStatus::kTemporary;
  if (is_first || !may_pass)
    return fail_registration(now, failure->status, std::move(failure->why));
  refresh_at_ = now + kRetryTime;
}

// Nobody could reach us, and messages under a name that is somebody else's would be forged.
void NetchatClient::fail_registration(TimePoint now, ExitStatus status, std::string why) {
  if (step_ == Step::kRegistering) say(">>Registration failed!");
  note(fmt::format("could not register {} at {}: {}", options_.name.text(), options_.registry, why),
       /*is_problem=*/true);
  registered_.reset();
  refresh_at_.reset();
  if (is_leaving()) return leave();
  begin_leaving(now, worse_of(status_, status));
}

void NetchatClient::go_online(TimePoint now) {
  step_ = Step::kOnline;
  if (is_leaving()) return begin_leaving(now, leave_status_);
  say(">>User registered in server!");
  note(fmt::format("{} is listening on TCP port {}, registered at {}", options_.name.text(), port_,
                   options_.registry));
  if (options_.command) {
    inputs_.assign(1, *options_.command);
    has_input_ended_ = true;
  } else {
    actions_.push_back(TakeCommands{kPrompt});
  }
}

// -- commands ----------------------------------------------------------------------------------

void NetchatClient::handle_input_line(TimePoint now, std::string_view line) {
  if (is_leaving() || has_input_ended_) return;
  inputs_.emplace_back(line.substr(0, kInputBytesMax));
  advance(now);
}

void NetchatClient::handle_input_end(TimePoint now) {
  if (is_leaving()) return;
  has_input_ended_ = true;
  advance(now);
}

/// Runs the next command if there is one, or leaves if there will be none.
void NetchatClient::advance(TimePoint now) {
  while (step_ == Step::kOnline && !is_leaving() && !is_busy() && !inputs_.empty() &&
         unwritten() < kUnwrittenMax) {
    const std::string line = std::move(inputs_.front());
    inputs_.pop_front();
    run_line(now, line);
  }
  if (step_ != Step::kOnline || is_leaving() || is_busy()) return;
  if (has_input_ended_ && inputs_.empty() && !stays_after_input()) begin_leaving(now, status_);
}

void NetchatClient::run_line(TimePoint now, std::string_view line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  auto command = parse_netchat_command(line);
  if (!command) {
    say(command.error().line);
    note(command.error().usage, /*is_problem=*/true);
    return report(options_.command ? ExitStatus::kUsage : ExitStatus::kBadInput);
  }
  if (std::holds_alternative<NetchatList>(*command)) {
    is_listing_ = true;
    ask(Asked::kList, make_list_request(""));
  } else if (auto* send = std::get_if<NetchatSend>(&*command)) {
    delivery_.emplace(Delivery{.names = std::move(send->names),
                               .next = 0,
                               .text = std::move(send->text),
                               .is_multi = send->is_multi,
                               .take_back = {},
                               .to = {},
                               .id = {},
                               .unknown = {},
                               .sent = 0,
                               .failed = 0,
                               .worst = ExitStatus::kOk});
    send_next();
  } else if (const auto* read = std::get_if<NetchatRead>(&*command)) {
    print_history(correspondent_of(read->name).key);
  } else if (const auto* to_delete = std::get_if<NetchatTakeBack>(&*command)) {
    take_back(to_delete->name);
  } else {
    begin_leaving(now, status_);
  }
}

void NetchatClient::print_list(const RegistryAnswer& answer) {
  const auto fail = [&](const RegistryFailure& failure) {
    say(">>Failed to get user list!");
    note(fmt::format("the registry at {} did not help: {}", options_.registry, failure.why),
         /*is_problem=*/true);
    report(failure.status);
  };
  if (!answer.answer) return fail(failure_of(answer.answer.error()));
  const ListOutcome outcome = interpret_list(*answer.answer, Transport::kTcp);
  if (const auto failure = failure_of(outcome)) return fail(*failure);
  const auto* list = std::get_if<UserList>(&outcome);
  if (list == nullptr)
    return fail({ExitStatus::kProtocol, "it answered 304, which nobody asked for"});
  std::string line = ">>[";
  for (const common::User& user : list->users) {
    if (line.size() > 3) line += ", ";
    line += user.name.text();
  }
  say(line + ']');
}

void NetchatClient::print_history(const std::string& key) {
  const auto lines = history_.lines(key);
  if (lines.empty()) return say(">>No messages found!");
  for (const std::string& line : lines) say(">>" + line);
}

// -- the person --------------------------------------------------------------------------------

void NetchatClient::say(std::string_view line) {
  if (!options_.json) return print(std::string(line) + '\n');
  constexpr bool kAscii = true;  // a terminal may read this too
  if (line.starts_with(">>")) line.remove_prefix(2);
  print(fmt::format(R"({{"v":1,"event":"reply","text":{}}})", common::json_string(line, kAscii)) +
        '\n');
}

void NetchatClient::print(std::string text) {
  if (is_output_closed_) return;
  printed_ += text.size();
  actions_.push_back(Print{std::move(text)});
}

void NetchatClient::note(std::string text, bool is_problem) {
  actions_.push_back(Note{std::move(text), is_problem});
}

void NetchatClient::report(ExitStatus status) { status_ = worse_of(status_, status); }

void NetchatClient::handle_written(TimePoint now, std::size_t bytes) {
  written_ += bytes;
  ENSURE(written_ <= printed_);
  advance(now);
}

void NetchatClient::handle_output_closed(TimePoint now) {
  if (step_ == Step::kLeft) return;
  is_output_closed_ = true;
  written_ = printed_;
  if (leave_by_) {
    leave_status_ = ExitStatus::kOutput;
    return;
  }
  begin_leaving(now, ExitStatus::kOutput);
}

// -- leaving -----------------------------------------------------------------------------------

void NetchatClient::handle_stop(TimePoint now, ExitStatus status) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {  // asked twice: at once
    leave_status_ = status;
    return leave();
  }
  begin_leaving(now, status);
}

// The registry hears of it, so that nobody writes to somebody who is not there any more.
void NetchatClient::begin_leaving(TimePoint now, ExitStatus status) {
  if (step_ == Step::kLeft) return;
  if (!leave_by_) {
    leave_by_ = now + kExitTime;
    leave_status_ = status;
    actions_.push_back(StopListening{});
    inputs_.clear();
    delivery_.reset();
    call_.reset();
    refresh_at_.reset();
  }
  // A registration that is under way has to be there first.
  const bool is_registering =
      std::find(asked_.begin(), asked_.end(), Asked::kRegister) != asked_.end();
  if (is_registering) return;
  if (!registered_ || asked_.size() >= kRegistryRequestsMax) return leave();
  const std::string record =
      common::format_classic_record(options_.name, *std::exchange(registered_, std::nullopt));
  ask(Asked::kLogout, make_netchat_registration(Verb::kLogout, record, options_.owner_token));
}

void NetchatClient::leave() {
  if (step_ == Step::kLeft) return;
  step_ = Step::kLeft;
  if (overlong_ > 1)
    note(fmt::format("{} messages were too long and left out", overlong_), /*is_problem=*/true);
  actions_.push_back(Leave{leave_status_});
}

// On a terminal the end of input is a person's word; a script's input may end before what it waits
// for has come. A command's -W is but its limit.
bool NetchatClient::stays_after_input() const {
  if (options_.is_terminal && !options_.command) return false;
  return options_.count.has_value() || (options_.wait && !options_.command);
}

void NetchatClient::handle_timeout(TimePoint now) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {
    if (now >= *leave_by_) leave();
    return;
  }
  if (wait_until_ && now >= *wait_until_) {
    // Out of time without ever having been listed: the registry is the reason.
    const bool was_online = step_ == Step::kOnline;
    return begin_leaving(now, was_online ? ExitStatus::kTimedOut : ExitStatus::kUnavailable);
  }
  if (refresh_at_ && now >= *refresh_at_) {
    refresh_at_.reset();
    register_self(Asked::kRefresh);
  }
  if (call_ && call_->closes_link(now)) actions_.push_back(CloseLink{call_->link()});
  if (unwritten() >= kUnwrittenMax) inbox_.postpone(now);
  for (NetchatInbox::Overdue& overdue : inbox_.take_overdue(now)) {
    if (overdue.arrived) {
      take_arrived(now, *std::move(overdue.arrived));
    } else {
      actions_.push_back(CloseLink{overdue.link});
    }
  }
}

std::optional<TimePoint> NetchatClient::next_timeout() const {
  if (step_ == Step::kLeft) return std::nullopt;
  if (leave_by_) return leave_by_;
  return common::earliest({wait_until_, refresh_at_, call_ ? call_->next_timeout() : std::nullopt,
                           inbox_.next_timeout()});
}

std::optional<NetchatClient::Action> NetchatClient::poll_action() {
  if (actions_.empty()) return std::nullopt;
  Action action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

bool NetchatClient::wants_input() const {
  return step_ == Step::kOnline && !is_leaving() && !has_input_ended_ &&
         inputs_.size() < kInputsMax && unwritten() < kUnwrittenMax;
}

bool NetchatClient::wants_bytes(LinkId link) const {
  if (step_ == Step::kLeft) return false;
  if (!is_accepted(link)) return true;
  return inbox_.holds(link) && unwritten() < kUnwrittenMax;
}

}  // namespace peer
