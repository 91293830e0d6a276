// What the registry says to users of the rendezvous door, in the words of the original
// (docs/protocol/rendezvous.md, "From the registry"). A core.
//
// No notice has a colon: old programs show only what is behind the first one, as somebody's text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/endpoint.hpp"
#include "common/user.hpp"
#include "registry/doors/rendezvous_rooms.hpp"

namespace registry::doors {

/// The data of the frame that tells of the event; `about` is its user's name. kAccepted and
/// kEntered want format_chat_opened.
std::string format_room_notice(RoomEvent::Kind kind, std::string_view about, std::uint32_t group);

/// CLIENTOK: `is_asker` is told that `other` has accepted, the accepter that he has entered. An
/// address of 127.0.0.1 is left out: old programs know no other. In the field that others get it
/// in, they do not look.
std::string format_chat_opened(bool is_asker, std::string_view other,
                               const common::Endpoint& partner);

/// FOUND. The colons of an IPv6 address become dashes.
std::string format_found(std::string_view name, const common::Endpoint& where);

/// A message as it is shown: `&&MESSAGE&&|SENDER: TEXT`.
std::string format_rendezvous_message(std::string_view sender, std::string_view text);

/// `why` is an outcome's word.
std::string format_undelivered(const common::UserName& to, std::string_view why);

std::string format_refused_name(common::NameError error);

/// In front of notices that nobody caused; nobody can have that name.
inline constexpr std::string_view kRegistryName = "server";

inline constexpr std::string_view kUserNotFound = "&&NOTFOUND&&|user not found";
inline constexpr std::string_view kOwnSearch =
    "&&INVALIDSEARCH&&|you can't search yourself. search for other users";
inline constexpr std::string_view kOwnChat = "you can't chat with yourself.";
inline constexpr std::string_view kLogoutInRoom =
    "you are in a chat room. type EXIT or EXIT GROUP before you log out.";
inline constexpr std::string_view kTextRefused =
    "your message was not sent. it is empty, too long, or has control characters.";
inline constexpr std::string_view kTextBusy =
    "your message was not sent. too many of yours are under way.";
inline constexpr std::string_view kTextLate =
    "your message was not sent. the chat that it was for is over.";
inline constexpr std::string_view kNameInUse =
    "your name was refused. it is in use. start again with another.";
inline constexpr std::string_view kAccountName =
    "your name was refused. it belongs to an account. start again with another.";
inline constexpr std::string_view kBoundName =
    "your name was refused. it belongs to a key. start again with another.";
inline constexpr std::string_view kRegistryFull = "you were refused. the registry is full.";
inline constexpr std::string_view kPortRefused =
    "your port was refused. it must be 1024 to 65535, and not the registry's own.";
inline constexpr std::string_view kSilent =
    "nothing was heard of you for too long. you have been removed. start again.";
inline constexpr std::string_view kClosing = "the registry is closing.";

}  // namespace registry::doors
