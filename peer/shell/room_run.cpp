#include "peer/shell/room_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "common/os/random.hpp"
#include "peer/room_client.hpp"
#include "peer/shell/conversation_run.hpp"
#include "peer/shell/time_limit.hpp"

namespace peer {

using common::ExitStatus;

ExitStatus run_room(const Options& options) {
  auto text = command_line(options);
  if (text) {
    if (const auto why = why_no_room_text(*text))
      return refuse_to_begin(ExitStatus::kUsage, fmt::format("the text {}", *why));
    if (text->empty()) return refuse_to_begin(ExitStatus::kUsage, "the text is empty");
  }
  // Nothing is begun yet: a signal, and the end of -W, may end it as they end any program.
  TimeLimit limit(options.wait);
  auto connection = limit.during([&] { return connect_to_server(options); });
  if (!connection) return refuse_to_begin(ExitStatus::kUnavailable, connection.error());

  common::os::SystemRandom random;
  RoomClient client({.name = options.name,
                     .server = options.registry_text,
                     .is_terminal = isatty(STDIN_FILENO) != 0,
                     .json = options.json,
                     .text = std::move(text),
                     .count = options.count,
                     .wait = limit.take_rest()},
                    random);
  return run_conversation(options, client, std::move(connection->fd));
}

}  // namespace peer
