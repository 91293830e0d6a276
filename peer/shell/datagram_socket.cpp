#include "peer/shell/datagram_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "common/os/atomic_file.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/socket_address.hpp"

namespace peer {
namespace {

using common::os::monotonic_now;
using common::os::UniqueFd;

/// Bounds of one call that sends: runs of datagrams, and the datagrams in them.
constexpr std::size_t kBatch = 64;
constexpr std::size_t kDatagramsPerCall = 512;
/// Bounds of a run that the kernel cuts: the kernel's own, the largest datagram, and what passes on
/// every path, as the kernel refuses to cut into pieces that the network would divide.
constexpr std::size_t kSegmentsMax = 64;
constexpr std::size_t kRunBytesMax = 65'000;
constexpr std::size_t kSegmentBytesMax = 1'232;  // IPv6's least MTU, less both headers
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

/// Has the kernel cut the message into datagrams of that size; `control` must live as long.
void set_segment_bytes(msghdr& message, SegmentControl& control, std::size_t segment_bytes) {
  const auto size = static_cast<std::uint16_t>(segment_bytes);
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(sizeof size);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof size);
  std::memcpy(CMSG_DATA(header), &size, sizeof size);
}

/// True if the error says that the kernel, or the network card, does not cut.
bool is_no_cutting(int error) {
  return error == EINVAL || error == EIO || error == EOPNOTSUPP || error == EMSGSIZE;
}

/// How many of the datagrams, from the first on, are for one address and of one size, but for the
/// last, which may be shorter: what the kernel can cut out of one piece. At least one.
std::size_t run_length(std::span<const Transmit> datagrams) {
  const Transmit& first = datagrams.front();
  const std::size_t size = first.datagram.size();
  if (size == 0 || size > kSegmentBytesMax) return 1;
  const std::size_t most = std::min({datagrams.size(), kSegmentsMax, kRunBytesMax / size});
  std::size_t length = 1;
  while (length < most) {
    const Transmit& next = datagrams[length];
    if (next.to != first.to || next.datagram.size() > size || next.datagram.empty()) break;
    ++length;
    if (next.datagram.size() < size) break;
  }
  return length;
}

/// Datagrams for one call: each message is a run of them.
class SendBatch {
 public:
  /// Takes as many as there is room for, of runs if `has_segments`.
  SendBatch(std::span<const Transmit> datagrams, int family, bool has_segments) {
    std::size_t datagram = 0;
    while (datagram < datagrams.size() && count_ < kBatch) {
      const Transmit& first = datagrams[datagram];
      if (first.to.address.is_v6() && family == AF_INET) break;
      const std::size_t length = has_segments ? run_length(datagrams.subspan(datagram)) : 1;
      if (datagram + length > kDatagramsPerCall) break;
      lengths_[count_] = length;
      for (std::size_t i = 0; i < length; ++i) {
        const common::ByteVector& bytes = datagrams[datagram + i].datagram;
        payloads_[datagram + i] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
      }
      addresses_[count_] = to_socket_address(first.to, family);
      messages_[count_] = {};
      msghdr& message = messages_[count_].msg_hdr;
      message.msg_name = &addresses_[count_].v6;
      message.msg_namelen = addresses_[count_].size;
      message.msg_iov = &payloads_[datagram];
      message.msg_iovlen = length;
      if (length > 1) set_segment_bytes(message, controls_[count_], first.datagram.size());
      datagram += length;
      ++count_;
    }
  }

  SendBatch(const SendBatch&) = delete;  // its messages point into it
  SendBatch& operator=(const SendBatch&) = delete;

  bool is_empty() const { return count_ == 0; }
  /// Datagrams of the first message.
  std::size_t first_length() const { return lengths_[0]; }

  /// The datagrams that the kernel has taken; 0 with `errno` set if not even the first message.
  std::size_t send(int fd) {
    const int sent = ::sendmmsg(fd, messages_.data(), static_cast<unsigned>(count_), 0);
    std::size_t datagrams = 0;
    for (int i = 0; i < sent; ++i) datagrams += lengths_[static_cast<std::size_t>(i)];
    return datagrams;
  }

 private:
  // Most calls send one datagram, so only what is used of these is set.
  std::array<mmsghdr, kBatch> messages_;
  std::array<SegmentControl, kBatch> controls_;
  std::array<SocketAddress, kBatch> addresses_;
  std::array<std::size_t, kBatch> lengths_;
  std::array<iovec, kDatagramsPerCall> payloads_;
  std::size_t count_ = 0;
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
  std::size_t done = 0;
  std::size_t alone_until = 0;                  // none before this are sent as a run
  std::optional<common::TimePoint> give_up_at;  // set while the kernel has no room
  while (done < datagrams.size()) {
    const bool is_cut = has_segments_ && done >= alone_until;
    const auto rest = std::span<const Transmit>(datagrams).subspan(done);
    SendBatch batch(rest, family_, is_cut);
    if (batch.is_empty()) {
      results[done++] = "this machine has no IPv6";
      continue;
    }
    if (const std::size_t sent = batch.send(fd_.get()); sent > 0) {
      // What was refused as a run and is taken alone says that the kernel does not cut.
      if (done < alone_until) has_segments_ = false;
      done += sent;
      give_up_at.reset();
    } else if ((errno == EAGAIN || errno == ENOBUFS) &&
               (!give_up_at || monotonic_now() < *give_up_at)) {
      if (!give_up_at) give_up_at = monotonic_now() + kSendTime;
      pollfd writable{fd_.get(), POLLOUT, 0};
      ::poll(&writable, 1, 100);
    } else if (errno != EINTR && errno != ECONNREFUSED) {
      if (batch.first_length() > 1) {  // one by one, to tell which fails
        alone_until = done + batch.first_length();
        continue;
      }
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
  SegmentControl control{};
  msghdr message{};
  message.msg_name = &address.v6;
  message.msg_namelen = address.size;
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  if (bytes.size() > segment_bytes) set_segment_bytes(message, control, segment_bytes);
  // An ICMP error about something sent before takes the place of one call's result, twice at most.
  for (int i = 0; i < 3; ++i) {
    if (::sendmsg(fd_.get(), &message, 0) >= 0) return true;
    if (errno != EINTR && errno != ECONNREFUSED) break;
  }
  return !is_no_cutting(errno);
}

}  // namespace peer
