#include "peer/shell/netchat_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/netchat_client.hpp"
#include "peer/shell/conversation_run.hpp"
#include "peer/shell/host_addresses.hpp"
#include "peer/shell/registry_worker.hpp"
#include "peer/shell/token_file.hpp"

namespace peer {

using common::ExitStatus;

ExitStatus run_netchat(const Options& options) {
  if (options.advertise && !resolve_host(options.advertise->host, {})) {
    return refuse_to_begin(
        ExitStatus::kConfiguration,
        fmt::format("--advertise: cannot find the host {}", options.advertise->host));
  }
  auto command = command_line(options);
  if (command && command->find_first_of("\r\n") != command->npos)
    return refuse_to_begin(ExitStatus::kUsage, "the command has more than one line");
  common::os::SystemRandom random;
  const auto token = TokenFile::open(options.name, options.registry, random);
  if (!token && token.error() == TokenFile::Failure::kInUse) {
    common::os::print_output(">>Registration failed!\n");
    return refuse_to_begin(ExitStatus::kRefused,
                           fmt::format("{} is listening here already, at {}", options.name.text(),
                                       options.registry_text));
  }
  if (!token && !options.quiet) {
    common::os::print_error(
        "peer: no place to keep the name's owner token ($XDG_STATE_HOME): after a crash the name "
        "will be held for some minutes\n");
  }
  NetchatClient client({.name = options.name,
                        .registry = options.registry_text,
                        .owner_token = token ? std::optional(token->token()) : std::nullopt,
                        .is_terminal = isatty(STDIN_FILENO) != 0,
                        .json = options.json,
                        .command = std::move(command),
                        .count = options.count,
                        .wait = options.wait,
                        .port = options.port},
                       random);
  return run_conversation(options, client, /*server=*/{});
}

}  // namespace peer
