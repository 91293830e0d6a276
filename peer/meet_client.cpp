#include "peer/meet_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "common/user_json.hpp"
#include "peer/received.hpp"
#include "peer/severity.hpp"

namespace peer {

using common::ExitStatus;
using common::RendezvousKeyword;
using Kind = MeetNotice::Kind;

namespace {

constexpr std::string_view kCommands =
    "SEARCH NAME, CHAT REQUEST NAME, OK NAME, REJECT NAME, GROUP CHAT NAME NAME ..., "
    "OK GROUP NUMBER, REJECT GROUP NUMBER, EXIT, EXIT GROUP, LOGOUT";

}  // namespace

MeetClient::MeetClient(Options options, common::Random& random)
    : options_(std::move(options)), random_(random) {}

// The port first: whoever accepts a request of ours connects at once.
void MeetClient::start(TimePoint now) {
  if (options_.wait) wait_until_ = now + *options_.wait;
  actions_.push_back(Listen{options_.port});
}

void MeetClient::handle_listening(TimePoint now, std::uint16_t port) {
  if (step_ != Step::kListening || is_leaving()) return;
  port_ = port;
  step_ = Step::kRegistering;
  const std::string& me = options_.name.text();
  std::string frame = common::encode_rendezvous_register(me, port);
  unsent_ += frame.size();
  actions_.push_back(Send{kServerLink, std::move(frame)});
  hello_said_ = now;
  hello_at_ = now + options_.hello;
  // Nobody answers a registration. Who finds himself is registered.
  say(common::format_rendezvous_data(RendezvousKeyword::kSearch, {me, me}));
  await(now, Awaited::kLookup, kReplyTime);
}

void MeetClient::handle_listen_failed(TimePoint now, ExitStatus status, std::string_view why) {
  if (step_ != Step::kListening || is_leaving()) return;
  note(std::string(why), /*is_problem=*/true);
  begin_leaving(now, status);
}

void MeetClient::become_online(TimePoint now) {
  step_ = Step::kOnline;
  const std::string& me = options_.name.text();
  note(fmt::format("{} has been successfully added in the server's database", me));
  note(
      fmt::format("TCP server of client {} is running at port {} and it is listening for "
                  "connections!",
                  me, port_));
  if (options_.is_terminal) note(fmt::format("{}. Anything else is a text.", kCommands));
  set_prompt("> ");
  advance(now);
}

// --- What is typed -------------------------------------------------------------------------------

// Takes up lines of input as far as they can be used now.
void MeetClient::advance(TimePoint now) {
  while (step_ == Step::kOnline && !is_leaving() && !awaited_) {
    if (inputs_.empty()) {
      if (has_input_ended_ && !stays_after_input()) begin_leaving(now);
      return;
    }
    if (unwritten() >= kUnwrittenMax || unsent_ + links_.unsent() >= kUnsentMax) return;
    const std::string line = std::move(inputs_.front());
    inputs_.pop_front();
    run_line(now, line);
  }
}

void MeetClient::refuse_input(std::string text) {
  note(std::move(text), /*is_problem=*/true);
  report(ExitStatus::kBadInput);
}

void MeetClient::run_line(TimePoint now, const std::string& line) {
  const bool is_in_room = room_ != Room::kNone;
  MeetCommand command = parse_meet_command(line, is_in_room);
  if (const auto* text = std::get_if<MeetText>(&command)) return run_text(now, text->text);
  if (std::holds_alternative<MeetExit>(command)) return run_exit(now);
  // The registry would not hear it, and say nothing.
  if (is_in_room) {
    return refuse_input(fmt::format("you are in a chat room: {} before anything else",
                                    room_ == Room::kGroup ? "EXIT GROUP" : "EXIT"));
  }
  if (const auto* usage = std::get_if<MeetUsage>(&command)) return refuse_input(usage->usage);
  if (const auto* answer = std::get_if<MeetGroupAnswer>(&command))
    return run_group_answer(now, *answer);
  if (std::holds_alternative<MeetLogout>(command)) return begin_leaving(now);
  lookup_.emplace(std::move(command));
  ask_next(now);
}

void MeetClient::run_text(TimePoint now, const std::string& text) {
  if (text.empty()) return;
  if (room_ == Room::kNone) {
    return refuse_input(
        fmt::format("you are in no chat room, and nobody would read that. {}", kCommands));
  }
  if (!is_meet_text(text)) {
    return refuse_input(fmt::format("a text has 1 to {} bytes of UTF-8 and no control characters",
                                    kMeetTextBytesMax));
  }
  const std::string data = format_meet_message(options_.name, text);
  if (room_ == Room::kPrivate) return links_.send(common::encode_rendezvous_frame(data), actions_);
  say(data);
  // An old registry reads once a frame: one at a time.
  await(now, Awaited::kEcho, kReplyTime);
}

void MeetClient::run_exit(TimePoint now) {
  if (room_ == Room::kNone) return refuse_input("you are in no chat room");
  if (room_ == Room::kPrivate && links_.unsent_to_partner() > 0)
    return await(now, Awaited::kTaken, MeetLinks::kConnectTime);
  say_exit(now);
}

void MeetClient::say_exit(TimePoint now) {
  await(now, Awaited::kExit, kReplyTime);
  say(common::format_rendezvous_data(
      room_ == Room::kGroup ? RendezvousKeyword::kExitGroup : RendezvousKeyword::kExit,
      {options_.name.text()}));
}

// Said sooner, EXIT ends the chat while a text may have no connection yet to travel on.
void MeetClient::end_taken(TimePoint now) {
  if (is_awaiting(Awaited::kTaken) && links_.unsent_to_partner() == 0) say_exit(now);
}

// False if there is nothing to wait for.
bool MeetClient::finish_link() {
  if (!finishing_) finishing_ = links_.finish(actions_);
  return finishing_.has_value();
}

// An unknown number ends an old registry's thread for everybody.
void MeetClient::run_group_answer(TimePoint now, const MeetGroupAnswer& answer) {
  const auto invitation = std::find(invitations_.begin(), invitations_.end(), answer.group);
  if (invitation == invitations_.end())
    return refuse_input(fmt::format("there is no request for group chat {}", answer.group));
  invitations_.erase(invitation);
  answered_group_ = answer.group;
  say(common::format_rendezvous_data(
      answer.is_yes ? RendezvousKeyword::kOkGroup : RendezvousKeyword::kRejectGroup,
      {options_.name.text(), fmt::format("{}", answer.group)}));
  await(now, answer.is_yes ? Awaited::kRoom : Awaited::kRefusal, kReplyTime);
}

// --- Names: the registry has to have found them --------------------------------------------------

void MeetClient::ask_next(TimePoint now) {
  say(lookup_->question(options_.name));
  await(now, Awaited::kLookup, kReplyTime);
}

void MeetClient::handle_lookup_reply(TimePoint now, common::WallTime wall,
                                     const MeetNotice& notice) {
  end_awaiting();
  if (step_ == Step::kRegistering) return become_online(now);
  const bool is_group = lookup_->is_group();
  const bool is_found = notice.kind == Kind::kFound;
  const std::string name = lookup_->take_answer(is_found);
  if (!is_found) report(is_group ? ExitStatus::kSomeMissed : ExitStatus::kNoUser);
  if (is_group && notice.kind == Kind::kNotFound) {
    // The registry's words do not say who.
    note(fmt::format("user {} is not found", common::to_terminal(name)), /*is_problem=*/true);
  } else if (lookup_->is_search() || notice.kind == Kind::kNotFound) {
    print_notice(wall, notice);
  } else if (notice.kind == Kind::kOwnSearch && !is_group) {
    note("that is you", /*is_problem=*/true);
  }
  if (!lookup_->is_done()) return ask_next(now);
  finish_lookup(now);
}

void MeetClient::finish_lookup(TimePoint now) {
  const MeetLookup lookup = *std::exchange(lookup_, std::nullopt);
  if (!lookup.has_found_some()) {
    if (lookup.is_group()) report(ExitStatus::kNoUser);
    return;
  }
  const auto request = lookup.request(options_.name, port_);
  if (!request) return;
  if (request->size() > common::kRendezvousDataBytesMax) return refuse_input("too many names");
  say(*request);
  if (std::holds_alternative<MeetChatRequest>(lookup.command())) {
    // A person sees what comes, and may do something else meanwhile.
    if (!options_.is_terminal) await(now, Awaited::kAnswer, kAnswerTime);
    return;
  }
  const auto* answer = std::get_if<MeetAnswer>(&lookup.command());
  const bool is_no = answer != nullptr && !answer->is_yes;
  await(now, is_no ? Awaited::kRefusal : Awaited::kRoom, kReplyTime);
}

// --- Partners ------------------------------------------------------------------------------------

void MeetClient::handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                              common::Bytes bytes) {
  if (step_ == Step::kLeft) return;
  if (link != kServerLink) {
    show_messages(links_.handle_bytes(now, wall, link, common::as_text(bytes), unknown_));
  } else {
    frames_.push(common::as_text(bytes));
    take_server_frames(now, wall);
  }
  leave_if_enough(now);
  advance(now);
}

