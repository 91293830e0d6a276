#include "registry/shell/hello_socket.hpp"

#include "registry/shell/addresses.hpp"

namespace registry {
namespace {

using asio::ip::udp;

/// Datagrams worked off before others have their turn.
constexpr int kHellosAtOnce = 64;

}  // namespace

common::expected<common::Endpoint, std::error_code> HelloSocket::bind(
    const common::Endpoint& endpoint) {
  const udp::endpoint wanted(to_asio(endpoint.address), endpoint.port);
  auto socket = std::make_shared<Socket>(loop_);
  std::error_code failed;
  socket->open(wanted.protocol(), failed);
  if (!failed && endpoint.address.is_v6())
    socket->set_option(asio::ip::v6_only(endpoint.address.is_loopback()), failed);
  if (!failed) socket->bind(wanted, failed);
  if (!failed) socket->non_blocking(true, failed);
  const std::uint16_t port = failed ? std::uint16_t{0} : socket->local_endpoint(failed).port();
  if (failed) return common::unexpected{failed};
  sockets_.push_back(socket);
  wait(socket);
  return common::Endpoint{endpoint.address, port};
}

void HelloSocket::close() {
  std::error_code ignored;
  for (const auto& socket : sockets_) socket->close(ignored);
  sockets_.clear();
}

void HelloSocket::wait(const std::shared_ptr<Socket>& socket) {
  socket->async_wait(Socket::wait_read, [this, socket](const std::error_code& cancelled) {
    if (cancelled || !socket->is_open()) return;
    receive(*socket);
    after_events_();
    if (socket->is_open()) wait(socket);
  });
}

void HelloSocket::receive(Socket& socket) {
  for (int i = 0; i < kHellosAtOnce; ++i) {
    udp::endpoint from;
    std::error_code failed;
    const std::size_t size = socket.receive_from(asio::buffer(buffer_), from, 0, failed);
    if (failed) return;
    handler_(to_ip_address(from.address()), {buffer_.data(), size});
  }
}

}  // namespace registry
