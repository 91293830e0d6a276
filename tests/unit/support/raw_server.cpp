#include "tests/unit/support/raw_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>

#include "common/check.hpp"

namespace test {
namespace {

using common::os::UniqueFd;

/// Bytes of a request: its head and as much body as it declares.
bool is_complete(const std::string& bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == bytes.npos) return false;
  const auto length = bytes.find("Content-Length: ");
  if (length == bytes.npos || length > end) return true;
  return bytes.size() >= end + 4 + std::stoul(bytes.substr(length + 16));
}

}  // namespace

RawServer::RawServer(std::vector<Reply> replies)
    : replies_(std::move(replies)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ENSURE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ENSURE(::listen(listener_.get(), 16) == 0);
  socklen_t size = sizeof address;
  ENSURE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

RawServer::~RawServer() {
  const std::uint64_t one = 1;
  ENSURE(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

std::vector<std::vector<std::string>> RawServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int RawServer::connections() {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void RawServer::run() {
  for (;;) {
    pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    {
      const std::lock_guard lock(mutex_);
      ++connections_;
    }
    while (serve(client.get())) {
    }
  }
}

/// One request of a connection; false when the connection is done with.
bool RawServer::serve(int fd) {
  std::vector<std::string> reads;
  std::string bytes;
  while (!is_complete(bytes)) {
    pollfd fds[2] = {{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return false;
    char buffer[65536];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    reads.emplace_back(buffer, static_cast<std::size_t>(got));
    bytes += reads.back();
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(reads));
  }
  if (next_reply_ == replies_.size()) return false;
  const Reply& answer = replies_[next_reply_++];
  for (const std::string& piece : answer.pieces) {
    if (&piece != &answer.pieces.front())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a segment of its own
    if (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return false;
  }
  switch (answer.then) {
    case Reply::Then::kKeep:
      return true;
    case Reply::Then::kReset: {
      const linger at_once{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return false;
    }
    case Reply::Then::kStall: {
      pollfd stop{stop_.get(), POLLIN, 0};
      ::poll(&stop, 1, -1);
      return false;
    }
    case Reply::Then::kClose:
      break;
  }
  return false;
}

}  // namespace test
