#include "peer/shell/login_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/os/random.hpp"
#include "common/safe_text.hpp"
#include "peer/shell/conversation_run.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/system_text.hpp"
#include "peer/shell/tcp_socket.hpp"
#include "peer/shell/time_limit.hpp"
#include "peer/two_connection_client.hpp"
#include "peer/two_connection_protocol.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::UniqueFd;

/// From the file or else from the environment; nothing if neither says one. An error is a sentence.
common::expected<std::optional<std::string>, std::string> find_password(const Options& options) {
  std::string password;
  std::string source;
  if (!options.password_file.empty()) {
    source = "in " + common::to_terminal(options.password_file);
    const UniqueFd file(::open(options.password_file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
      return common::unexpected{fmt::format("--password-file {}: {}",
                                            common::to_terminal(options.password_file),
                                            describe_errno(errno))};
    }
    const auto lines = LineReader(file.get()).next(1);
    if (!lines.empty()) password = lines[0].text;
    if (password.ends_with('\r')) password.pop_back();
  } else if (const char* value = std::getenv("PEER_PASSWORD"); value != nullptr && *value != '\0') {
    source = "in PEER_PASSWORD";
    password = value;
  } else {
    return std::optional<std::string>();
  }
  if (const auto why = why_no_password(password))
    return common::unexpected{fmt::format("the password {} {}", source, *why)};
  return std::optional(std::move(password));
}

}  // namespace

ExitStatus run_login(const Options& options) {
  auto command = command_line(options);
  if (command) {
    if (const auto why = why_no_command(*command))
      return refuse_to_begin(ExitStatus::kUsage, fmt::format("the command {}", *why));
    if (command->empty()) return refuse_to_begin(ExitStatus::kUsage, "the command is empty");
  }

  // Nothing is begun yet: a signal, and the end of -W, may end it as they end any program.
  TimeLimit limit(options.wait);
  auto password = limit.during([&] { return find_password(options); });
  if (!password) return refuse_to_begin(ExitStatus::kConfiguration, password.error());
  auto connection = limit.during([&] { return connect_to_server(options); });
  if (!connection) return refuse_to_begin(ExitStatus::kUnavailable, connection.error());

  common::os::SystemRandom random;
  TwoConnectionClient client(
      {.name = options.is_name_asked ? std::nullopt : std::optional(options.name),
       .password = *std::move(password),
       .server = options.registry_text,
       .server_address = connection->server.address,
       .is_server_here = connection->server.address == connection->local.address,
       .is_terminal = isatty(STDIN_FILENO) != 0,
       .json = options.json,
       .command = std::move(command),
       .count = options.count,
       .wait = limit.take_rest(),
       .port = options.port},
      random);
  return run_conversation(options, client, std::move(connection->fd));
}

}  // namespace peer
