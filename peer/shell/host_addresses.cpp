#include "peer/shell/host_addresses.hpp"

#include <algorithm>

#include "peer/shell/socket_address.hpp"
#include "peer/shell/system_text.hpp"

namespace peer {

common::expected<AddressList, std::string> resolve_all(const std::string& host,
                                                       std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &raw))
    return common::unexpected{lower_first(gai_strerror(error))};
  return AddressList(raw);
}

std::optional<common::IpAddress> resolve_host(const std::string& host,
                                              const common::IpAddress& like) {
  if (const auto address = common::IpAddress::parse(host)) return address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* raw = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &raw) != 0) return std::nullopt;
  const AddressList addresses(raw);
  std::optional<common::IpAddress> first;
  for (const addrinfo* it = raw; it != nullptr; it = it->ai_next) {
    sockaddr_storage storage{};
    std::copy_n(reinterpret_cast<const char*>(it->ai_addr), it->ai_addrlen,
                reinterpret_cast<char*>(&storage));
    const auto endpoint = from_socket_address(storage);
    if (!endpoint) continue;
    if (endpoint->address.is_v6() == like.is_v6()) return endpoint->address;
    if (!first) first = endpoint->address;
  }
  return first;
}

}  // namespace peer
