// A message that has come in, as it is shown. A core.
#pragma once

#include <string>
#include <string_view>

#include "common/classic_datagram.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace peer {

/// A message as it is shown and given to a hook.
struct Received {
  std::string id;  // 32 hexadecimal digits; no dialect here has one, so it is made up
  common::WallTime time;
  common::ClassicMessage message;
};

std::string make_message_id(common::Random& random);

/// One line without its end: `sender: text` made harmless, or a JSON object for `to`.
std::string format_received(const Received& received, const common::UserName& to, bool json);
/// The object alone; `to` is whom the message is for: a user, "room" or "all".
std::string format_received_json(const Received& received, std::string_view to);

}  // namespace peer