void MeetClient::leave_if_enough(TimePoint now) {
  if (options_.count && messages_ >= *options_.count) begin_leaving(now);
}

bool MeetClient::handle_accepted(TimePoint /*now*/, LinkId link, const common::Endpoint& from,
                                 const common::Endpoint& /*local*/) {
  if (step_ == Step::kLeft) return false;
  return links_.accept(link, from, actions_);
}

void MeetClient::show_messages(std::vector<MeetLinks::Received> received) {
  for (MeetLinks::Received& one : received)
    print_message(one.time, std::move(one.sender), std::move(one.text));
}

void MeetClient::handle_sent(TimePoint now, LinkId link, std::size_t bytes) {
  if (step_ == Step::kLeft) return;
  if (link == kServerLink) {
    unsent_ -= std::min(bytes, unsent_);
  } else {
    links_.handle_sent(link, bytes);
    end_taken(now);
  }
  advance(now);
}

void MeetClient::handle_closed(TimePoint now, LinkId link, std::string_view why) {
  if (step_ == Step::kLeft) return;
  if (link != kServerLink) {
    auto missed = links_.handle_closed(link);
    // All has left us, and he has not said that all has come.
    if (!missed && finishing_ == link && !why.empty()) missed = partner_;
    if (missed) report_lost(*missed, why.empty() ? "the connection was closed" : why);
    if (finishing_ == link) {
      finishing_.reset();
      if (leave_by_) leave_by_ = now + kLeaveTime;
      if (room_ == Room::kPrivate)
        say(common::format_rendezvous_data(RendezvousKeyword::kExit, {options_.name.text()}));
    }
    end_taken(now);
    return advance(now);
  }
  if (leave_by_) return leave();
  const std::string lost =
      why.empty() ? fmt::format("{} closed the connection", options_.server)
                  : fmt::format("the connection to {} broke: {}", options_.server, why);
  if (step_ != Step::kOnline) return fail(ExitStatus::kProtocol, lost + " before we were in");
  fail(ExitStatus::kUnavailable, lost);
}

