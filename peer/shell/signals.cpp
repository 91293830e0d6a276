#include "peer/shell/signals.hpp"

#include <csignal>

namespace peer {

common::os::UniqueFd open_signals(std::vector<int> more) {
  more.insert(more.end(), {SIGINT, SIGTERM});
  struct sigaction hang_up {};
  if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
    more.push_back(SIGHUP);
  return common::os::open_signals(more);
}

}  // namespace peer
