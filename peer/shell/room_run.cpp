#include "peer/shell/room_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/os/clock.hpp"
#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/room_client.hpp"
#include "peer/shell/conversation_run.hpp"
#include "peer/shell/time_limit.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::monotonic_now;

ExitStatus refuse(ExitStatus status, std::string_view text) {
  common::os::print_error(fmt::format("peer: {}\n", text));
  return status;
}

/// The words of a text as they were typed, a blank between.
std::optional<std::string> join(const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

ExitStatus run_room(const Options& options) {
  const auto begun = monotonic_now();
  auto text = join(options.command);
  if (text) {
    if (const auto why = why_no_room_text(*text))
      return refuse(ExitStatus::kUsage, fmt::format("the text {}", *why));
    if (text->empty()) return refuse(ExitStatus::kUsage, "the text is empty");
  }
  // Nothing is begun yet: a signal, and the end of -W, may end it as they end any program.
  std::optional<TimeLimit> limit(options.wait);
  auto connection = limit->during([&] { return connect_to_server(options); });
  if (!connection) return refuse(ExitStatus::kUnavailable, connection.error());
  limit.reset();

  auto wait = options.wait;
  if (wait) wait = std::max(*wait - (monotonic_now() - begun), common::Duration::zero());
  common::os::SystemRandom random;
  RoomClient client({.name = options.name,
                     .server = options.registry_text,
                     .is_terminal = isatty(STDIN_FILENO) != 0,
                     .json = options.json,
                     .text = std::move(text),
                     .count = options.count,
                     .wait = wait},
                    random);
  return run_conversation(options, client, std::move(connection->fd));
}

}  // namespace peer
