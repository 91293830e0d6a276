// What the bench's programs share: sockets on loopback, epoll, time, percentiles. Every failure
// ends the program with a line on standard error: a figure from half a set-up is worse than none.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using namespace std::chrono_literals;

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// A system call's result, if it is not -1.
inline int check(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

/// A whole number of the command line.
inline int number(const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0 || value > 2'000'000'000) {
    std::fprintf(stderr, "not a number: %s\n", text);
    std::exit(64);
  }
  return static_cast<int>(value);
}

/// Lets this process have as many descriptors open as its hard limit allows.
inline void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

inline Clock::duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int bound_port(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

/// Gives the socket any free port of this machine.
inline void bind_to_loopback(int fd) {
  const sockaddr_in address = loopback(0);
  check(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
}

/// A socket that listens on any free port of this machine. Non-blocking.
inline int listen_on_loopback() {
  const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  bind_to_loopback(fd);
  check(listen(fd, 4096), "listen");
  return fd;
}

/// No Nagle: what is written goes out at once.
inline void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// A connection under way to a port of this machine. Non-blocking, no Nagle.
inline int connect_to(int port) {
  const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  set_no_delay(fd);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    die("connect");
  }
  return fd;
}

/// An epoll set, level-triggered. The caller says by an index which descriptor is which.
class Poller {
 public:
  Poller() : fd_(check(epoll_create1(0), "epoll_create1")) {}
  ~Poller() { close(fd_); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(int fd, std::uint32_t events, std::size_t index) {
    control(EPOLL_CTL_ADD, fd, events, index);
  }
  void change(int fd, std::uint32_t events, std::size_t index) {
    control(EPOLL_CTL_MOD, fd, events, index);
  }
  /// What is ready, after at most that time. Finer than milliseconds, which would round every due
  /// time of a load that is paced.
  std::span<const epoll_event> wait(std::chrono::nanoseconds at_most) {
    const timespec limit{.tv_sec = at_most.count() / 1'000'000'000,
                         .tv_nsec = at_most.count() % 1'000'000'000};
    const int count =
        epoll_pwait2(fd_, events_.data(), static_cast<int>(events_.size()), &limit, nullptr);
    if (count < 0 && errno != EINTR) die("epoll_pwait2");
    return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
  }

 private:
  void control(int operation, int fd, std::uint32_t events, std::size_t index) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    check(epoll_ctl(fd_, operation, fd, &event), "epoll_ctl");
  }

  int fd_;
  std::array<epoll_event, 512> events_{};
};

/// The least value that `share` (0 to 1) of the samples do not exceed; 0 of none.
inline double percentile(std::vector<double>& samples, double share) {
  if (samples.empty()) return 0;
  const auto rank = static_cast<std::size_t>(static_cast<double>(samples.size() - 1) * share);
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

/// Of an HTTP answer in a buffer: its status and how many bytes it has, once all of it is there.
struct Answer {
  int status = 0;
  std::size_t bytes = 0;  // 0: not complete yet
};

/// Reads answers that declare a Content-Length, which all of those measured here do.
inline Answer read_answer(std::string_view buffer) {
  const auto head_end = buffer.find("\r\n\r\n");
  if (head_end == buffer.npos || buffer.size() < 12) return {};
  Answer answer{.status = std::atoi(buffer.data() + 9), .bytes = head_end + 4};
  for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
    const auto field = buffer.substr(0, head_end).find(name);
    if (field == buffer.npos) continue;
    answer.bytes += static_cast<std::size_t>(std::atoll(buffer.data() + field + name.size()));
  }
  if (answer.bytes > buffer.size()) answer.bytes = 0;
  return answer;
}

}  // namespace bench
