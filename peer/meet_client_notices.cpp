// What the registry says to `meet`: docs/protocol/rendezvous.md, "From the registry".
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/safe_text.hpp"
#include "peer/meet_client.hpp"

namespace peer {

using common::ExitStatus;
using Kind = MeetNotice::Kind;

namespace {

bool is_own_name(std::string_view text, const common::UserName& me) {
  const auto name = common::UserName::parse(text);
  return name && *name == me;
}

}  // namespace

void MeetClient::take_server_frames(TimePoint now, common::WallTime wall) {
  while (step_ != Step::kLeft) {
    auto data = frames_.next();
    if (!data) break;
    if (!cause_) {
      cause_ = std::move(data);
      continue;
    }
    const std::string cause = *std::exchange(cause_, std::nullopt);
    const auto notice = interpret_notice(cause, *data, options_.name);
    if (notice) {
      handle_notice(now, wall, *notice);
    } else {
      refuse_private(now);
    }
  }
  if (step_ != Step::kLeft && frames_.error()) {
    fail(ExitStatus::kProtocol,
         fmt::format("{} does not answer as a rendezvous registry", options_.server));
  }
}

void MeetClient::handle_notice(TimePoint now, common::WallTime wall, const MeetNotice& notice) {
  const auto answers = [&](std::initializer_list<Awaited> awaited) {
    const bool is_answer =
        awaited_ && std::find(awaited.begin(), awaited.end(), *awaited_) != awaited.end();
    if (is_answer) end_awaiting();
    return is_answer;
  };
  switch (notice.kind) {
    case Kind::kMessage:
      return handle_group_text(now, wall, notice);
    case Kind::kFound:
    case Kind::kNotFound:
    case Kind::kOwnSearch:
      if (is_awaiting(Awaited::kLookup)) return handle_lookup_reply(now, wall, notice);
      // Somebody found a moment before has left.
      if (answers({Awaited::kAnswer, Awaited::kRoom, Awaited::kRefusal}))
        report(ExitStatus::kNoUser);
      break;
    case Kind::kBusy:
      if (answers({Awaited::kAnswer, Awaited::kRoom})) report(ExitStatus::kTemporary);
      break;
    case Kind::kRejected:
      if (answers({Awaited::kAnswer})) report(ExitStatus::kRefused);
      break;
    case Kind::kUnanswered:
      if (answers({Awaited::kAnswer})) report(ExitStatus::kTemporary);
      break;
    case Kind::kAnswered:
      if (answers({Awaited::kRoom})) report(ExitStatus::kTemporary);
      answers({Awaited::kRefusal});
      break;
    case Kind::kGroupNotHere:
      if (answers({Awaited::kRoom, Awaited::kRefusal})) report(ExitStatus::kTemporary);
      break;
    case Kind::kTextRefused:
      answers({Awaited::kEcho});
      report(ExitStatus::kBadInput);
      break;
    case Kind::kNotSent:
      answers({Awaited::kEcho});
      report(ExitStatus::kTemporary);
      break;
    case Kind::kChatOpened:
      print_notice(wall, notice);
      return enter_private(now, notice);
    case Kind::kGroupMade:
      enter_group(now, notice.group);
      break;
    case Kind::kGroupJoined:
      enter_group(now, answered_group_);
      break;
    case Kind::kChatClosed:
    case Kind::kGroupLeft:
      leave_room(now);
      answers({Awaited::kTaken, Awaited::kExit, Awaited::kEcho});
      break;
    case Kind::kInvited:
      invitations_.push_back(notice.group);
      if (invitations_.size() > kInvitationsMax) invitations_.pop_front();
      break;
    case Kind::kRefused:
      print_notice(wall, notice);
      leave_status_ = ExitStatus::kRefused;
      return leave();
    case Kind::kLoggedOut:
      note(fmt::format("loggin out from session. goodbye {}", options_.name.text()));
      return leave();
    case Kind::kText:
      break;
  }
  print_notice(wall, notice);
  if (leave_by_) say_goodbye();
}

// Also from users of other doors, whose texts the registry passes on in private chats.
void MeetClient::handle_group_text(TimePoint now, common::WallTime wall, const MeetNotice& notice) {
  if (is_own_name(notice.sender, options_.name)) {
    if (is_awaiting(Awaited::kEcho)) end_awaiting();
    return advance(now);  // it has been seen when it was typed
  }
  print_message(wall, notice.sender, notice.text);
}

// What was asked for meanwhile is not heard any more: the registry answers nobody in a room.
void MeetClient::enter_private(TimePoint now, const MeetNotice& notice) {
  room_ = Room::kPrivate;
  partner_ = notice.partner;
  partner_endpoint_ = notice.endpoint;
  drop_lookup();
  end_awaiting();
  set_prompt(fmt::format("{}> ", common::to_terminal(partner_, false)));
  show_messages(links_.begin_chat(now, partner_, partner_endpoint_));
  if (leave_by_) say_goodbye();
}

// For the registry we are in a chat, where it would not hear what is typed next.
void MeetClient::refuse_private(TimePoint now) {
  note("the registry names no usable port of the partner", /*is_problem=*/true);
  report(ExitStatus::kTemporary);
  if (step_ != Step::kOnline) return;
  drop_lookup();
  say_exit(now);
}

void MeetClient::drop_lookup() {
  if (std::exchange(lookup_, std::nullopt))
    note("what you asked for last was not done: you are in a chat now", /*is_problem=*/true);
}

void MeetClient::enter_group(TimePoint /*now*/, std::uint32_t group) {
  room_ = Room::kGroup;
  group_ = group;
  lookup_.reset();
  end_awaiting();
  set_prompt(fmt::format("group {}> ", group));
}

void MeetClient::leave_room(TimePoint now) {
  if (room_ == Room::kPrivate) links_.end_chat(now);
  room_ = Room::kNone;
  set_prompt("> ");
}

}  // namespace peer
