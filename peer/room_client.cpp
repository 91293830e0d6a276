#include "peer/room_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "peer/received.hpp"
#include "peer/severity.hpp"

namespace peer {

using common::ExitStatus;

void RoomClient::start(TimePoint now) {
  if (options_.wait) wait_until_ = now + *options_.wait;
  if (options_.text) {
    inputs_.push_back(*options_.text);
    has_input_ended_ = true;
  }
  answer_by_ = now + kPromptTime;
}

void RoomClient::handle_bytes(TimePoint now, common::WallTime wall, LinkId /*link*/,
                              common::Bytes bytes) {
  if (step_ == Step::kLeft) return;
  wall_ = wall;
  reader_.push(bytes);
  while (step_ != Step::kLeft) {
    const auto item = reader_.next();
    if (!item) break;
    handle_item(now, *item);
  }
  if (step_ == Step::kLeft) return;
  half_at_ = reader_.has_half() ? std::optional(now + kHalfLineTime) : std::nullopt;
  advance(now);
}

void RoomClient::handle_item(TimePoint now, const RoomReader::Item& item) {
  switch (item.kind) {
    case RoomReader::Kind::kPrompt:
      return handle_prompt(now);
    case RoomReader::Kind::kGreeting:
      return handle_greeting();
    case RoomReader::Kind::kLine:
      return show(item);
    case RoomReader::Kind::kGarbage: {
      constexpr std::size_t kShownBytes = 80;
      return fail(ExitStatus::kProtocol,
                  fmt::format("{} does not answer as a chat-room server: {}", options_.server,
                              common::to_terminal(item.text.substr(0, kShownBytes))));
    }
  }
}

void RoomClient::handle_prompt(TimePoint now) {
  if (step_ != Step::kArriving) {
    return fail(ExitStatus::kRefused, fmt::format("{} does not let {} in: the name is in use",
                                                  options_.server, options_.name.text()));
  }
  step_ = Step::kNaming;
  answer_by_ = now + kGreetingTime;
  // Alone: old servers take all that comes with it for the name.
  send(options_.name.text() + '\n');
}

void RoomClient::handle_greeting() {
  step_ = Step::kInRoom;
  answer_by_.reset();
  if (options_.text) return;
  note(fmt::format("{} is in the room at {}{}", options_.name.text(), options_.server,
                   options_.is_terminal ? ". Lines go to everybody in it; /quit leaves" : ""));
  if (options_.is_terminal) actions_.push_back(TakeCommands{"> "});
}

void RoomClient::show(const RoomReader::Item& item) {
  if (options_.count && messages_ >= *options_.count) return;  // no more than was asked for
  ++messages_;
  if (!options_.json) {
    print((item.is_continued ? "..." : "") + common::to_terminal(item.text) + '\n');
  } else {
    RoomMessage message = item.is_continued
                              ? RoomMessage{std::nullopt, RoomMessage::To::kRoom, item.text}
                              : parse_room_line(item.text);
    const std::string to = message.to == RoomMessage::To::kMe    ? options_.name.text()
                           : message.to == RoomMessage::To::kAll ? "all"
                                                                 : "room";
    const Received received{make_message_id(random_),
                            wall_,
                            {.sender = std::move(message.from), .text = std::move(message.text)}};
    print(format_received_json(received, to) + '\n');
  }
  if (messages_ == options_.count) leave(status_);
}

void RoomClient::show_half() {
  half_at_.reset();
  if (const auto half = reader_.take_half()) show(*half);
}

void RoomClient::handle_closed(TimePoint /*now*/, LinkId /*link*/, std::string_view why) {
  if (step_ == Step::kLeft) return;
  show_half();
  if (step_ == Step::kLeft) return;
  const std::string text =
      why.empty() ? fmt::format("{} closed the connection", options_.server)
                  : fmt::format("the connection to {} broke: {}", options_.server, why);
  if (step_ == Step::kInRoom) return fail(ExitStatus::kUnavailable, text);
  fail(ExitStatus::kProtocol, text + " before it let anybody in");
}

// Says what waits, a line at a time.
void RoomClient::advance(TimePoint now) {
  while (step_ == Step::kInRoom) {
    if (inputs_.empty()) break;
    const bool is_early = next_line_at_ && now < *next_line_at_;
    const bool is_typed_command = is_command(inputs_.front());
    if (!is_typed_command && (is_early || sent_ - taken_ >= kUnsentMax)) break;
    std::string line = std::move(inputs_.front());
    inputs_.pop_front();
    if (is_typed_command) {
      run_command(line);
    } else {
      say(now, std::move(line));
    }
  }
  // Nothing is answered in this dialect: what the kernel has taken is on its way.
  const bool is_all_said = inputs_.empty() && sent_ == taken_;
  if (step_ == Step::kInRoom && has_input_ended_ && is_all_said && !stays_after_input())
    leave(status_);
}

// A second slash makes a text of what would be one.
bool RoomClient::is_command(std::string_view line) const {
  return options_.is_terminal && !options_.text && line.starts_with('/') && !line.starts_with("//");
}

void RoomClient::run_command(std::string_view line) {
  if (line == "/quit") return leave(status_);
  note(fmt::format("no command: {}\n  /quit leaves. // in front sends a text that begins with /.",
                   common::to_terminal(line)),
       /*is_problem=*/true);
}

void RoomClient::say(TimePoint now, std::string text) {
  if (options_.is_terminal && !options_.text && text.starts_with("//")) text.erase(0, 1);
  if (text.empty()) return;
  if (const auto why = why_no_room_text(text)) {
    note(fmt::format("not sent: the line {}", *why), /*is_problem=*/true);
    return report(ExitStatus::kBadInput);
  }
  send(std::move(text) + '\n');
  next_line_at_ = now + kLinePause;
}

void RoomClient::send(std::string bytes) {
  sent_ += bytes.size();
  actions_.push_back(Send{kServerLink, std::move(bytes)});
}

void RoomClient::handle_sent(TimePoint now, LinkId /*link*/, std::size_t bytes) {
  taken_ += bytes;
  ENSURE(taken_ <= sent_);
  advance(now);
}

void RoomClient::handle_input_line(TimePoint now, std::string_view line) {
  if (step_ == Step::kLeft || has_input_ended_) return;
  if (line.ends_with('\r')) line.remove_suffix(1);
  inputs_.emplace_back(line.substr(0, kRoomTextBytesMax + 2));  // enough to be refused
  advance(now);
}

void RoomClient::handle_input_end(TimePoint now) {
  has_input_ended_ = true;
  if (options_.is_terminal && step_ < Step::kInRoom) return leave(status_);
  advance(now);
}

void RoomClient::handle_written(TimePoint /*now*/, std::size_t bytes) {
  written_ += bytes;
  ENSURE(written_ <= printed_);
}

void RoomClient::handle_output_closed(TimePoint /*now*/) { leave(ExitStatus::kOutput); }

void RoomClient::handle_stop(TimePoint /*now*/, ExitStatus status) { leave(status); }

void RoomClient::handle_timeout(TimePoint now) {
  if (step_ == Step::kLeft) return;
  if (wait_until_ && now >= *wait_until_) return leave(ExitStatus::kTimedOut);
  if (answer_by_ && now >= *answer_by_) {
    return fail(ExitStatus::kTemporary,
                fmt::format("no answer from {} within {} seconds", options_.server,
                            (step_ == Step::kArriving ? kPromptTime : kGreetingTime) /
                                std::chrono::seconds(1)));
  }
  if (half_at_ && now >= *half_at_) show_half();
  advance(now);
}

std::optional<TimePoint> RoomClient::next_timeout() const {
  if (step_ == Step::kLeft) return std::nullopt;
  const bool has_to_say = step_ == Step::kInRoom && !inputs_.empty() && sent_ - taken_ < kUnsentMax;
  return common::earliest(
      {wait_until_, answer_by_, half_at_, has_to_say ? next_line_at_ : std::nullopt});
}

std::optional<Conversation::Action> RoomClient::poll_action() {
  return common::take_front(actions_);
}

bool RoomClient::wants_input() const {
  return step_ == Step::kInRoom && !has_input_ended_ && inputs_.size() < kInputsMax;
}

bool RoomClient::wants_bytes(LinkId /*link*/) const {
  return step_ != Step::kLeft && unwritten() < kUnwrittenMax;
}

// On a terminal the end of input is a person's word; a script's input may end before what it waits
// for has come. A text's -W is but its limit.
bool RoomClient::stays_after_input() const {
  if (options_.is_terminal && !options_.text) return false;
  return options_.count.has_value() || (options_.wait && !options_.text);
}

void RoomClient::print(std::string text) {
  printed_ += text.size();
  actions_.push_back(Print{std::move(text)});
}

void RoomClient::note(std::string text, bool is_problem) {
  actions_.push_back(Note{std::move(text), is_problem});
}

void RoomClient::report(ExitStatus status) { status_ = worse_of(status_, status); }

void RoomClient::fail(ExitStatus status, std::string text) {
  note(std::move(text), /*is_problem=*/true);
  leave(worse_of(status_, status));
}

void RoomClient::leave(ExitStatus status) {
  if (std::exchange(step_, Step::kLeft) == Step::kLeft) return;
  half_at_.reset();
  actions_.push_back(Leave{status});
}

}  // namespace peer
