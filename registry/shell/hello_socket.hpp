// The UDP sockets of the rendezvous door, which reads from them and never answers. A shell on the
// loop's thread.
#pragma once

#include <array>
#include <asio.hpp>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/rendezvous_frame.hpp"

namespace registry {

class HelloSocket {
 public:
  using Handler = std::function<void(const common::IpAddress& source, std::string_view datagram)>;

  /// `after_events` is called when the handler was called, perhaps many times.
  HelloSocket(asio::io_context& loop, Handler handler, std::function<void()> after_events)
      : loop_(loop), handler_(std::move(handler)), after_events_(std::move(after_events)) {}

  /// Reads from there, too; port 0 takes a free one. Returns what was bound.
  common::expected<common::Endpoint, std::error_code> bind(const common::Endpoint& endpoint);
  void close();

 private:
  using Socket = asio::ip::udp::socket;

  void wait(const std::shared_ptr<Socket>& socket);
  void receive(Socket& socket);

  asio::io_context& loop_;
  Handler handler_;
  std::function<void()> after_events_;
  std::vector<std::shared_ptr<Socket>> sockets_;
  /// One byte more than a datagram may have: a longer one is seen to be too long.
  std::array<char, common::kRendezvousDatagramBytesMax + 1> buffer_;
};

}  // namespace registry
