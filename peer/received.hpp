// A message that has come in, as it is shown. A core.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/classic_datagram.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace peer {

/// A message as it is shown and given to a hook.
struct Received {
  std::string id;  // 32 hexadecimal digits; no old dialect has one: there it is made up
  common::WallTime time;
  common::ClassicMessage message;
  /// Who the sender is, by his key; empty: anybody may have written the name.
  std::string fingerprint = {};
  /// The sender waits to be told what the hook made of it, under this number.
  std::optional<std::uint64_t> receipt = {};
  bool is_question = false;  // and what the hook wrote
  /// It came without a key under a name that was seen with one.
  bool lacks_key = false;
};

/// 32 hexadecimal digits.
std::string format_message_id(std::span<const std::byte, 16> id);
std::string make_message_id(common::Random& random);

/// One line without its end: `sender: text` made harmless, or a JSON object for `to`.
std::string format_received(const Received& received, const common::UserName& to, bool json);
/// The object alone; `to` is whom the message is for: a user, "room" or "all".
std::string format_received_json(const Received& received, std::string_view to);

}  // namespace peer
