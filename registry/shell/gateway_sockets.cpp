#include "registry/shell/gateway_sockets.hpp"

#include <poll.h>
#include <sys/socket.h>

#include "common/limits.hpp"
#include "common/os/unique_fd.hpp"
#include "registry/shell/addresses.hpp"

namespace registry {
namespace {

using asio::ip::udp;

/// Datagrams of one port worked off before others have their turn.
constexpr int kDatagramsAtOnce = 64;
constexpr int kSendBufferBytes = 4 << 20;
/// Others wait meanwhile.
constexpr int kRoomWaitMs = 5;

}  // namespace

bool is_own_address(const common::IpAddress& address) {
  const udp::endpoint endpoint(to_asio(address), 0);
  const common::os::UniqueFd fd(
      ::socket(endpoint.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Only what is ours can be bound.
  return fd.is_open() &&
         ::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
}

std::optional<std::uint16_t> GatewaySockets::open() {
  std::error_code failed;
  auto socket = std::make_shared<Socket>(loop_);
  const bool is_v6 = !address_ || address_->is_v6();
  socket->open(is_v6 ? udp::v6() : udp::v4(), failed);
  if (!failed && is_v6) socket->set_option(asio::ip::v6_only(false), failed);
  if (failed && !address_) {  // a machine without IPv6
    failed.clear();
    socket->open(udp::v4(), failed);
    if (!failed) socket->bind(udp::endpoint(udp::v4(), 0), failed);
  } else if (!failed) {
    socket->bind(address_ ? udp::endpoint(to_asio(*address_), 0) : udp::endpoint(udp::v6(), 0),
                 failed);
  }
  if (!failed) socket->non_blocking(true, failed);
  if (failed) return std::nullopt;
  const std::uint16_t port = socket->local_endpoint(failed).port();
  if (failed) return std::nullopt;
  sockets_.emplace(port, socket);
  wait(socket, port);
  return port;
}

void GatewaySockets::close(std::uint16_t port) {
  const auto it = sockets_.find(port);
  if (it == sockets_.end()) return;
  std::error_code ignored;
  it->second->close(ignored);
  sockets_.erase(it);
}

void GatewaySockets::wait(const std::shared_ptr<Socket>& socket, std::uint16_t port) {
  socket->async_wait(Socket::wait_read, [this, socket, port](const std::error_code& cancelled) {
    if (cancelled || !socket->is_open()) return;
    receive(*socket, port);
    if (socket->is_open()) wait(socket, port);
  });
}

void GatewaySockets::receive(Socket& socket, std::uint16_t port) {
  buffer_.resize(common::kUdpPayloadBytesMax + 1);
  for (int i = 0; i < kDatagramsAtOnce && socket.is_open(); ++i) {
    udp::endpoint from;
    std::error_code failed;
    const std::size_t size = socket.receive_from(asio::buffer(buffer_), from, 0, failed);
    if (failed) return;
    handler_(port, to_ip_address(from.address()), common::Bytes(buffer_).first(size));
  }
}

bool GatewaySockets::send(const common::Endpoint& to, common::Bytes datagram) {
  std::unique_ptr<Socket>& socket = to.address.is_v6() ? out_v6_ : out_v4_;
  std::error_code failed;
  if (socket == nullptr) {
    auto opened = std::make_unique<Socket>(loop_);
    opened->open(to.address.is_v6() ? udp::v6() : udp::v4(), failed);
    if (!failed) opened->non_blocking(true, failed);
    if (failed) return false;
    // Room for a share of a broadcast while the network is busy; less if the kernel says so.
    std::error_code ignored;
    opened->set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
    socket = std::move(opened);
  }
  socket->send_to(asio::buffer(datagram.data(), datagram.size()),
                  udp::endpoint(to_asio(to.address), to.port), 0, failed);
  if (failed == asio::error::would_block) {
    // Full: a moment empties it, or the network is not to be had.
    pollfd room{socket->native_handle(), POLLOUT, 0};
    if (::poll(&room, 1, kRoomWaitMs) > 0) {
      failed.clear();
      socket->send_to(asio::buffer(datagram.data(), datagram.size()),
                      udp::endpoint(to_asio(to.address), to.port), 0, failed);
    }
  }
  // What an earlier datagram met (nobody at its port) is reported by a later call.
  if (failed == asio::error::connection_refused) {
    failed.clear();
    socket->send_to(asio::buffer(datagram.data(), datagram.size()),
                    udp::endpoint(to_asio(to.address), to.port), 0, failed);
  }
  return !failed;
}

}  // namespace registry
