// A TCP server of a few lines for tests of clients: it answers each connection with bytes that the
// test wrote, well-formed or not, and remembers what it was sent.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace test {

class RawServer {
 public:
  /// What is done with one request.
  struct Reply {
    std::vector<std::string> pieces = {};  // sent one by one, each by itself
    enum class Then { kClose, kKeep, kReset, kStall } then = Then::kClose;
  };

  /// Replies are given in this order, one a request, whatever the connection.
  explicit RawServer(std::vector<Reply> replies);
  /// Stops listening and waits for the thread.
  ~RawServer();

  std::uint16_t port() const { return port_; }
  /// Every request in order, each as its reads, so that a test sees in how many pieces it came.
  std::vector<std::vector<std::string>> requests();
  int connections();

 private:
  void run();
  bool serve(int fd);

  std::vector<Reply> replies_;
  std::size_t next_reply_ = 0;
  common::os::UniqueFd listener_;
  common::os::UniqueFd stop_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::vector<std::string>> requests_;  // guarded by mutex_
  int connections_ = 0;                             // guarded by mutex_
  std::thread thread_;
};

/// Shorthand for a reply of one piece.
inline RawServer::Reply reply(std::string bytes,
                              RawServer::Reply::Then then = RawServer::Reply::Then::kClose) {
  return {{std::move(bytes)}, then};
}

/// What was posted with a request that came in one piece.
inline std::string posted(RawServer& server, std::size_t request) {
  const std::string bytes = server.requests().at(request).at(0);
  return bytes.substr(bytes.find("\r\n\r\n") + 4);
}

}  // namespace test
