// `netchat`: the NetChat client's core with its sockets and its person. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_netchat(const Options& options);

}  // namespace peer
