// What the registry says to users of the rendezvous door.
#pragma once

#include <fmt/format.h>

#include <string>

namespace test {

inline constexpr const char* kCarolAsks = "carol> carol would like to chat with you? (OK/REJECT)";
inline constexpr const char* kTooLate =
    "ali> your message was not sent. the chat that it was for is over.";

/// To ali, once he is in a chat with a user of another door.
inline std::string entered(const char* name) {
  return fmt::format(
      "ali> &&CLIENTOK&&|you have entered into a private chat with {}. you can send your message "
      "now!|6236",
      name);
}

}  // namespace test
