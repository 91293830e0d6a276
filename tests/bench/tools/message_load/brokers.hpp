// The runs against a broker, whose protocol the load speaks. Those of the two-connection dialect
// are in two_connection.hpp.
#pragma once

#include "tests/bench/tools/message_load/load.hpp"
#include "tests/bench/tools/message_load/measure.hpp"

namespace bench {

/// So many senders, each with a receiver of his own, whose answer he waits for.
Found run_pairs(Load& load, int pairs, double seconds);

/// One sender and so many receivers of one topic. Finds no round trips: he is told of no receipt.
Found run_fan(Load& load, int receivers, double seconds);

}  // namespace bench
