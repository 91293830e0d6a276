// `verify`: checks files of signed receipts. A shell.
#pragma once

#include "common/exit_status.hpp"
#include "peer/shell/options.hpp"

namespace peer {

/// kOk if each line of the files is a receipt that its recipient signed and, with a name given,
/// whose key is not another than the one pinned here; kBadInput if not, kRefused for another key.
common::ExitStatus run_verify(const Options& options);

}  // namespace peer
