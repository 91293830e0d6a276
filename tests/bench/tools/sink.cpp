// bench_sink PORTS: receives datagrams on that many UDP ports and counts them. Prints the ports in
// one line; then, for each line on standard input, one with the count so far, how many of them the
// kernel had no room for, and the nanoseconds of a steady clock. Ends with its input.
#include <fcntl.h>

#include <cinttypes>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatch = 64;
constexpr std::size_t kDatagramBytes = 2048;
/// As much as `peer listen` asks for, so that a burst to one port fits.
constexpr int kReceiveBufferBytes = 4 << 20;

int open_port() {
  const int fd = bench::check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  bench::bind_to_loopback(fd);
  return fd;
}

/// One socket and what has come through it.
struct Port {
  int fd = -1;
  std::uint32_t dropped = 0;  // by the kernel, as the last datagram told
};

class Sink {
 public:
  explicit Sink(int ports) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      payloads_[i] = {buffers_[i].data(), kDatagramBytes};
      messages_[i].msg_hdr.msg_iov = &payloads_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < ports; ++i) {
      ports_.push_back({open_port()});
      poller_.add(ports_.back().fd, EPOLLIN, ports_.size());
    }
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    poller_.add(STDIN_FILENO, EPOLLIN, 0);
  }

  void run() {
    for (const Port& port : ports_) std::printf("%d ", bench::bound_port(port.fd));
    std::printf("\n");
    std::fflush(stdout);
    for (;;) {
      for (const epoll_event& event : poller_.wait(1h)) {
        if (event.data.u64 > 0) {
          receive(ports_[event.data.u64 - 1]);
        } else if (!report()) {
          return;
        }
      }
    }
  }

 private:
  void receive(Port& port) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages_[i].msg_hdr.msg_control = controls_[i].data();
      messages_[i].msg_hdr.msg_controllen = controls_[i].size();
    }
    const int got = recvmmsg(port.fd, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return;
    count_ += static_cast<std::uint64_t>(got);
    // The kernel adds its count of drops to each datagram that comes after one: the last is enough.
    msghdr& last = messages_[static_cast<std::size_t>(got) - 1].msg_hdr;
    const cmsghdr* field = CMSG_FIRSTHDR(&last);
    if (field == nullptr || field->cmsg_type != SO_RXQ_OVFL) return;
    std::uint32_t dropped = 0;
    std::memcpy(&dropped, CMSG_DATA(field), sizeof dropped);
    dropped_ += dropped - port.dropped;
    port.dropped = dropped;
  }

  /// Answers each line of standard input; false at its end.
  bool report() {
    std::array<char, 256> lines;
    const ssize_t got = ::read(STDIN_FILENO, lines.data(), lines.size());
    if (got <= 0) return got < 0 && errno == EAGAIN;
    const std::int64_t now = bench::Clock::now().time_since_epoch().count();
    for (auto left = std::count(lines.begin(), lines.begin() + got, '\n'); left > 0; --left)
      std::printf("%" PRIu64 " %" PRIu64 " %" PRId64 "\n", count_, dropped_, now);
    std::fflush(stdout);
    return true;
  }

  bench::Poller poller_;
  std::vector<Port> ports_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> payloads_{};
  std::array<std::array<char, kDatagramBytes>, kBatch> buffers_{};
  std::array<std::array<char, CMSG_SPACE(sizeof(std::uint32_t))>, kBatch> controls_{};
  std::uint64_t count_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "bench_sink PORTS\n");
    return 64;
  }
  static Sink sink(bench::number(argv[1]));  // too large for the stack
  sink.run();
}
