// A command of `meet` that names users. Old registries break on a name that they do not know, so
// each is looked up first, one after the other, and only those found are in what is asked for then.
// A core.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/user.hpp"
#include "peer/meet_command.hpp"

namespace peer {

class MeetLookup {
 public:
  /// Of a SEARCH, a CHAT REQUEST, an OK or REJECT of one, or a GROUP CHAT.
  explicit MeetLookup(MeetCommand command);

  const MeetCommand& command() const { return command_; }
  bool is_search() const { return std::holds_alternative<MeetSearch>(command_); }
  bool is_group() const { return std::holds_alternative<MeetGroupChat>(command_); }

  /// The data that asks for the next name. There is one: is_done() is false.
  std::string question(const common::UserName& me) const;
  /// Takes what came of that, and says whom it was about.
  std::string take_answer(bool is_found);
  bool is_done() const { return names_.empty(); }
  bool has_found_some() const { return !found_.empty(); }

  /// Once done and some are found: the data that asks for what was commanded; nothing for a SEARCH.
  /// May be longer than a frame takes, of a group. `port` is where a partner is to connect to.
  std::optional<std::string> request(const common::UserName& me, std::uint16_t port) const;

 private:
  MeetCommand command_;
  std::deque<std::string> names_;  // not answered yet, and the one being asked for in front
  std::vector<std::string> found_;
};

}  // namespace peer
