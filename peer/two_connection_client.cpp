#include "peer/two_connection_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "common/user_json.hpp"
#include "peer/received.hpp"
#include "peer/severity.hpp"
#include "peer/two_connection_protocol.hpp"

namespace peer {

using common::ExitStatus;

TwoConnectionClient::TwoConnectionClient(Options options, common::Random& random)
    : options_(std::move(options)), random_(random), asks_for_name_(!options_.name) {}

void TwoConnectionClient::start(TimePoint now) {
  if (options_.wait) wait_until_ = now + *options_.wait;
  advance(now);
}

// Takes up lines of input as far as they can be used now.
void TwoConnectionClient::advance(TimePoint now) {
  while (!is_leaving() && !awaited_) {
    if (step_ == Step::kName) {
      if (!options_.name) {
        const auto typed = take_answer(Question::kName);
        if (!typed) return;
        take_name(*typed);
        continue;
      }
      step_ = Step::kPassword;
    } else if (step_ == Step::kPassword) {
      if (options_.password) return log_in(now);
      const auto typed = take_answer(Question::kPassword);
      if (!typed) return;
      take_password(*typed);
    } else if (step_ == Step::kOnline) {
      if (inputs_.empty()) {
        if (has_input_ended_ && !stays_after_input()) begin_leaving(now, status_);
        return;
      }
      if (unwritten() >= kUnwrittenMax) return;
      run_next_command(now);
    } else {
      return;
    }
  }
}

std::optional<std::string> TwoConnectionClient::take_answer(Question question) {
  if (!inputs_.empty()) {
    has_asked_ = false;
    std::string line = std::move(inputs_.front());
    inputs_.pop_front();
    return line;
  }
  if (!has_input_ended_) {
    if (!std::exchange(has_asked_, true)) {
      actions_.push_back(question == Question::kName
                             ? Ask{.question = "Please input your user name:"}
                             : Ask{.question = "Please input your password:", .is_secret = true});
    }
    return std::nullopt;
  }
  if (options_.is_terminal) {  // a person who has thought better of it
    leave_status_ = was_refused_ ? ExitStatus::kRefused : ExitStatus::kOk;
    leave();
    return std::nullopt;
  }
  fail(ExitStatus::kBadInput,
       question == Question::kName
           ? "the first line of standard input would be the user name, and there is none"
           : "no password: neither --password-file nor PEER_PASSWORD nor a line of standard input");
  return std::nullopt;
}

void TwoConnectionClient::take_name(std::string_view typed) {
  const auto normal = common::normalize_typed_name(typed);
  auto name = common::UserName::parse(normal ? *normal : typed);
  if (!name) return reject_answer(fmt::format("the name {}", to_string(name.error())));
  options_.name = *std::move(name);
}

void TwoConnectionClient::take_password(std::string_view typed) {
  if (const auto why = why_no_password(typed))
    return reject_answer(fmt::format("the password {}", *why));
  options_.password = typed;
}

void TwoConnectionClient::reject_answer(std::string text) {
  if (options_.is_terminal) return note(std::move(text), /*is_problem=*/true);
  fail(ExitStatus::kBadInput, std::move(text));
}

void TwoConnectionClient::log_in(TimePoint now) {
  step_ = Step::kLoggingIn;
  say(now, fmt::format("/login {} {}", options_.name->text(), *options_.password));
  awaited_ = "/login";
  options_.password.reset();  // security: kept no longer than needed
}

void TwoConnectionClient::run_next_command(TimePoint now) {
  std::string line = std::move(inputs_.front());
  inputs_.pop_front();
  if (line.empty()) return;
  if (const auto why = why_no_command(line)) {
    note(fmt::format("not sent: the line {}", *why), /*is_problem=*/true);
    return report(ExitStatus::kBadInput);
  }
  if (line == "/exit") {
    shows_goodbye_ = true;
    return begin_leaving(now, status_);
  }
  say(now, std::move(line));
}

// One command a segment, and the next one after the reply: old servers read once for each and take
// all that came for one command.
void TwoConnectionClient::say(TimePoint now, std::string command) {
  actions_.push_back(Send{kServerLink, command + '\n'});
  awaited_ = std::move(command);
  reply_by_ = now + reply_time();
}

Duration TwoConnectionClient::reply_time() const {
  return awaited_ && awaited_->starts_with("/login") ? kLoginReplyTime : kReplyTime;
}

void TwoConnectionClient::say_goodbye(TimePoint now) {
  if (has_said_goodbye_) return;
  // A server that reads /exit before a receipt on the other connection tells the sender that a
  // message was not delivered which was.
  if (receipted_at_ && now < *receipted_at_ + kReceiptPause) {
    goodbye_at_ = *receipted_at_ + kReceiptPause;
    return;
  }
  goodbye_at_.reset();
  has_said_goodbye_ = true;
  say(now, "/exit");
}

void TwoConnectionClient::handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                                       common::Bytes bytes) {
  if (step_ == Step::kLeft) return;
  if (link != kServerLink) {
    if (link != message_link_) return;
    deliveries_.push(bytes);
    while (auto line = deliveries_.next()) handle_delivery(wall, *line);
    return send_receipts(now);
  }
  replies_.push(bytes);
  const auto is_list = [](std::string_view line) { return line.starts_with("301 "); };
  while (step_ != Step::kLeft) {
    const auto line = replies_.next();
    if (!line) break;
    const auto code = reply_code(line->text);
    const bool is_too_long =
        line->is_overlong || (line->text.size() > kReplyBytesMax && !is_list(line->text));
    if (!code || is_too_long) return fail_garbage(line->text);
    handle_reply(now, wall, line->text, *code);
  }
  if (step_ == Step::kLeft) return;
  // The longest beginning that may still become a reply.
  const std::string_view pending = replies_.pending();
  if (pending.size() > kReplyBytesMax + 1 && !is_list(pending)) return fail_garbage(pending);
  // What came with a reply was not said about the next command.
  advance(now);
}

