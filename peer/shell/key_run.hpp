// Runs `key` and `trust`: the own key for others to compare, and a person's word on theirs. A
// shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

common::ExitStatus run_key(const Options& options);
common::ExitStatus run_trust(const Options& options);

}  // namespace peer
