// A UDP socket for both families. A shell; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "peer/sender.hpp"

namespace peer {

class DatagramSocket {
 public:
  /// Bound to every local address, IPv6 and IPv4, at `port` (0: a free one); IPv4 alone where the
  /// machine has no IPv6.
  static common::expected<DatagramSocket, std::error_code> open(std::uint16_t port);

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }

  /// Hands everything that has arrived to `handle`, without waiting. Bounded a call, so that a
  /// flood leaves time for the rest; level-triggered polling brings the remainder.
  void receive(const std::function<void(const common::Endpoint&, common::Bytes)>& handle);

  /// Hands the datagrams to the kernel in batches; of those in a row that are for one address and
  /// of one size it makes one message, which the kernel cuts (UDP_SEGMENT). A result for each, in
  /// order: empty if it was taken, else why not. That nobody listens at an address is no error: a
  /// datagram before may have drawn the refusal.
  std::vector<Sender::SendResult> send(const std::vector<Transmit>& datagrams);

  /// Hands datagrams of `segment_bytes` each, but for the last, to the kernel in one call where it
  /// can cut them itself (UDP_SEGMENT). What it does not take is lost as on any network: for
  /// senders who repeat.
  void send_segments(const common::Endpoint& to, common::Bytes datagrams,
                     std::size_t segment_bytes);

 private:
  DatagramSocket(common::os::UniqueFd fd, int family, std::uint16_t port)
      : fd_(std::move(fd)), family_(family), port_(port) {}

  bool send_at_once(const common::Endpoint& to, common::Bytes bytes, std::size_t segment_bytes);

  common::os::UniqueFd fd_;
  int family_;
  std::uint16_t port_;
  bool has_segments_ = true;                     // the kernel cuts
  std::unique_ptr<std::byte[]> receive_buffer_;  // made with the first call
};

}  // namespace peer