void TwoConnectionClient::handle_reply(TimePoint now, common::WallTime wall, std::string_view line,
                                       int code) {
  if (!awaited_) return print_reply(wall, line, code);
  if (has_said_goodbye_) return handle_goodbye_reply(wall, line, code);
  if (step_ == Step::kLoggingIn) return handle_login_reply(wall, line, code);
  if (step_ == Step::kConnecting) return handle_port_reply(now, wall, line, code);
  handle_command_reply(now, wall, line, code);
}

// Whatever is not a yes is a no: servers differ in how they say it.
void TwoConnectionClient::handle_login_reply(common::WallTime wall, std::string_view line,
                                             int code) {
  awaited_.reset();
  if (code == 101) {
    step_ = Step::kListening;
    actions_.push_back(Listen{options_.port});
    return;
  }
  print_reply(wall, line, code);
  if (!options_.is_terminal) {
    return fail(ExitStatus::kRefused,
                fmt::format("{} refused to log {} in", options_.server, options_.name->text()));
  }
  was_refused_ = true;
  if (asks_for_name_) options_.name.reset();
  step_ = Step::kName;
}

void TwoConnectionClient::handle_listening(TimePoint now, std::uint16_t port) {
  if (step_ != Step::kListening || is_leaving()) return;
  port_ = port;
  step_ = Step::kConnecting;
  say(now, fmt::format("/port {}", port));
}

void TwoConnectionClient::handle_listen_failed(TimePoint now, ExitStatus status,
                                               std::string_view why) {
  if (step_ != Step::kListening || is_leaving()) return;
  note(std::string(why), /*is_problem=*/true);
  begin_leaving(now, status);
}

bool TwoConnectionClient::handle_accepted(TimePoint /*now*/, LinkId link,
                                          const common::Endpoint& from,
                                          const common::Endpoint& local) {
  const bool is_awaited = step_ == Step::kConnecting || step_ == Step::kOnline;
  // security: only who is told the port may deliver; anybody else could put words into any mouth.
  // Old servers on this machine come by any of its addresses, whichever we went by.
  const bool is_server = from.address == options_.server_address ||
                         (options_.is_server_here && from.address == local.address);
  if (!is_awaited || message_link_ || !is_server) return false;
  message_link_ = link;
  actions_.push_back(StopListening{});
  return true;
}

void TwoConnectionClient::handle_port_reply(TimePoint now, common::WallTime wall,
                                            std::string_view line, int code) {
  awaited_.reset();
  if (code == 201) {
    step_ = Step::kOnline;
    if (is_leaving()) return say_goodbye(now);
    note(fmt::format("{} is logged in at {}. /list, /to NAME TEXT, /toall TEXT, /exit",
                     options_.name->text(), options_.server));
    if (options_.command) {
      inputs_.assign(1, *options_.command);
      has_input_ended_ = true;
    } else {
      actions_.push_back(TakeCommands{.prompt = "> "});
    }
    return;
  }
  print_reply(wall, line, code);
  if (is_leaving()) return say_goodbye(now);
  if (code == 202) {
    note(fmt::format("{} could not connect back to TCP port {} here\n  Is there a firewall or an "
                     "address translation between? --port N takes a port that can be let through.",
                     options_.server, port_),
         /*is_problem=*/true);
  }
  begin_leaving(now, code == 202 ? ExitStatus::kUnavailable : ExitStatus::kProtocol);
}

