#include "peer/listener.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace peer {
namespace {

using common::ExitStatus;

constexpr const char* kQuestion = "Do you want to log out?[y/n]";
/// Back to the line's start and clear it: the question gives way to a message, then is asked again.
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

Listener::Listener(Options options, common::Random& random)
    : options_(std::move(options)), random_(random) {}

void Listener::start(TimePoint now) {
  if (options_.wait) wait_until_ = now + *options_.wait;
  request(Verb::kRegister);
}

void Listener::request(Verb verb) {
  registration_ = verb == Verb::kLogout ? Registration::kLoggingOut : Registration::kUnderWay;
  registry_at_.reset();
  actions_.push_back(Register{verb});
}

void Listener::handle_registration(TimePoint now, const common::Endpoint& endpoint,
                                   OutcomeOrFailure outcome) {
  if (has_left_) return;
  if (registration_ == Registration::kLoggingOut) return finish_logout(outcome);
  if (!outcome) {
    const ExchangeFailure& failure = outcome.error();
    // Whatever a registry that was one before says now, it may be one again. And one that has too
    // many connections, or ends just now, closes without an answer like something else that is
    // none.
    const bool may_be_busy =
        failure.kind == ExchangeFailure::Kind::kNoAnswer && ++unanswered_ < kUnansweredMax;
    if (failure.kind == ExchangeFailure::Kind::kUnreachable || was_registered_ || may_be_busy)
      return retry(now, failure.text);
    return refuse(ExitStatus::kProtocol, fmt::format("{} does not answer as a registry: {}",
                                                     options_.registry, failure.text));
  }
  if (const auto* done = std::get_if<Accepted>(&*outcome)) return accepted(now, endpoint, *done);
  if (const auto* unavailable = std::get_if<Unavailable>(&*outcome))
    return retry(now, unavailable->text);
  if (std::holds_alternative<NameTaken>(*outcome)) {
    actions_.push_back(Print{"This user already exists!\n"});
    return refuse(
        ExitStatus::kRefused,
        fmt::format("the name {} is held by somebody else at {}\n  Choose another name, or "
                    "wait until it is given up.",
                    options_.name.text(), options_.registry));
  }
  if (const auto* refused = std::get_if<Refused>(&*outcome)) {
    return refuse(ExitStatus::kRefused,
                  fmt::format("the registry at {} refused: {}", options_.registry, refused->text));
  }
  const auto* not_understood = std::get_if<NotUnderstood>(&*outcome);
  if (was_registered_)
    return retry(now, not_understood ? not_understood->text : "what it answers is not about this");
  refuse(ExitStatus::kProtocol,
         fmt::format("{} does not answer as a registry: {}", options_.registry,
                     not_understood ? not_understood->text : "not listed"));
}

void Listener::accepted(TimePoint now, const common::Endpoint& endpoint, const Accepted& accepted) {
  registration_ = Registration::kHeld;
  retry_after_ = kRetryMin;
  lease_ = accepted.lease;
  if (!was_registered_) {
    note(fmt::format("{} is listening on {}, registered at {}. Ctrl-C logs out.",
                     options_.name.text(), common::format_endpoint(endpoint), options_.registry));
  } else if (is_registry_away_) {
    note(fmt::format("registered again at {}", options_.registry));
  }
  was_registered_ = true;
  is_registry_away_ = false;
  if (is_leaving_) return request(Verb::kLogout);
  // An old registry keeps a record for ever and takes a second REGISTER for somebody else's.
  if (lease_) registry_at_ = now + jittered(std::clamp(*lease_ / 3, kRefreshMin, kRefreshMax));
}

void Listener::retry(TimePoint now, std::string text) {
  registration_ = Registration::kRetrying;
  if (is_leaving_) return leave();
  if (!std::exchange(is_registry_away_, true)) {
    note(fmt::format(
        "cannot reach the registry at {}: {}\n  Still listening, and trying again until "
        "it is there. Is it running? Try: curl http://{}/healthz",
        options_.registry, text, options_.registry));
  }
  registry_at_ = now + jittered(retry_after_);
  retry_after_ = std::min(2 * retry_after_, kRetryMax);
}

void Listener::refuse(ExitStatus status, std::string text) {
  registration_ = Registration::kGone;
  drop_question();
  note(std::move(text), /*is_problem=*/true);
  if (!is_leaving_) leave_status_ = status;
  leave();
}

// Half to all of the duration, so that peers that lost their registry together do not return so.
Duration Listener::jittered(Duration duration) {
  const auto half = static_cast<std::uint64_t>(duration.count() / 2);
  return duration - Duration(static_cast<std::int64_t>(random_.below(half + 1)));
}

void Listener::handle_datagram(TimePoint now, common::WallTime wall, common::Bytes datagram) {
  if (!takes_messages()) return;
  auto message = common::decode_classic(datagram);
  if (!message) return;
  Received received{make_message_id(random_), wall, *std::move(message)};
  // security: anybody can have sent this.
  if (received.message.sender && options_.has_key) {
    const auto name = common::UserName::parse(*received.message.sender);
    received.lacks_key = name && options_.has_key(*name);
  }
  handle_message(now, received);
}

// It has been acknowledged, so it is shown whatever else is the matter.
void Listener::handle_message(TimePoint now, const Received& received) {
  ++messages_;
  std::string line = format_received(received, options_.name, options_.json) + '\n';
  const bool is_last = options_.count && messages_ >= *options_.count;
  if (is_asking_) {
    line = (options_.is_terminal ? kClearLine : "\n") + line;
    if (is_last) {
      is_asking_ = false;
    } else {
      line += kQuestion;
    }
  }
  // What a hook is to answer is its alone.
  if (!received.is_question || options_.json) actions_.push_back(Print{std::move(line)});
  queue_hook(received);
  if (is_last) return finish_if_counted(now);
  if (!options_.asks || is_asking_) return;
  if (++since_question_ >= kQuestionEvery) ask();
}

void Listener::queue_hook(const Received& received) {
  const bool is_wanted =
      options_.has_hook && (options_.hook_takes_plain || !received.fingerprint.empty());
  if (is_wanted && hooks_.size() < kHookQueueMax) {
    hooks_.push_back(received);
    return run_next_hook();
  }
  if (received.receipt)
    actions_.push_back(TellHandled{*received.receipt, {.kind = HookEnd::Kind::kNotRun}});
  if (is_wanted && !std::exchange(is_dropping_hooks_, true))
    note("the hook does not keep up: messages are shown but not given to it");
}

// At once: others who look the name up now would be told a key that this process forgets soon.
void Listener::handle_new_key(TimePoint now) {
  if (registration_ == Registration::kHeld && lease_) registry_at_ = now;
}

void Listener::ask() {
  is_asking_ = true;
  actions_.push_back(Print{kQuestion});
}

void Listener::handle_input_line(TimePoint now, std::string_view line) {
  if (!is_asking_ || is_leaving_) return;
  while (line.ends_with('\r') || line.ends_with('\n') || line.ends_with(' ')) line.remove_suffix(1);
  if (line == "y" || line == "Y") {
    is_asking_ = false;
    asked_to_log_out_ = true;
    begin_leaving(now, ExitStatus::kOk);
  } else if (line == "n" || line == "N") {
    is_asking_ = false;
    since_question_ = 0;
  } else {
    actions_.push_back(Print{fmt::format("Invalid input!\n{}", kQuestion)});
  }
}

void Listener::handle_input_end(TimePoint now) {
  if (!is_asking_ || is_leaving_) return;
  drop_question();
  if (!options_.is_terminal) {
    options_.asks = false;
    return;
  }
  asked_to_log_out_ = true;
  begin_leaving(now, ExitStatus::kOk);
}

void Listener::run_next_hook() {
  if (is_hook_running_ || hooks_.empty()) return;
  is_hook_running_ = true;
  actions_.push_back(RunHook{hooks_.front()});
}

void Listener::handle_hook_done(TimePoint now, const HookEnd& end) {
  ENSURE(is_hook_running_);
  if (const std::string complaint = end.complaint(); !complaint.empty())
    note(fmt::format("the hook: {}", complaint), /*is_problem=*/true);
  is_hook_running_ = false;
  if (const auto receipt = hooks_.front().receipt) actions_.push_back(TellHandled{*receipt, end});
  hooks_.pop_front();
  is_dropping_hooks_ = false;
  if (is_leaving_) return;
  run_next_hook();
  if (options_.count && messages_ >= *options_.count) finish_if_counted(now);
}

// Leaves once the last message that was asked for has been through its hook.
void Listener::finish_if_counted(TimePoint now) {
  if (hooks_.empty()) begin_leaving(now, ExitStatus::kOk);
}

void Listener::handle_stop(TimePoint now, ExitStatus status) {
  if (is_leaving_) {  // asked twice: at once
    leave_status_ = status;
    return leave();
  }
  begin_leaving(now, status);
}

void Listener::begin_leaving(TimePoint now, ExitStatus status) {
  if (is_leaving_ || has_left_) return;
  drop_question();
  is_leaving_ = true;
  leave_status_ = status;
  leave_by_ = now + kLogoutTime;
  switch (registration_) {
    case Registration::kHeld:
      return request(Verb::kLogout);
    case Registration::kUnderWay:  // goes on to LOGOUT when the answer is there
    case Registration::kLoggingOut:
      return;
    default:
      if (was_registered_) return request(Verb::kLogout);  // it may be back by now
      leave();
  }
}

void Listener::finish_logout(const OutcomeOrFailure& outcome) {
  registration_ = Registration::kGone;
  const auto* accepted = outcome ? std::get_if<Accepted>(&*outcome) : nullptr;
  if (accepted != nullptr) {
    note(fmt::format("{} logged out", options_.name.text()));
  } else if (!outcome && outcome.error().kind == ExchangeFailure::Kind::kNoAnswer) {
    note("the registry does not know LOGOUT: the name stays listed there");
  } else if (asked_to_log_out_ && outcome) {
    actions_.push_back(Print{"ERROR: You are not in the list!\n"});
  } else {
    note(fmt::format("could not log out: {}; the registration ends by itself",
                     outcome ? "not listed" : outcome.error().text));
  }
  leave();
}

void Listener::drop_question() {
  if (std::exchange(is_asking_, false) && options_.is_terminal) actions_.push_back(Print{"\n"});
}

// Behind an open question a line would be hard to read and the question would be gone: it is asked
// again below the line.
void Listener::note(std::string text, bool is_problem) {
  const bool is_question_open = is_asking_ && options_.is_terminal;
  if (is_question_open) actions_.push_back(Print{kClearLine});
  actions_.push_back(Note{std::move(text), is_problem});
  if (is_question_open) actions_.push_back(Print{kQuestion});
}

void Listener::leave() {
  if (has_left_) return;
  has_left_ = is_leaving_ = true;
  actions_.push_back(Leave{leave_status_});
}

void Listener::handle_timeout(TimePoint now) {
  if (has_left_) return;
  if (leave_by_ && now >= *leave_by_) {
    leave_by_.reset();
    if (!was_registered_) {
      note(fmt::format("cannot reach the registry at {}: no answer in time", options_.registry),
           /*is_problem=*/true);
    }
    return leave();
  }
  if (wait_until_ && now >= *wait_until_ && !is_leaving_) {
    wait_until_.reset();
    // Out of time without ever having been listed: the registry is the reason.
    return begin_leaving(now, was_registered_ ? ExitStatus::kTimedOut : ExitStatus::kUnavailable);
  }
  if (registry_at_ && now >= *registry_at_ && !is_leaving_)
    request(was_registered_ ? Verb::kUpdate : Verb::kRegister);
}

std::optional<TimePoint> Listener::next_timeout() const {
  if (has_left_) return std::nullopt;
  if (is_leaving_) return leave_by_;
  return common::earliest({leave_by_, wait_until_, registry_at_});
}

std::optional<Listener::Action> Listener::poll_action() {
  if (actions_.empty()) return std::nullopt;
  Action action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

}  // namespace peer
