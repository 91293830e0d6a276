// The lines of the two-connection account server, from its client's side (docs/peer.md, "login").
// On the first connection the client says a command and waits for a reply that begins with a code;
// on the second the server says a message and waits for the receipt. A core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/classic_datagram.hpp"
#include "common/exit_status.hpp"

namespace peer {

/// Longest command line that is sent, its end not counted.
inline constexpr std::size_t kCommandBytesMax = 4096;
inline constexpr std::size_t kPasswordBytesMax = 1024;

/// The receipt of a line on the second connection: servers compare it to the byte.
inline constexpr std::string_view kReceipt = "302 Message receipt successful\n";

/// A reply's code: three digits, then a blank or the end of the line. Nothing for other lines. What
/// follows is for people: servers differ in it.
std::optional<int> reply_code(std::string_view line);

/// The message in `/from SENDER TEXT`, `/broadcastfrom SENDER TEXT` or, of an old server,
/// `/broadcast SENDER TEXT`; the text may be empty or missing. Nothing for other lines.
std::optional<common::ClassicMessage> parse_delivery(std::string_view line);

/// What a reply to `command` means for the exit status; kProtocol for a code that is none of ours.
/// `malformed` is the status for a command that the server does not understand.
common::ExitStatus outcome_of_reply(int code, std::string_view command,
                                    common::ExitStatus malformed);

/// Why the text cannot be sent as a password, e.g. "has a blank"; nothing if it can.
std::optional<std::string_view> why_no_password(std::string_view text);

/// The same for a command line.
std::optional<std::string_view> why_no_command(std::string_view line);

}  // namespace peer
