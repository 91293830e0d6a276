// `peer NAME HOST:PORT room`: the connection around the core. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_room(const Options& options);

}  // namespace peer
