// Signals as something to read in a loop. For shells.
#pragma once

#include <optional>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace common::os {

/// Blocks these in this thread and in those that it starts from now on, so before it starts any:
/// what comes waits at the descriptor, which does not block.
UniqueFd open_signals(const std::vector<int>& numbers);

/// The next one that waits.
std::optional<int> read_signal(int fd);

/// They do again what they do to a program that knows nothing of them, by this thread.
void unblock_signals(const std::vector<int>& numbers);

}  // namespace common::os
