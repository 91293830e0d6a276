// `peer NAME HOST:PORT meet`: terminal, sockets and signals around the core. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_meet(const Options& options);

}  // namespace peer
