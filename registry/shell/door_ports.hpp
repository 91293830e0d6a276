// Gateway ports of the NetChat door: TCP ports whose connections are the door's. A shell on the
// loop's thread.
#pragma once

#include <optional>

#include "registry/gateway.hpp"
#include "registry/shell/door_server.hpp"

namespace registry {

class DoorPorts final : public GatewayPorts {
 public:
  /// Until a server is set, there are no ports. `address`: where they are opened; none: at every
  /// address of the machine.
  void set_server(DoorServer* server, std::optional<common::IpAddress> address) {
    server_ = server;
    address_ = address;
  }

  std::optional<std::uint16_t> open() override {
    if (server_ == nullptr) return std::nullopt;
    auto bound = server_->listen({address_.value_or(common::IpAddress::v6({})), 0});
    // A machine without IPv6.
    if (!bound && !address_) bound = server_->listen({common::IpAddress(), 0});
    if (!bound) return std::nullopt;
    return bound->port;
  }
  void close(std::uint16_t port) override { server_->stop_listening(port); }

 private:
  DoorServer* server_ = nullptr;
  std::optional<common::IpAddress> address_;
};

}  // namespace registry
