// Runs `send`: standard input or arguments in, the registry and the network asked, lines out. A
// shell; everything on the calling thread.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_send(const Options& options);

}  // namespace peer
