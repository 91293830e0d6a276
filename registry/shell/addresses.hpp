// Addresses as values and as Asio and the kernel have them. Part of the registry's shell.
#pragma once

#include <sys/socket.h>

#include <asio.hpp>

#include "common/endpoint.hpp"

namespace registry {

inline common::IpAddress to_ip_address(const asio::ip::address& address) {
  if (address.is_v4()) return common::IpAddress::v4(address.to_v4().to_bytes());
  return common::IpAddress::v6(address.to_v6().to_bytes());
}

inline asio::ip::address to_asio(const common::IpAddress& address) {
  if (address.is_v6()) return asio::ip::address_v6(address.bytes());
  const auto& b = address.bytes();
  return asio::ip::address_v4({b[0], b[1], b[2], b[3]});
}

}  // namespace registry
