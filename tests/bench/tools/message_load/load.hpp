// The load itself: connections to one server, read and written by one thread through epoll. When
// the server closes one, or does not let one in, the program ends.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/tools/message_load/connection.hpp"
#include "tests/bench/tools/message_load/protocol.hpp"
#include "tests/bench/tools/support.hpp"

namespace bench {

/// Owns its connections, which stay where they are. An index is a connection's place in the order
/// in which they were opened.
class Load {
 public:
  /// Without a protocol it is the caller who logs in.
  Load(std::unique_ptr<Protocol> protocol, int port)
      : protocol_(std::move(protocol)), port_(port) {}

  /// A connection to the server; with a protocol, one that is logged in and listens to the topic.
  Connection& connect(const std::string& name, const std::string& topic);

  /// A connection to our port, as a server makes it.
  Connection& accept(int listening);

  /// Reads what is there and calls `handle(index)` for each connection that has got something.
  template <typename Handle>
  void step(std::chrono::nanoseconds at_most, Handle handle) {
    for (const epoll_event& event : poller_.wait(at_most)) {
      const std::size_t index = event.data.u64;
      Connection& connection = *connections_[index];
      if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) != 0) {
        const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
          std::fprintf(stderr, "the server closed %s\n", connection.name.c_str());
          std::exit(1);
        }
        if (count > 0) {
          connection.in.append(buffer_.data(), static_cast<std::size_t>(count));
          if (!connection.is_ready) {
            protocol_->handle_login(connection);
          } else {
            handle(index);
          }
        }
      }
      flush(connection, index);
    }
  }

  /// Steps until the condition holds; for logins, whose time is not measured.
  template <typename Condition>
  void wait_until(Condition condition) {
    const auto begun = Clock::now();
    while (!condition()) {
      step(100ms, [](std::size_t) {});
      if (seconds_since(begun) > 30) {
        std::fprintf(stderr, "no login within 30 s\n");
        std::exit(1);
      }
    }
  }

  /// Sends what the kernel takes of what is to go; step() sends the rest.
  void flush(Connection& connection, std::size_t index);

  Connection& at(std::size_t index) { return *connections_[index]; }
  std::size_t size() const { return connections_.size(); }
  Protocol& protocol() { return *protocol_; }

 private:
  int open();

  std::unique_ptr<Protocol> protocol_;
  int port_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::array<char, 256 * 1024> buffer_;
};

}  // namespace bench
