// `peer NAME HOST:PORT login`: terminal, sockets and signals around the core. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_login(const Options& options);

}  // namespace peer
