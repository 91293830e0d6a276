#include "peer/shell/socket_address.hpp"

#include <algorithm>
#include <cstring>

#include "common/check.hpp"

namespace peer {

SocketAddress to_socket_address(const common::Endpoint& endpoint, int family) {
  SocketAddress address;
  const auto& bytes = endpoint.address.bytes();
  if (family == AF_INET) {
    ENSURE(!endpoint.address.is_v6());
    address.v4 = {};
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(endpoint.port);
    std::memcpy(&address.v4.sin_addr, bytes.data(), sizeof address.v4.sin_addr);
    address.size = sizeof address.v4;
    return address;
  }
  address.v6 = {};
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(endpoint.port);
  if (endpoint.address.is_v6()) {
    std::memcpy(&address.v6.sin6_addr, bytes.data(), sizeof address.v6.sin6_addr);
  } else {
    address.v6.sin6_addr.s6_addr[10] = address.v6.sin6_addr.s6_addr[11] = 0xff;
    std::copy_n(bytes.begin(), 4, address.v6.sin6_addr.s6_addr + 12);
  }
  address.size = sizeof address.v6;
  return address;
}

std::optional<common::Endpoint> from_socket_address(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return common::Endpoint{common::IpAddress::v4(bytes), ntohs(in.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return common::Endpoint{common::IpAddress::v6(bytes), ntohs(in.sin6_port)};
  }
  return std::nullopt;
}

std::optional<common::Endpoint> local_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return from_socket_address(storage);
}

std::optional<common::Endpoint> remote_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return from_socket_address(storage);
}

}  // namespace peer