// --- Input, output, time -------------------------------------------------------------------------

void MeetClient::handle_input_line(TimePoint now, std::string_view line) {
  if (is_leaving() || has_input_ended_) return;
  if (line.ends_with('\r')) line.remove_suffix(1);
  inputs_.emplace_back(line.substr(0, common::kRendezvousDataBytesMax));  // enough to be refused
  advance(now);
}

void MeetClient::handle_input_end(TimePoint now) {
  if (is_leaving()) return;
  has_input_ended_ = true;
  advance(now);
}

void MeetClient::handle_written(TimePoint now, std::size_t bytes) {
  written_ += bytes;
  ENSURE(written_ <= printed_);
  if (step_ == Step::kLeft) return;
  advance(now);
}

void MeetClient::handle_output_closed(TimePoint now) {
  if (step_ == Step::kLeft) return;
  is_output_closed_ = true;
  if (leave_by_) {
    leave_status_ = ExitStatus::kOutput;
    return;
  }
  begin_leaving(now, ExitStatus::kOutput);
}

void MeetClient::handle_stop(TimePoint now, ExitStatus status) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {  // asked twice: at once
    leave_status_ = status;
    return leave();
  }
  begin_leaving(now, status);
}

void MeetClient::begin_leaving(TimePoint now, std::optional<ExitStatus> status) {
  if (is_leaving()) return;
  leave_status_ = status;
  if (step_ != Step::kOnline) return leave();
  leave_by_ = now + kLeaveTime;
  if (room_ == Room::kPrivate) *leave_by_ += kCloseTime;
  inputs_.clear();
  lookup_.reset();
  const bool is_exiting = is_awaiting(Awaited::kExit);
  end_awaiting();
  if (!is_exiting) say_goodbye();
}

// Out of the room first: in one, nobody is logged out.
void MeetClient::say_goodbye() {
  if (step_ == Step::kLeft || awaited_) return;
  const std::string& me = options_.name.text();
  switch (room_) {
    case Room::kPrivate:
      awaited_ = Awaited::kExit;
      if (finish_link()) return;
      return say(common::format_rendezvous_data(RendezvousKeyword::kExit, {me}));
    case Room::kGroup:
      awaited_ = Awaited::kExit;
      return say(common::format_rendezvous_data(RendezvousKeyword::kExitGroup, {me}));
    case Room::kNone:
      awaited_ = Awaited::kLogout;
      return say(common::format_rendezvous_data(RendezvousKeyword::kLogout));
  }
}

void MeetClient::leave() {
  if (step_ == Step::kLeft) return;
  step_ = Step::kLeft;
  for (const std::string& partner : links_.awaited_by())
    report_lost(partner, "it was not taken in time");
  if (unknown_ > 0) {
    note(fmt::format("{} {} from others {} no text of a partner's", unknown_,
                     unknown_ == 1 ? "frame" : "frames", unknown_ == 1 ? "was" : "were"),
         /*is_problem=*/true);
  }
  actions_.push_back(Leave{leave_status_.value_or(status_)});
}

