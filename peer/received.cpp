#include "peer/received.hpp"

#include <fmt/format.h>

#include <array>

#include "common/safe_text.hpp"
#include "common/user_json.hpp"

namespace peer {

std::string format_message_id(std::span<const std::byte, 16> id) {
  std::string text;
  for (const std::byte byte : id) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

std::string make_message_id(common::Random& random) {
  std::array<std::byte, 16> bytes{};
  random.fill(bytes);
  return format_message_id(bytes);
}

std::string format_received(const Received& received, const common::UserName& to, bool json) {
  if (json) return format_received_json(received, to.text());
  const common::ClassicMessage& message = received.message;
  std::string text = common::to_terminal(message.text);
  if (!message.sender) return text;
  return common::to_terminal(*message.sender, false) +
         (received.lacks_key ? " (not sealed): " : ": ") + text;
}

std::string format_received_json(const Received& received, std::string_view to) {
  const common::ClassicMessage& message = received.message;
  constexpr bool kAscii = true;  // a terminal may read this too
  return fmt::format(
      R"({{"v":1,"id":"{}","ts":"{}","event":"message","from":{},"to":[{}],"text":{},"sealed":{}{}}})",
      received.id, common::format_wall_time(received.time),
      message.sender ? common::json_string(*message.sender, kAscii) : "null",
      common::json_string(to, kAscii), common::json_string(message.text, kAscii),
      !received.fingerprint.empty(),
      received.fingerprint.empty() ? "" : fmt::format(R"(,"key":"{}")", received.fingerprint));
}

}  // namespace peer
