#include "peer/shell/socket_address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "common/check.hpp"

namespace peer {

SocketAddress to_socket_address(const common::Endpoint& endpoint, int family) {
  SocketAddress address;
  const auto& bytes = endpoint.address.bytes();
  if (family == AF_INET) {
    ENSURE(!endpoint.address.is_v6());
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, bytes.data(), sizeof in.sin_addr);
    std::memcpy(&address.storage, &in, sizeof in);
    address.size = sizeof in;
    return address;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  if (endpoint.address.is_v6()) {
    std::memcpy(&in.sin6_addr, bytes.data(), sizeof in.sin6_addr);
  } else {
    in.sin6_addr.s6_addr[10] = in.sin6_addr.s6_addr[11] = 0xff;
    std::copy_n(bytes.begin(), 4, in.sin6_addr.s6_addr + 12);
  }
  std::memcpy(&address.storage, &in, sizeof in);
  address.size = sizeof in;
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

}  // namespace peer
