// The signals that end a conversation, and those of a terminal. A shell.
#pragma once

#include <vector>

#include "common/os/signals.hpp"

namespace peer {

/// SIGINT, SIGTERM, SIGHUP (unless nohup has it ignored) and `more`, for common::os::read_signal.
/// Before any thread starts, so that all of them block these.
common::os::UniqueFd open_signals(std::vector<int> more = {});

}  // namespace peer
