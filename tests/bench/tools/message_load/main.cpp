// One load for several message servers, so that the client's cost is the same for each.
//
//   message_load PROTOCOL PORT pairs COUNT SECONDS   each sender waits for the receiver's answer
//   message_load PROTOCOL PORT fan COUNT SECONDS     one sender, COUNT receivers that all confirm
//   message_load PROTOCOL PORT hold COUNT            opens COUNT connections, prints "open", waits
//
// PROTOCOL is two-connection, nats, mqtt0, mqtt1 (QoS 0 and 1) or irc. Messages have 100 bytes and
// end with '|', which occurs nowhere else. `pairs` and `fan` print JSON: what was delivered a
// second, and the median and 99th percentile of the round trip in microseconds.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/bench/tools/message_load/brokers.hpp"
#include "tests/bench/tools/message_load/load.hpp"
#include "tests/bench/tools/message_load/protocol.hpp"
#include "tests/bench/tools/message_load/two_connection.hpp"
#include "tests/bench/tools/support.hpp"

int main(int argc, char** argv) {
  if (argc < 5) return 64;
  bench::raise_descriptor_limit();
  auto protocol = bench::make_protocol(argv[1]);
  const bool is_ours = protocol == nullptr;
  auto load = std::make_unique<bench::Load>(std::move(protocol), bench::number(argv[2]));
  const std::string_view mode = argv[3];
  const int count = bench::number(argv[4]);
  if (mode == "hold") {
    if (is_ours) {
      bench::hold_two_connection(*load, count);
    } else {
      for (int i = 0; i < count; ++i) load->connect("c" + std::to_string(i), "t");
    }
    std::printf("open\n");
    std::fflush(stdout);
    std::getchar();
    return 0;
  }
  if (argc < 6) return 64;
  const double seconds = std::atof(argv[5]);
  bench::Found found = mode == "pairs"
                           ? is_ours ? bench::run_two_connection(*load, count, count, seconds)
                                     : bench::run_pairs(*load, count, seconds)
                       : is_ours ? bench::run_two_connection(*load, 1, count, seconds)
                                 : bench::run_fan(*load, count, seconds);
  found.print();
}
