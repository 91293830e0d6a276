// What a person or a script types in `meet`: a line to a command or a text for the chat. A core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace peer {

/// SEARCH NAME
struct MeetSearch {
  std::string name;
};
/// CHAT REQUEST NAME
struct MeetChatRequest {
  std::string name;
};
/// OK NAME, REJECT NAME
struct MeetAnswer {
  std::string name;
  bool is_yes = false;
};
/// GROUP CHAT NAME NAME …
struct MeetGroupChat {
  std::vector<std::string> names;
};
/// OK GROUP NUMBER, REJECT GROUP NUMBER
struct MeetGroupAnswer {
  std::uint32_t group = 0;
  bool is_yes = false;
};
/// EXIT, EXIT GROUP
struct MeetExit {};
/// LOGOUT
struct MeetLogout {};
/// Anything else.
struct MeetText {
  std::string text;
};
/// A command's first words without the rest that it wants: a hint at the right form.
struct MeetUsage {
  std::string usage;
};
using MeetCommand = std::variant<MeetSearch, MeetChatRequest, MeetAnswer, MeetGroupChat,
                                 MeetGroupAnswer, MeetExit, MeetLogout, MeetText, MeetUsage>;

/// Reads a line by its first words, which are capitals and exact. In a room, where nobody can be
/// answered, `OK` and `REJECT` begin a text like any other word.
MeetCommand parse_meet_command(std::string_view line, bool is_in_room);

/// A name that every registry can be asked for: a word of up to 64 bytes that means nothing else.
/// Old ones know names that are not legal here.
bool is_askable_name(std::string_view name);

/// A text that every reader takes: UTF-8 without control characters but TAB, C1 among them, of 1 to
/// kMeetTextBytesMax bytes as it is sent (common::harmless_rendezvous_text).
bool is_meet_text(std::string_view text);
inline constexpr std::size_t kMeetTextBytesMax = 4096;

}  // namespace peer
