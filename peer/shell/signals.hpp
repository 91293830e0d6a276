// Signals as something to read in a poll loop. A shell.
#pragma once

#include <initializer_list>

#include "common/os/unique_fd.hpp"

namespace peer {

/// SIGINT, SIGTERM, SIGHUP (unless nohup has it ignored) and `more` as signalfd_siginfo to read.
/// Before any thread starts, so that all of them block these.
common::os::UniqueFd open_signals(std::initializer_list<int> more = {});

}  // namespace peer
