// The UDP sockets of the hub: gateway ports, which datagrams for connected users arrive at, and the
// one that datagrams from them leave by. A shell on the loop's thread.
#pragma once

#include <asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "registry/gateway.hpp"

namespace registry {

/// True for an address of this machine's.
bool is_own_address(const common::IpAddress& address);

class GatewaySockets final : public GatewayPorts {
 public:
  using Handler = std::function<void(std::uint16_t port, const common::IpAddress& source,
                                     common::Bytes datagram)>;

  explicit GatewaySockets(asio::io_context& loop) : loop_(loop) {}

  /// Where ports are opened; none: at every address of the machine.
  void set_address(std::optional<common::IpAddress> address) { address_ = address; }
  void set_handler(Handler handler) { handler_ = std::move(handler); }

  std::optional<std::uint16_t> open() override;
  void close(std::uint16_t port) override;

  /// True if the kernel has taken the datagram.
  bool send(const common::Endpoint& to, common::Bytes datagram);

 private:
  using Socket = asio::ip::udp::socket;

  void wait(const std::shared_ptr<Socket>& socket, std::uint16_t port);
  void receive(Socket& socket, std::uint16_t port);

  asio::io_context& loop_;
  std::optional<common::IpAddress> address_;
  Handler handler_;
  std::map<std::uint16_t, std::shared_ptr<Socket>> sockets_;
  std::unique_ptr<Socket> out_v4_;
  std::unique_ptr<Socket> out_v6_;
  std::vector<std::byte> buffer_;
};

}  // namespace registry
