#include "peer/shell/meet_run.hpp"

#include <unistd.h>

#include "common/os/random.hpp"
#include "peer/meet_client.hpp"
#include "peer/shell/conversation_run.hpp"
#include "peer/shell/time_limit.hpp"

namespace peer {

using common::ExitStatus;

ExitStatus run_meet(const Options& options) {
  if (options.hello >= MeetClient::kSilenceMax) {
    return refuse_to_begin(
        ExitStatus::kUsage,
        "--hello must be below 200 seconds: whoever is silent for so long is given up");
  }
  // Nothing is begun yet: a signal, and the end of -W, may end it as they end any program.
  TimeLimit limit(options.wait);
  auto connection = limit.during([&] { return connect_to_server(options); });
  if (!connection) return refuse_to_begin(ExitStatus::kUnavailable, connection.error());

  common::os::SystemRandom random;
  MeetClient client({.name = options.name,
                     .server = options.registry_text,
                     .hello_to = {connection->server.address, options.udp_port},
                     .hello = options.hello,
                     .is_terminal = isatty(STDIN_FILENO) != 0,
                     .json = options.json,
                     .count = options.count,
                     .wait = limit.take_rest(),
                     .port = options.port},
                    random);
  return run_conversation(options, client, std::move(connection->fd));
}

}  // namespace peer
