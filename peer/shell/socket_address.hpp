// Between our endpoints and the kernel's socket addresses. For shells.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "common/endpoint.hpp"

namespace peer {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// The endpoint as a socket of that family takes it: for AF_INET6, IPv4 becomes IPv4-mapped.
SocketAddress to_socket_address(const common::Endpoint& endpoint, int family);

/// Nothing for families other than IPv4 and IPv6.
std::optional<common::Endpoint> from_socket_address(const sockaddr_storage& storage);

/// The endpoint that the socket is bound to.
std::optional<common::Endpoint> local_endpoint(int fd);

}  // namespace peer