void TwoConnectionClient::handle_command_reply(TimePoint now, common::WallTime wall,
                                               std::string_view line, int code) {
  const std::string command = *std::exchange(awaited_, std::nullopt);
  print_reply(wall, line, code);
  report(outcome_of_reply(code, command,
                          options_.command ? ExitStatus::kUsage : ExitStatus::kBadInput));
  if (code == 310) {  // a server that takes more than our /exit for one
    if (!leave_by_) leave_status_ = status_;
    return leave();
  }
  if (is_leaving()) say_goodbye(now);
}

void TwoConnectionClient::handle_goodbye_reply(common::WallTime wall, std::string_view line,
                                               int code) {
  const bool is_bye = code == 310;
  if (shows_goodbye_ || !is_bye) print_reply(wall, line, code);
  if (is_bye) leave();
}

void TwoConnectionClient::handle_delivery(common::WallTime wall,
                                          const common::LineSplitter::Line& line) {
  if (step_ == Step::kLeft || is_output_closed_) return;
  // More than was asked for is neither shown nor receipted.
  if (options_.count && messages_ >= *options_.count) return;
  auto message = line.is_overlong ? std::nullopt : parse_delivery(line.text);
  const bool is_message = message.has_value();
  if (is_message) {
    ++messages_;
    const Received received{make_message_id(random_), wall, *std::move(message)};
    print(format_received(received, *options_.name, options_.json) + '\n');
  } else if (++unknown_ == 1) {
    note(fmt::format("a line from {} is no message and was left out", options_.server),
         /*is_problem=*/true);
  }
  // The server waits for a receipt of whatever it has said, and keeps others waiting meanwhile.
  unreceipted_.push_back({printed_, is_message});
}

void TwoConnectionClient::handle_written(TimePoint now, std::size_t bytes) {
  written_ += bytes;
  ENSURE(written_ <= printed_);
  if (step_ == Step::kLeft) return;
  send_receipts(now);
  advance(now);
}

void TwoConnectionClient::send_receipts(TimePoint now) {
  while (!unreceipted_.empty() && unreceipted_.front().written <= written_) {
    const bool is_message = unreceipted_.front().is_message;
    unreceipted_.pop_front();
    actions_.push_back(Send{*message_link_, std::string(kReceipt)});
    receipted_at_ = now;
    if (is_message && ++receipted_ == options_.count) begin_leaving(now, status_);
  }
}

void TwoConnectionClient::handle_closed(TimePoint now, LinkId link, std::string_view why) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {
    if (link == kServerLink) leave();
    return;
  }
  const auto lost = [&](std::string_view what) {
    return why.empty() ? fmt::format("{} closed the {}", options_.server, what)
                       : fmt::format("the {} to {} broke: {}", what, options_.server, why);
  };
  if (link != kServerLink) {
    note(lost("connection for messages"), /*is_problem=*/true);
    return begin_leaving(now, worse_of(status_, ExitStatus::kUnavailable));
  }
  if (is_logged_in()) return fail(ExitStatus::kUnavailable, lost("connection"));
  fail(was_refused_ ? ExitStatus::kRefused : ExitStatus::kProtocol,
       lost("connection") + " before the login");
}

void TwoConnectionClient::handle_input_line(TimePoint now, std::string_view line) {
  if (is_leaving() || has_input_ended_) return;
  if (line.ends_with('\r')) line.remove_suffix(1);
  inputs_.emplace_back(line.substr(0, kCommandBytesMax + 1));  // enough to be refused
  advance(now);
}

void TwoConnectionClient::handle_input_end(TimePoint now) {
  if (is_leaving()) return;
  has_input_ended_ = true;
  advance(now);
}

void TwoConnectionClient::handle_output_closed(TimePoint now) {
  if (step_ == Step::kLeft) return;
  is_output_closed_ = true;
  unreceipted_.clear();
  if (leave_by_) {
    leave_status_ = ExitStatus::kOutput;
    return;
  }
  begin_leaving(now, ExitStatus::kOutput);
}

