// Runs `send`: standard input or arguments in, the registry and the network asked, lines out. A
// shell; everything on the calling thread.
#pragma once

#include "peer/shell/options.hpp"

namespace peer {

/// The exit status: an ExitStatus, or that of a recipient's hook.
int run_send(const Options& options);

}  // namespace peer
