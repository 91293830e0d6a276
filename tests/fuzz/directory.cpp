// A script of calls on the node: registrations, updates and logouts by several clients, changes
// that are committed or fail, probes, time, restarts. One owner a name, and nothing waits for ever.
#include "tests/fuzz/support/node_world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::NodeWorld world;
  fuzz::play(world, fuzz::as_input(data, size));
  world.settle();
  return 0;
}
