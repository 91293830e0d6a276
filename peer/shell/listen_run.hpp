// Runs `listen`: one poll loop for the UDP socket, the terminal, the signals and the hook, and a
// worker that talks to the registry, so that reception never waits for it. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_listen(const Options& options);

}  // namespace peer
