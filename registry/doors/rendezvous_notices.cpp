#include "registry/doors/rendezvous_notices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/check.hpp"
#include "common/rendezvous_frame.hpp"

namespace registry::doors {

using Kind = RoomEvent::Kind;

std::string format_room_notice(Kind kind, std::string_view about, std::uint32_t group) {
  switch (kind) {
    case Kind::kAsked:
      return fmt::format("{} would like to chat with you? (OK/REJECT)", about);
    case Kind::kAlreadyAsked:
      return fmt::format("{} has not answered your chat request yet.", about);
    case Kind::kTooManyRequests:
      return "too many of your chat requests are not answered yet.";
    case Kind::kBusy:
      return "&&BUSY&&|the user is busy. try again later.";
    case Kind::kYouRejected:
      return "you have rejected the chat request!";
    case Kind::kRejected:
      return fmt::format("{} rejected the chat request!", about);
    case Kind::kNoRequest:
      return fmt::format("there is no chat request from {}.", about);
    case Kind::kUnanswered:
      return fmt::format("{} did not answer the chat request.", about);
    case Kind::kYouLeft:
      return "&&CLIENTEXIT&&|you left the chat room.";
    case Kind::kClosed:
      return fmt::format("&&CLIENTEXIT&&|{} left the chat room. the chat room has been closed",
                         about);
    case Kind::kGroupMade:
      return fmt::format(
          "you have added yourself to group chat {}. a request has been sent to your added "
          "friends. type EXIT GROUP to leave.",
          group);
    case Kind::kInvited:
      return fmt::format(
          "{} would like to add you to group chat room {}? (OK/REJECT GROUP <room_number>)", about,
          group);
    case Kind::kGuestBusy:
      return fmt::format("&&BUSY&&|{} is busy. try again later.", about);
    case Kind::kGroupTooBig:
      return fmt::format("some were not invited. a group chat has at most {} members.",
                         RendezvousRooms::kGroupMax);
    case Kind::kJoined:
      return fmt::format("{} joined the group chat", about);
    case Kind::kYouRejectedGroup:
      return "you have rejected the group chat request!";
    case Kind::kRejectedGroup:
      return fmt::format("{} rejected the group chat request!", about);
    case Kind::kNoGroup:
      return fmt::format("there is no request for group chat {}.", group);
    case Kind::kUnansweredGroup:
      return fmt::format("{} did not answer the group chat request.", about);
    case Kind::kYouLeftGroup:
      return "you left the chat room.";
    case Kind::kLeftGroup:
      return fmt::format("{} left the chat room.", about);
    case Kind::kAccepted:
    case Kind::kEntered:
      break;
  }
  ENSURE(kind != Kind::kAccepted && kind != Kind::kEntered);
  return {};
}

std::string format_chat_opened(bool is_asker, std::string_view other,
                               const common::Endpoint& partner) {
  const std::string body =
      is_asker ? fmt::format("{} accepted the chat request. you can send your message now!", other)
               : fmt::format(
                     "you have entered into a private chat with {}. you can send your message "
                     "now!",
                     other);
  constexpr auto kKeyword = common::RendezvousKeyword::kClientOk;
  const std::string port = fmt::format("{}", partner.port);
  const std::string address = partner.address.to_string();
  if (address == "127.0.0.1") return common::format_rendezvous_data(kKeyword, {body, port});
  return common::format_rendezvous_data(kKeyword, {body, address, port});
}

std::string format_found(std::string_view name, const common::Endpoint& where) {
  std::string address = where.address.to_string();
  std::replace(address.begin(), address.end(), ':', '-');
  return fmt::format("&&FOUND&&|{} found. its address is ('{}', {})", name, address, where.port);
}

std::string format_rendezvous_message(std::string_view sender, std::string_view text) {
  return fmt::format("&&MESSAGE&&|{}: {}", sender, common::harmless_rendezvous_text(text));
}

std::string format_undelivered(const common::UserName& to, std::string_view why) {
  if (to.is_room()) return fmt::format("not everybody in the room got your message. {}.", why);
  return fmt::format("{} did not get your message. {}.", to.text(), why);
}

std::string format_refused_name(common::NameError error) {
  return fmt::format("your name was refused. it {}.", to_string(error));
}

}  // namespace registry::doors