void MeetClient::handle_timeout(TimePoint now) {
  if (step_ == Step::kLeft) return;
  if (leave_by_) {
    if (now >= *leave_by_) leave();
    return;
  }
  if (wait_until_ && now >= *wait_until_) return begin_leaving(now, ExitStatus::kTimedOut);
  if (hello_at_ && now >= *hello_at_) say_hello(now);
  if (awaited_ && now >= *awaited_until_) handle_no_reply(now);
}

void MeetClient::handle_no_reply(TimePoint now) {
  if (!wants_bytes(kServerLink)) {  // the reply may be there: we do not read
    awaited_until_ = now + kReplyTime;
    return;
  }
  if (is_awaiting(Awaited::kTaken)) return say_exit(now);
  if (is_awaiting(Awaited::kAnswer)) {
    end_awaiting();
    note("your chat request was not answered", /*is_problem=*/true);
    report(ExitStatus::kTemporary);
    return advance(now);
  }
  fail(ExitStatus::kTemporary, fmt::format("no answer from {} within {} seconds", options_.server,
                                           kReplyTime / std::chrono::seconds(1)));
}

void MeetClient::say_hello(TimePoint now) {
  // This machine has slept: by now an old registry would break on our name.
  if (now >= hello_said_ + std::max(kSilenceMax, 2 * options_.hello)) {
    return fail(ExitStatus::kUnavailable,
                fmt::format("{} has heard nothing of us for too long", options_.server));
  }
  hello_said_ = now;
  hello_at_ = now + options_.hello;
  actions_.push_back(SendDatagram{options_.hello_to,
                                  common::encode_rendezvous_frame(common::format_rendezvous_data(
                                      RendezvousKeyword::kHello, {options_.name.text()}))});
}

std::optional<TimePoint> MeetClient::next_timeout() const {
  if (step_ == Step::kLeft) return std::nullopt;
  if (leave_by_) return leave_by_;
  return common::earliest({wait_until_, hello_at_, awaited_ ? awaited_until_ : std::nullopt});
}

std::optional<MeetClient::Action> MeetClient::poll_action() { return common::take_front(actions_); }

bool MeetClient::wants_input() const {
  return step_ == Step::kOnline && !is_leaving() && !has_input_ended_ &&
         inputs_.size() < kInputsMax && unwritten() < kUnwrittenMax &&
         unsent_ + links_.unsent() < kUnsentMax;
}

bool MeetClient::wants_bytes(LinkId /*link*/) const {
  return step_ != Step::kLeft && unwritten() < kUnwrittenMax;
}

// As login has it: on a terminal the end of input is a person's word.
bool MeetClient::stays_after_input() const {
  return !options_.is_terminal && (options_.count.has_value() || options_.wait.has_value());
}

void MeetClient::say(std::string_view data) {
  std::string frame = common::encode_rendezvous_frame(data);
  unsent_ += frame.size();
  actions_.push_back(Send{kServerLink, std::move(frame)});
}

void MeetClient::await(TimePoint now, Awaited what, Duration limit) {
  awaited_ = what;
  awaited_until_ = now + limit;
}

void MeetClient::set_prompt(std::string prompt) {
  if (step_ == Step::kOnline && !is_leaving()) actions_.push_back(TakeCommands{std::move(prompt)});
}

void MeetClient::print(std::string text) {
  if (is_output_closed_) return;
  printed_ += text.size();
  actions_.push_back(Print{std::move(text)});
}

void MeetClient::print_notice(common::WallTime wall, const MeetNotice& notice) {
  if (!options_.json) return print("server: " + common::to_terminal(notice.text) + '\n');
  constexpr bool kAscii = true;  // a terminal may read this too
  print(fmt::format(R"({{"v":1,"ts":"{}","event":"notice","kind":"{}","text":{}}})",
                    common::format_wall_time(wall), to_string(notice.kind),
                    common::json_string(notice.text, kAscii)) +
        '\n');
}

void MeetClient::print_message(common::WallTime wall, std::string sender, std::string text) {
  // More than was asked for is not shown.
  if (options_.count && messages_ >= *options_.count) return;
  ++messages_;
  const Received received{make_message_id(random_), wall, {std::move(sender), std::move(text)}};
  print(format_received(received, options_.name, options_.json) + '\n');
}

void MeetClient::note(std::string text, bool is_problem) {
  actions_.push_back(Note{std::move(text), is_problem});
}

void MeetClient::report(ExitStatus status) { status_ = worse_of(status_, status); }

void MeetClient::report_lost(std::string_view partner, std::string_view why) {
  note(fmt::format("a text to {} may not have arrived: {}", common::to_terminal(partner, false),
                   why),
       /*is_problem=*/true);
  report(ExitStatus::kTemporary);
}

// There is no going on, and nobody to take leave of.
void MeetClient::fail(ExitStatus status, std::string text) {
  note(std::move(text), /*is_problem=*/true);
  if (!leave_by_) report(status);
  leave();
}

}  // namespace peer
