// bench_answer_loop FILE: what HTTP costs with no HTTP in it. One epoll loop sends one ready
// answer, the file's content, for each request, looking only for the end of the head and for
// "close". Prints the port it listens on. The figure beside which a real server shows what its own
// work costs.
#include <sys/uio.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <utility>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;

struct Connection {
  int fd = -1;
  std::string in;
  std::size_t answers_due = 0;
  std::size_t sent = 0;  // of the answer under way
  bool is_last = false;
  bool is_waiting_to_write = false;
};

class AnswerLoop {
 public:
  explicit AnswerLoop(std::string body) : body_(std::move(body)) {
    kept_head_ = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                 std::to_string(body_.size()) + "\r\n";
    last_head_ = kept_head_ + "Connection: close\r\n\r\n";
    kept_head_ += "\r\n";
    listener_ = bench::check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bench::set_no_delay(listener_);
    bench::bind_to_loopback(listener_);
    bench::check(listen(listener_, 4096), "listen");
    poller_.add(listener_, EPOLLIN, kListener);
  }

  int port() const { return bench::bound_port(listener_); }

  [[noreturn]] void run() {
    for (;;) {
      for (const epoll_event& event : poller_.wait(1h)) {
        if (event.data.u64 == kListener) {
          accept_all();
        } else {
          serve(connections_[event.data.u64], event.data.u64);
        }
      }
    }
  }

 private:
  static constexpr std::size_t kListener = ~std::size_t{0};

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      // Descriptors are small and used again, so they serve as indices.
      const auto index = static_cast<std::size_t>(fd);
      if (index >= connections_.size()) connections_.resize(index + 1);
      connections_[index] = Connection{.fd = fd, .in = {}};
      poller_.add(fd, EPOLLIN, index);
    }
  }

  void serve(Connection& connection, std::size_t index) {
    if (!connection.is_waiting_to_write && !read(connection)) return end(connection);
    while (connection.answers_due > 0) {
      if (!write(connection)) {
        if (errno != EAGAIN) return end(connection);
        if (!std::exchange(connection.is_waiting_to_write, true))
          poller_.change(connection.fd, EPOLLOUT, index);
        return;
      }
    }
    if (std::exchange(connection.is_waiting_to_write, false))
      poller_.change(connection.fd, EPOLLIN, index);
    if (connection.is_last) end(connection);
  }

  /// False at the end of input.
  bool read(Connection& connection) {
    std::array<char, 8192> buffer;
    const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
    if (!connection.in.empty()) rest = connection.in.append(rest);
    std::size_t end = 0;
    while ((end = rest.find("\r\n\r\n")) != rest.npos) {
      ++connection.answers_due;
      connection.is_last |= rest.substr(0, end).find("Connection: close") != rest.npos;
      rest.remove_prefix(end + 4);
    }
    connection.in = std::string(rest);
    return true;
  }

  /// True when the whole answer under way has gone out.
  bool write(Connection& connection) {
    std::string& head = connection.is_last ? last_head_ : kept_head_;
    const std::size_t from_head = std::min(connection.sent, head.size());
    const std::size_t from_body = connection.sent - from_head;
    std::array<iovec, 2> parts{iovec{head.data() + from_head, head.size() - from_head},
                               iovec{body_.data() + from_body, body_.size() - from_body}};
    const ssize_t sent = writev(connection.fd, parts.data(), 2);
    if (sent < 0) return false;
    connection.sent += static_cast<std::size_t>(sent);
    errno = EAGAIN;
    if (connection.sent < head.size() + body_.size()) return false;
    connection.sent = 0;
    --connection.answers_due;
    return true;
  }

  static void end(Connection& connection) {
    close(connection.fd);
    connection = Connection{};
  }

  std::string kept_head_;
  std::string last_head_;
  std::string body_;
  int listener_;
  bench::Poller poller_;
  std::vector<Connection> connections_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_answer_loop FILE\n");
    return 64;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a client that leaves in the middle of a long answer
  std::ifstream file(argv[1], std::ios::binary);
  if (!file) bench::die(argv[1]);
  AnswerLoop loop(std::string(std::istreambuf_iterator<char>(file), {}));
  std::printf("%d\n", loop.port());
  std::fflush(stdout);
  loop.run();
}
