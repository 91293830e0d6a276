// The lines of the two-connection dialect, as the server reads and writes them
// (docs/protocol/two-connection.md). A core: lines without their ends in, lines with them out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "registry/hub.hpp"

namespace registry::doors {

struct LoginLine {
  std::string_view name;
  std::string_view password;
};
struct PortLine {
  std::uint16_t port;
};
struct ListLine {};
struct ToLine {
  std::string_view target;
  std::string_view content;
};
struct ToAllLine {
  std::string_view content;
};
struct ExitLine {};
/// Anything else: a wrong word, count of words or blank, an empty content, bytes that are not UTF-8
/// or a control character other than TAB.
struct UnrecognizedLine {};
using CommandLine =
    std::variant<UnrecognizedLine, LoginLine, PortLine, ListLine, ToLine, ToAllLine, ExitLine>;

/// Reads a line of La without its LF; one CR at its end is dropped. Views point into `line`.
CommandLine parse_two_connection_line(std::string_view line);

/// True for a line of Lb that confirms: its code counts, not its words.
bool is_receipt(std::string_view line);

/// `/from SENDER TEXT` or `/broadcastfrom SENDER TEXT`, with its LF.
std::string format_push(const Message& message);

/// The server's answers, each with its LF.
enum class Reply {
  kLoggedIn,      // 101
  kLoginFailed,   // 102
  kConnected,     // 201
  kNotConnected,  // 202
  kDelivered,     // 303
  kNotDelivered,  // 304
  kBye,           // 310
  kUnrecognized,  // 401
};
/// Shared, so that an answer costs no allocation.
const std::shared_ptr<const std::string>& reply_line(Reply reply);

}  // namespace registry::doors
