#include "peer/shell/datagram_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/os/atomic_file.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/socket_address.hpp"

namespace peer {
namespace {

using common::os::monotonic_now;
using common::os::UniqueFd;

constexpr std::size_t kBatch = 64;
/// What one call takes from the kernel. Few, because each may be many datagrams of one sender that
/// the kernel has joined (UDP_GRO).
constexpr std::size_t kReceiveBatch = 8;
constexpr std::size_t kReceivedBytesMax = 65'536;
/// Bounds of one receive(): datagrams, and calls, which errors use up as well.
constexpr std::size_t kDatagramsPerReceive = 256;
constexpr std::size_t kReceiveCallsMax = 256;
/// How long the kernel may have no room for a datagram.
constexpr std::chrono::seconds kSendTime{5};
/// Room for bursts while a line is printed; the kernel may grant less.
constexpr int kReceiveBufferBytes = 4 << 20;

struct SegmentControl {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

/// Cuts what the kernel has joined, as it says with the message; returns how many there were.
template <typename Handle>
std::size_t hand_on_each(const msghdr& message, common::Bytes joined, Handle handle) {
  std::size_t segment_bytes = joined.size();
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
    int size = 0;
    std::memcpy(&size, CMSG_DATA(header), sizeof size);
    if (size > 0) segment_bytes = static_cast<std::size_t>(size);
  }
  std::size_t count = 0;
  do {  // an empty datagram is one, too
    const auto datagram = joined.first(std::min(segment_bytes, joined.size()));
    handle(datagram);
    joined = joined.subspan(datagram.size());
    ++count;
  } while (!joined.empty());
  return count;
}

UniqueFd open_family(int family, std::uint16_t port, std::error_code& failed) {
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) {
    failed = common::os::last_error();
    return {};
  }
  const int off = 0;
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  // Joined by the kernel and cut here. Where it cannot, each datagram comes by itself.
  const int on = 1;
  setsockopt(fd.get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  const common::Endpoint any{family == AF_INET6 ? common::IpAddress::v6({}) : common::IpAddress(),
                             port};
  const SocketAddress address = to_socket_address(any, family);
  if (::bind(fd.get(), address.get(), address.size) != 0) {
    failed = common::os::last_error();
    return {};
  }
  return fd;
}

}  // namespace

common::expected<DatagramSocket, std::error_code> DatagramSocket::open(std::uint16_t port) {
  std::error_code failed;
  for (const int family : {AF_INET6, AF_INET}) {
    UniqueFd fd = open_family(family, port, failed);
    if (fd.is_open()) {
      const auto bound = local_endpoint(fd.get());
      return DatagramSocket(std::move(fd), family, bound ? bound->port : port);
    }
    if (failed == std::errc::address_in_use) break;  // IPv4 would share the port half
  }
  return common::unexpected{failed};
}

void DatagramSocket::receive(
    const std::function<void(const common::Endpoint&, common::Bytes)>& handle) {
  // Pages that no datagram has needed are never touched.
  if (!receive_buffer_)
    receive_buffer_ =
        std::make_unique_for_overwrite<std::byte[]>(kReceiveBatch * kReceivedBytesMax);
  std::array<sockaddr_storage, kReceiveBatch> senders;
  std::array<iovec, kReceiveBatch> payloads;
  std::array<SegmentControl, kReceiveBatch> controls;
  std::array<mmsghdr, kReceiveBatch> messages;
  for (std::size_t i = 0; i < kReceiveBatch; ++i)
    payloads[i] = {receive_buffer_.get() + i * kReceivedBytesMax, kReceivedBytesMax};
  std::size_t calls_left = kReceiveCallsMax;
  for (std::size_t datagrams = 0; datagrams < kDatagramsPerReceive && calls_left > 0;
       --calls_left) {
    for (std::size_t i = 0; i < kReceiveBatch; ++i) {
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_namelen = sizeof senders[i];
      messages[i].msg_hdr.msg_iov = &payloads[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = controls[i].bytes.data();
      messages[i].msg_hdr.msg_controllen = controls[i].bytes.size();
    }
    const int got = ::recvmmsg(fd_.get(), messages.data(), kReceiveBatch, MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) continue;  // an ICMP error about something sent before
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) {
      const auto endpoint = from_socket_address(senders[i]);
      if (!endpoint) continue;
      const auto* begin = static_cast<const std::byte*>(payloads[i].iov_base);
      datagrams += hand_on_each(messages[i].msg_hdr, {begin, messages[i].msg_len},
                                [&](common::Bytes datagram) { handle(*endpoint, datagram); });
    }
    if (count < kReceiveBatch) return;  // that was all
  }
}

std::vector<Sender::SendResult> DatagramSocket::send(const std::vector<Transmit>& datagrams) {
  std::vector<Sender::SendResult> results(datagrams.size());
  // Most calls send one datagram, so only what is used of these is set.
  std::array<mmsghdr, kBatch> messages;
  std::array<iovec, kBatch> payloads;
  std::array<SocketAddress, kBatch> addresses;
  std::size_t done = 0;
  std::optional<common::TimePoint> give_up_at;  // set while the kernel has no room
  while (done < datagrams.size()) {
    std::size_t count = 0;
    for (; count < std::min(kBatch, datagrams.size() - done); ++count) {
      const std::size_t i = count;
      const Transmit& transmit = datagrams[done + i];
      if (transmit.to.address.is_v6() && family_ == AF_INET) break;
      addresses[i] = to_socket_address(transmit.to, family_);
      payloads[i] = {const_cast<std::byte*>(transmit.datagram.data()), transmit.datagram.size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &addresses[i].v6;
      messages[i].msg_hdr.msg_namelen = addresses[i].size;
      messages[i].msg_hdr.msg_iov = &payloads[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    if (count == 0) {
      results[done++] = "this machine has no IPv6";
      continue;
    }
    const int sent = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(count), 0);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      give_up_at.reset();
    } else if ((errno == EAGAIN || errno == ENOBUFS) &&
               (!give_up_at || monotonic_now() < *give_up_at)) {
      if (!give_up_at) give_up_at = monotonic_now() + kSendTime;
      pollfd writable{fd_.get(), POLLOUT, 0};
      ::poll(&writable, 1, 100);
    } else if (errno != EINTR && errno != ECONNREFUSED) {
      std::string reason = std::strerror(errno);
      if (reason[0] >= 'A' && reason[0] <= 'Z')
        reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
      results[done++] = reason;  // this one; the rest may be sent all the same
    }
  }
  return results;
}

void DatagramSocket::send_segments(const common::Endpoint& to, common::Bytes datagrams,
                                   std::size_t segment_bytes) {
  if (to.address.is_v6() && family_ == AF_INET) return;
  if (has_segments_ && datagrams.size() > segment_bytes) {
    if (send_at_once(to, datagrams, segment_bytes)) return;
    has_segments_ = false;
  }
  while (!datagrams.empty()) {
    const auto datagram = datagrams.first(std::min(segment_bytes, datagrams.size()));
    send_at_once(to, datagram, datagram.size());
    datagrams = datagrams.subspan(datagram.size());
  }
}

// False if the kernel, or the network card, does not cut.
bool DatagramSocket::send_at_once(const common::Endpoint& to, common::Bytes bytes,
                                  std::size_t segment_bytes) {
  SocketAddress address = to_socket_address(to, family_);
  iovec payload{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  msghdr message{};
  message.msg_name = &address.v6;
  message.msg_namelen = address.size;
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  if (bytes.size() > segment_bytes) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(segment_bytes);
    std::memcpy(CMSG_DATA(header), &size, sizeof size);
  }
  // An ICMP error about something sent before takes the place of one call's result, twice at most.
  for (int i = 0; i < 3; ++i) {
    if (::sendmsg(fd_.get(), &message, 0) >= 0) return true;
    if (errno != EINTR && errno != ECONNREFUSED) break;
  }
  return errno != EINVAL && errno != EIO && errno != EOPNOTSUPP && errno != EMSGSIZE;
}

}  // namespace peer
