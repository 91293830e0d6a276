#include "peer/shell/tcp_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "common/os/atomic_file.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/host_addresses.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/system_text.hpp"

namespace peer {
namespace {

using common::TimePoint;
using common::unexpected;
using common::os::monotonic_now;
using common::os::UniqueFd;

constexpr std::chrono::seconds kConnectTime{3};
/// Of a host with several addresses: before the next is tried.
constexpr std::chrono::seconds kNextAddressTime{1};

/// A connected socket, or none and `why` as an errno.
UniqueFd connect_to(const addrinfo& address, int cancel_fd, TimePoint deadline, int& why) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) {
    why = errno;
    return {};
  }
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return fd;
  why = errno;
  if (why != EINPROGRESS) return {};
  const Ready ready = wait_for(fd.get(), POLLOUT, cancel_fd, deadline);
  socklen_t size = sizeof why;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &why, &size);
  if (ready == Ready::kCancelled) why = ECANCELED;
  if (ready == Ready::kTimeout) why = ETIMEDOUT;
  if (why != 0) return {};
  return fd;
}

UniqueFd listen_family(int family, std::uint16_t port, std::error_code& failed) {
  constexpr int kBacklog = 16;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int off = 0;
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  // A chosen port is free again at once, not minutes after its last connection; one that somebody
  // listens on stays taken.
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const common::Endpoint any{family == AF_INET6 ? common::IpAddress::v6({}) : common::IpAddress(),
                             port};
  const SocketAddress address = to_socket_address(any, family);
  const bool listens = fd.is_open() && ::bind(fd.get(), address.get(), address.size) == 0 &&
                       ::listen(fd.get(), kBacklog) == 0;
  if (listens) return fd;
  failed = common::os::last_error();
  return {};
}

}  // namespace

Ready wait_for(int fd, short events, int cancel_fd, TimePoint deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now());
    if (left.count() <= 0) return Ready::kTimeout;
    pollfd fds[2] = {{fd, events, 0}, {cancel_fd, POLLIN, 0}};
    const int count = ::poll(fds, 2, static_cast<int>(left.count()));
    if (count < 0 && errno == EINTR) continue;
    if (fds[1].revents != 0) return Ready::kCancelled;
    if (fds[0].revents != 0) return Ready::kYes;
  }
}

common::expected<UniqueFd, ConnectFailure> connect_tcp(const common::HostPort& to, int cancel_fd) {
  // localhost is this machine, over IPv4 or IPv6, whatever its tables of hosts say (RFC 6761, 6.3).
  const bool is_here = to.host == "localhost";
  std::vector<AddressList> lists;
  for (const std::string& host :
       {is_here ? std::string("127.0.0.1") : to.host, std::string("::1")}) {
    if (!lists.empty() && !is_here) break;
    auto resolved = resolve_all(host, to.port);
    if (!resolved) return unexpected{ConnectFailure{resolved.error()}};
    lists.push_back(*std::move(resolved));
  }
  std::vector<const addrinfo*> addresses;
  for (const AddressList& list : lists)
    for (const addrinfo* it = list.get(); it != nullptr; it = it->ai_next) addresses.push_back(it);

  int why = EHOSTUNREACH;
  for (const addrinfo* address : addresses) {
    // One that does not answer must not take the time of the next.
    const auto patience = address == addresses.back() ? kConnectTime : kNextAddressTime;
    int failure = 0;
    UniqueFd fd = connect_to(*address, cancel_fd, monotonic_now() + patience, failure);
    if (fd.is_open()) {
      disable_delay(fd.get());
      return fd;
    }
    if (failure == ECANCELED) return unexpected{ConnectFailure{"cancelled"}};
    // An address of a kind that this machine has not says nothing of the host.
    const bool says_nothing =
        failure == ENETUNREACH || failure == EAFNOSUPPORT || failure == EADDRNOTAVAIL;
    if (address == addresses.front() || !says_nothing) why = failure;
  }
  // That there is no route to a host is what the kernel says when it has not answered for a while,
  // and at once to whoever joins in at the end of that while. A firewall that says so costs the
  // patience, too.
  const bool is_silent = why == ETIMEDOUT || why == EHOSTUNREACH;
  return unexpected{ConnectFailure{.text = describe_errno(why), .is_silent = is_silent}};
}

void disable_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

common::expected<UniqueFd, std::error_code> listen_tcp(std::uint16_t port) {
  std::error_code failed;
  for (const int family : {AF_INET6, AF_INET}) {
    UniqueFd fd = listen_family(family, port, failed);
    if (fd.is_open()) return fd;
    if (failed == std::errc::address_in_use) break;  // IPv4 would share the port half
  }
  return unexpected{failed};
}

}  // namespace peer
