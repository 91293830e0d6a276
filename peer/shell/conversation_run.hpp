// Runs a conversation: one poll loop over the person, the links, the registry and signals. A shell,
// for the main thread; it blocks signals and owns the standard streams until it returns.
#pragma once

#include "common/exit_status.hpp"
#include "common/os/unique_fd.hpp"
#include "peer/conversation.hpp"
#include "peer/shell/options.hpp"

namespace peer {

/// From start() to Leave; returns its status, or kOutput where all went well but what was printed
/// found no reader. `server`, unless it is closed, is the connection named kServerLink. Of the
/// options only quiet, registry and advertise are used: the others are the core's.
common::ExitStatus run_conversation(const Options& options, Conversation& conversation,
                                    common::os::UniqueFd server);

/// What is said where nothing can begin; returns `status`.
common::ExitStatus refuse_to_begin(common::ExitStatus status, std::string_view text);

/// The words of the options' command as one line, a blank between; nothing if there are none.
std::optional<std::string> command_line(const Options& options);

/// The first connection of a mode that has a server.
struct ServerConnection {
  common::os::UniqueFd fd;
  common::Endpoint server;  // that it leads to
  common::Endpoint local;   // that it begins at
};

/// Connects to the options' registry, or says why it cannot: a sentence.
common::expected<ServerConnection, std::string> connect_to_server(const Options& options);

}  // namespace peer
