// The machine's clocks. For shells: a core is given the time as an argument. Any thread may call.
#pragma once

#include "common/time.hpp"

namespace common::os {

/// CLOCK_BOOTTIME: never set back or forward by anybody, and counting while the machine sleeps, so
/// a laptop that wakes up after an hour finds its leases over.
TimePoint monotonic_now();

WallTime wall_now();

}  // namespace common::os
