// The runs against a server of the two-connection dialect: a user gives commands on one connection
// and is pushed messages on another, which the server opens. The load has no protocol here. Runs
// against brokers are in brokers.hpp.
#pragma once

#include "tests/bench/tools/message_load/load.hpp"
#include "tests/bench/tools/message_load/measure.hpp"

namespace bench {

/// One sender and several receivers: he sends to all. Otherwise each has a receiver of his own. The
/// accounts s0, s1, … and r0, r1, … have to be there, with the password pw.
Found run_two_connection(Load& load, int senders, int receivers, double seconds);

/// A third of the connections are users' command connections, a third their push connections, a
/// third have not logged in.
void hold_two_connection(Load& load, int connections);

}  // namespace bench
