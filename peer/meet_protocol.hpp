// What a rendezvous registry says, as the client understands it (docs/protocol/rendezvous.md, "From
// the registry"). A core.
//
// Much of the dialect is in sentences: what no keyword marks is known by its words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.hpp"
#include "common/rendezvous_frame.hpp"
#include "common/user.hpp"

namespace peer {

struct MeetNotice {
  enum class Kind {
    kText,  // nothing but to be shown
    kMessage,
    kFound,
    kNotFound,
    kOwnSearch,
    kBusy,
    kChatOpened,
    kChatClosed,
    kRejected,      // our request was
    kUnanswered,    // our request, for too long; or it was not passed on, since too many are
    kAnswered,      // what we answered a request with was taken, or there is none
    kGroupMade,     // we are in it
    kGroupJoined,   // we are in the one that we were invited to
    kGroupLeft,     // we are not in it any more
    kInvited,       // to `group`
    kGroupNotHere,  // the one that we answered an invitation of
    kTextRefused,   // the text itself
    kNotSent,       // a text, for another reason
    kRefused,       // our registration
    kLoggedOut,
  } kind = Kind::kText;
  std::string text;    // without keyword and sender
  std::string sender;  // of kMessage; else empty
  std::uint32_t group = 0;
  std::string partner;        // of kChatOpened: his name
  common::Endpoint endpoint;  // of kChatOpened: where he takes texts
};

/// As --json has it.
std::string_view to_string(MeetNotice::Kind kind);

/// The two frames of one saying: who caused it, and its data. `me` is whom it was said to. Nothing
/// if a chat is opened with a partner whose endpoint cannot be used.
std::optional<MeetNotice> interpret_notice(std::string_view cause, std::string_view data,
                                           const common::UserName& me);

/// A text as one user's program sends it to another's, or to the registry for a group.
struct MeetMessage {
  std::string_view sender;
  std::string_view text;
};
/// Nothing if it is no message, or does not say whose.
std::optional<MeetMessage> parse_meet_message(std::string_view data);
std::string format_meet_message(const common::UserName& me, std::string_view text);

}  // namespace peer
