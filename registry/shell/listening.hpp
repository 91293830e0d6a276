// Listening at all addresses of a host, with the sentences for what may go wrong. A shell.
#pragma once

#include <asio.hpp>
#include <functional>
#include <string_view>
#include <vector>

#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "common/expected.hpp"

namespace registry {

/// Prints a line on standard error, with the program's name before it.
void complain(std::string_view text);

/// The host's addresses, each with the port; none if there is no such host, and `failed` says why.
std::vector<common::Endpoint> resolve(asio::io_context& loop, const common::HostPort& host_port,
                                      std::error_code& failed);

/// Binds one endpoint, port 0 to a free port; the result is what was bound.
using Bind =
    std::function<common::expected<common::Endpoint, std::error_code>(const common::Endpoint&)>;

/// Binds all addresses of a host, all with the same port, and adds what was bound to `bound`. What
/// fails is said on standard error; `option` is what the port is given by there, with a blank after
/// it, or empty.
common::ExitStatus listen_at(asio::io_context& loop, const common::HostPort& host_port,
                             const Bind& bind, std::string_view option,
                             std::vector<common::Endpoint>& bound);

bool is_wildcard(const common::IpAddress& address);

/// Where a person on this machine reaches what is bound there.
std::string hint_address(const common::Endpoint& bound);

}  // namespace registry
