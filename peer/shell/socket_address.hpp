// Between our endpoints and the kernel's socket addresses. For shells.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "common/endpoint.hpp"

namespace peer {

struct SocketAddress {
  union {
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&v6); }
};

/// The endpoint as a socket of that family takes it: for AF_INET6, IPv4 becomes IPv4-mapped.
SocketAddress to_socket_address(const common::Endpoint& endpoint, int family);

/// Nothing for families other than IPv4 and IPv6.
std::optional<common::Endpoint> from_socket_address(const sockaddr_storage& storage);

/// The endpoint that the socket is bound to.
std::optional<common::Endpoint> local_endpoint(int fd);
/// The endpoint that it is connected to.
std::optional<common::Endpoint> remote_endpoint(int fd);

}  // namespace peer
