#include "peer/meet_protocol.hpp"

#include <fmt/format.h>

#include <charconv>

#include "common/limits.hpp"

namespace peer {
namespace {

using common::RendezvousData;
using common::RendezvousKeyword;
using Kind = MeetNotice::Kind;

/// What stands between the two, or nothing.
std::optional<std::string_view> between(std::string_view text, std::string_view before,
                                        std::string_view after) {
  const auto begin = text.find(before);
  if (begin == text.npos) return std::nullopt;
  text.remove_prefix(begin + before.size());
  const auto end = text.find(after);
  if (end == text.npos) return std::nullopt;
  return text.substr(0, end);
}

std::uint32_t parse_number(std::string_view digits) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() ? number : 0;
}

bool is_name_of(std::string_view text, const common::UserName& user) {
  const auto name = common::UserName::parse(text);
  return name && *name == user;
}

MeetNotice interpret_plain(std::string_view text, const common::UserName& me) {
  MeetNotice notice{.kind = Kind::kText, .text = std::string(text)};
  const auto is = [&](Kind kind) {
    notice.kind = kind;
    return notice;
  };
  if (text == "you left the chat room.") return is(Kind::kGroupLeft);
  if (text == "you have rejected the chat request!" ||
      text == "you have rejected the group chat request!" ||
      text.starts_with("there is no chat request from ")) {
    return is(Kind::kAnswered);
  }
  if (text.starts_with("there is no request for group chat ")) return is(Kind::kGroupNotHere);
  if (text.ends_with(" rejected the chat request!")) return is(Kind::kRejected);
  if (text.ends_with(" did not answer the chat request.") ||
      text == "too many of your chat requests are not answered yet.") {
    return is(Kind::kUnanswered);
  }
  if (text.starts_with("your message was not sent. it is ")) return is(Kind::kTextRefused);
  if (text.starts_with("your message was not sent.")) return is(Kind::kNotSent);
  if (text.starts_with("your name was refused.") || text.starts_with("your port was refused.") ||
      text.starts_with("you were refused.")) {
    return is(Kind::kRefused);
  }
  if (text.ends_with(" joined the group chat")) {
    const auto name = text.substr(0, text.find(" joined the group chat"));
    return is(is_name_of(name, me) ? Kind::kGroupJoined : Kind::kText);
  }
  if (const auto number = between(text, "you have added yourself to group chat ", ".")) {
    notice.group = parse_number(*number);
    return is(Kind::kGroupMade);
  }
  if (const auto number =
          between(text, " would like to add you to group chat room ", "? (OK/REJECT GROUP ")) {
    notice.group = parse_number(*number);
    return is(Kind::kInvited);
  }
  return notice;
}

std::optional<MeetNotice> interpret_chat_opened(std::string_view cause,
                                                const RendezvousData& data) {
  MeetNotice notice{.kind = Kind::kChatOpened, .text = std::string(data.field(0))};
  if (data.fields.size() < 2) return std::nullopt;
  const auto port = common::parse_port(data.fields.back());
  // Old registries know no other address, and no field for one.
  const auto address = common::IpAddress::parse(
      data.fields.size() > 2 ? data.fields[data.fields.size() - 2] : "127.0.0.1");
  if (!port || *port < common::kUserPortMin || !address || !address->is_unicast())
    return std::nullopt;
  notice.endpoint = {*address, *port};
  notice.partner = std::string(cause);
  if (const auto name = between(notice.text, "into a private chat with ", ". you can"))
    notice.partner = std::string(*name);
  return notice;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kMessage:
      return "message";
    case Kind::kFound:
      return "found";
    case Kind::kNotFound:
      return "not_found";
    case Kind::kOwnSearch:
      return "own_search";
    case Kind::kBusy:
      return "busy";
    case Kind::kChatOpened:
      return "chat_opened";
    case Kind::kChatClosed:
      return "chat_closed";
    case Kind::kRejected:
      return "rejected";
    case Kind::kUnanswered:
      return "unanswered";
    case Kind::kAnswered:
      return "answered";
    case Kind::kGroupMade:
      return "group_made";
    case Kind::kGroupJoined:
      return "group_joined";
    case Kind::kGroupLeft:
      return "group_left";
    case Kind::kInvited:
      return "invited";
    case Kind::kGroupNotHere:
      return "group_not_here";
    case Kind::kTextRefused:
      return "text_refused";
    case Kind::kNotSent:
      return "not_sent";
    case Kind::kRefused:
      return "refused";
    case Kind::kLoggedOut:
      return "logged_out";
  }
  return "text";
}

std::optional<MeetNotice> interpret_notice(std::string_view cause, std::string_view data,
                                           const common::UserName& me) {
  const RendezvousData parsed = common::parse_rendezvous_data(data);
  const auto tagged = [&](Kind kind) {
    return MeetNotice{.kind = kind, .text = std::string(parsed.field(0))};
  };
  switch (parsed.keyword) {
    case RendezvousKeyword::kNone:
      return interpret_plain(data, me);
    case RendezvousKeyword::kFound:
      return tagged(Kind::kFound);
    case RendezvousKeyword::kNotFound:
      return tagged(Kind::kNotFound);
    case RendezvousKeyword::kInvalidSearch:
      return tagged(Kind::kOwnSearch);
    case RendezvousKeyword::kBusy:
      return tagged(Kind::kBusy);
    case RendezvousKeyword::kClientExit:
      return tagged(Kind::kChatClosed);
    case RendezvousKeyword::kClientOk:
      return interpret_chat_opened(cause, parsed);
    case RendezvousKeyword::kLogoutSuccess:
      return tagged(Kind::kLoggedOut);
    case RendezvousKeyword::kMessage: {
      const auto message = parse_meet_message(data);
      MeetNotice notice{.kind = Kind::kMessage, .text = std::string(parsed.text)};
      notice.sender = std::string(message ? message->sender : cause);
      if (message) notice.text = std::string(message->text);
      return notice;
    }
    default:
      return tagged(Kind::kText);
  }
}

std::optional<MeetMessage> parse_meet_message(std::string_view data) {
  const RendezvousData parsed = common::parse_rendezvous_data(data);
  if (parsed.keyword != RendezvousKeyword::kMessage) return std::nullopt;
  const auto colon = parsed.text.find(": ");
  if (colon == 0 || colon == parsed.text.npos || colon > common::kNameBytesMax) return std::nullopt;
  return MeetMessage{parsed.text.substr(0, colon), parsed.text.substr(colon + 2)};
}

std::string format_meet_message(const common::UserName& me, std::string_view text) {
  return fmt::format("&&MESSAGE&&|{}: {}", me.text(), common::harmless_rendezvous_text(text));
}

}  // namespace peer
