// `registry --check`: looks at options and files without disturbing a registry that runs on them. A
// shell.
#pragma once

#include "common/exit_status.hpp"
#include "registry/shell/options.hpp"

namespace registry {

/// What is wrong is said on standard error; kOk if nothing is.
common::ExitStatus check_setup(const Options& options);

}  // namespace registry
