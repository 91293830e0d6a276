#include "tests/bench/tools/message_load/load.hpp"

#include <sys/ioctl.h>

namespace bench {

Connection& Load::connect(const std::string& name, const std::string& topic) {
  auto connection = std::make_unique<Connection>();
  connection->fd = open();
  connection->name = name;
  connection->topic = topic;
  poller_.add(connection->fd, EPOLLIN, connections_.size());
  connections_.push_back(std::move(connection));
  Connection& added = *connections_.back();
  if (protocol_ != nullptr) {
    protocol_->hello(added);
    flush(added, connections_.size() - 1);
    wait_until([&] { return added.is_ready; });
  }
  return added;
}

Connection& Load::accept(int listening) {
  int fd = -1;
  const auto begun = Clock::now();
  while ((fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK)) < 0)
    if (seconds_since(begun) > 10) die("the server did not connect");
  set_no_delay(fd);
  auto connection = std::make_unique<Connection>();
  connection->fd = fd;
  connection->is_ready = true;
  poller_.add(fd, EPOLLIN, connections_.size());
  connections_.push_back(std::move(connection));
  return *connections_.back();
}

void Load::flush(Connection& connection, std::size_t index) {
  if (!connection.out.empty()) {
    const ssize_t count =
        ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (count > 0) connection.out.erase(0, static_cast<std::size_t>(count));
  }
  const bool is_waiting = !connection.out.empty();
  if (is_waiting == connection.is_waiting_to_write) return;
  connection.is_waiting_to_write = is_waiting;
  poller_.change(connection.fd, EPOLLIN | (is_waiting ? EPOLLOUT : 0U), index);
}

int Load::open() {
  // A source address has as many ports as there are: loopback has more addresses.
  constexpr std::size_t kPerAddress = 20'000;
  const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  if (connections_.size() >= kPerAddress) {
    sockaddr_in from = loopback(0);
    from.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(connections_.size() / kPerAddress));
    check(bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from), "bind");
  }
  const sockaddr_in to = loopback(port_);
  check(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), "connect");
  set_no_delay(fd);
  int not_blocking = 1;
  check(ioctl(fd, FIONBIO, &not_blocking), "ioctl");
  return fd;
}

}  // namespace bench