void TwoConnectionClient::handle_stop(TimePoint now, ExitStatus status) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {  // asked twice: at once
    leave_status_ = status;
    return leave();
  }
  begin_leaving(now, status);
}

void TwoConnectionClient::begin_leaving(TimePoint now, ExitStatus status) {
  if (is_leaving()) return;
  leave_status_ = status;
  if (!is_logged_in()) return leave();  // there is nobody to take leave of
  leave_by_ = now + kExitTime;
  inputs_.clear();
  if (!awaited_) say_goodbye(now);
}

void TwoConnectionClient::leave() {
  if (step_ == Step::kLeft) return;
  step_ = Step::kLeft;
  if (unknown_ > 1) {
    note(fmt::format("{} lines from {} were no messages", unknown_, options_.server),
         /*is_problem=*/true);
  }
  actions_.push_back(Leave{leave_status_});
}

void TwoConnectionClient::handle_timeout(TimePoint now) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {
    if (now >= *leave_by_) return leave();
    if (goodbye_at_ && now >= *goodbye_at_) say_goodbye(now);
    return;
  }
  if (wait_until_ && now >= *wait_until_) return begin_leaving(now, ExitStatus::kTimedOut);
  if (!awaited_ || now < *reply_by_) return;
  if (!wants_bytes(kServerLink)) {  // the reply may be there: we do not read
    reply_by_ = now + reply_time();
    return;
  }
  fail(ExitStatus::kTemporary, fmt::format("no answer from {} within {} seconds", options_.server,
                                           reply_time() / std::chrono::seconds(1)));
}

std::optional<TimePoint> TwoConnectionClient::next_timeout() const {
  if (step_ == Step::kLeft) return std::nullopt;
  if (leave_by_) return common::earliest({goodbye_at_, leave_by_});
  return common::earliest({wait_until_, awaited_ ? reply_by_ : std::nullopt});
}

std::optional<TwoConnectionClient::Action> TwoConnectionClient::poll_action() {
  return common::take_front(actions_);
}

bool TwoConnectionClient::wants_input() const {
  if (is_leaving() || has_input_ended_) return false;
  if (step_ == Step::kName || step_ == Step::kPassword) return inputs_.empty();
  return step_ == Step::kOnline && inputs_.size() < kInputsMax && unwritten() < kUnwrittenMax;
}

bool TwoConnectionClient::wants_bytes(LinkId link) const {
  if (step_ == Step::kLeft || unwritten() >= kUnwrittenMax) return false;
  return link == kServerLink || (link == message_link_ && unreceipted_.size() < kUnreceiptedMax);
}

// On a terminal the end of input is a person's word; a script's input may end before what it waits
// for has come. A command's -W is but its limit.
bool TwoConnectionClient::stays_after_input() const {
  if (options_.is_terminal && !options_.command) return false;
  return options_.count.has_value() || (options_.wait && !options_.command);
}

void TwoConnectionClient::print(std::string text) {
  printed_ += text.size();
  actions_.push_back(Print{std::move(text)});
}

void TwoConnectionClient::print_reply(common::WallTime wall, std::string_view line, int code) {
  if (!options_.json) return print(common::to_terminal(line) + '\n');
  constexpr std::size_t kCodeBytes = 4;
  constexpr bool kAscii = true;  // a terminal may read this too
  print(fmt::format(R"({{"v":1,"ts":"{}","event":"reply","code":{},"text":{}}})",
                    common::format_wall_time(wall), code,
                    common::json_string(line.substr(std::min(kCodeBytes, line.size())), kAscii)) +
        '\n');
}

void TwoConnectionClient::note(std::string text, bool is_problem) {
  actions_.push_back(Note{std::move(text), is_problem});
}

void TwoConnectionClient::report(ExitStatus status) { status_ = worse_of(status_, status); }

// There is no going on, and nobody to take leave of.
void TwoConnectionClient::fail(ExitStatus status, std::string text) {
  note(std::move(text), /*is_problem=*/true);
  if (!leave_by_) leave_status_ = worse_of(status_, status);
  leave();
}

void TwoConnectionClient::fail_garbage(std::string_view line) {
  constexpr std::size_t kShownBytes = 80;
  fail(ExitStatus::kProtocol,
       fmt::format("{} does not answer as a two-connection server: {}", options_.server,
                   common::to_terminal(line.substr(0, kShownBytes))));
}

}  // namespace peer
