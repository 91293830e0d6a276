// bench_crowd PORT IDLE SLOW PER_SECOND SECONDS: how long good requests take among bad connections.
// Keeps IDLE connections open that say nothing and SLOW that send a head byte by byte, one a
// second, opening anew those that the server ends. Prints "open" when they have gone their ways for
// a moment, then sends PER_SECOND good requests, each second one on a connection of its own and the
// others on kept ones, and prints one JSON object. A request's time runs from when it was due, so
// that a stalled server cannot hide behind a client that waits for it.
#include "support.hpp"

namespace {

using namespace std::chrono_literals;

using bench::Clock;
using Seconds = std::chrono::duration<double>;

constexpr std::string_view kGood =
    "GET /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUser-Agent: bench\r\n";
constexpr std::string_view kSlow = "GET /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Slow: ";
/// A good request that took longer has failed.
constexpr double kPatienceSeconds = 2;

/// Connections that only burden the server.
class Crowd {
 public:
  Crowd(int port, int idle, int slow) : port_(port), idle_(static_cast<std::size_t>(idle)) {
    members_.resize(static_cast<std::size_t>(idle + slow));
    for (std::size_t i = 0; i < members_.size(); ++i) open(i);
  }

  /// Opens anew what the server has ended, and sends the byte of each slow one that is due.
  void tend() {
    for (const epoll_event& event : poller_.wait(0ms)) {
      const std::size_t index = event.data.u64;
      std::array<char, 1024> answer;
      if (recv(members_[index].fd, answer.data(), answer.size(), 0) > 0) continue;
      if (errno == EAGAIN) continue;
      close(members_[index].fd);
      ++reopened_;
      open(index);
    }
    // A part of them each time, so that the bytes are spread over the second as strangers' would
    // be.
    const auto due = static_cast<std::size_t>(bench::seconds_since(begun_) *
                                              static_cast<double>(members_.size() - idle_));
    for (; turn_ < due; ++turn_) {
      Member& member = members_[idle_ + turn_ % (members_.size() - idle_)];
      const char byte = member.sent < kSlow.size() ? kSlow[member.sent] : 'x';
      if (send(member.fd, &byte, 1, MSG_NOSIGNAL) == 1) ++member.sent;
    }
  }

  int reopened() const { return reopened_; }

 private:
  struct Member {
    int fd = -1;
    std::size_t sent = 0;
  };

  void open(std::size_t index) {
    members_[index] = {bench::connect_to(port_), 0};
    poller_.add(members_[index].fd, EPOLLIN | EPOLLRDHUP, index);
  }

  int port_;
  std::size_t idle_;  // members_ before this index say nothing
  std::vector<Member> members_;
  bench::Poller poller_;
  Clock::time_point begun_ = Clock::now();
  std::size_t turn_ = 0;
  int reopened_ = 0;
};

/// Good requests, started when they are due whether or not earlier ones are answered.
class Requests {
 public:
  Requests(int port, int per_second) : port_(port), per_second_(per_second) {}

  void run(Crowd& crowd, double seconds) {
    const auto begun = Clock::now();
    const int total = static_cast<int>(seconds * per_second_);
    while (done_ < total && bench::seconds_since(begun) < seconds + kPatienceSeconds) {
      while (started_ < total && bench::seconds_since(begun) * per_second_ >= started_) {
        start(begun + bench::from_seconds(double(started_) / per_second_));
        ++started_;
      }
      for (const epoll_event& event : poller_.wait(100us)) handle(event);
      crowd.tend();
    }
    std::printf(
        R"({"requests":%d,"answered":%zu,"reopened":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f})"
        "\n",
        total, times_ms_.size(), crowd.reopened(), bench::percentile(times_ms_, 0.5),
        bench::percentile(times_ms_, 0.99), bench::percentile(times_ms_, 1.0));
  }

 private:
  struct Request {
    int fd = -1;
    Clock::time_point due;
    std::string out;  // what the kernel has not taken yet
    std::string in;
    bool is_kept = false;  // the connection serves further requests
    bool is_under_way = true;
  };

  /// Every second request has its own connection; the others take a kept one, opened when none is
  /// free, so that a slow answer does not hold up the next request.
  void start(Clock::time_point due) {
    const bool is_kept = started_ % 2 == 0;
    std::size_t index = requests_.size();
    if (is_kept && !free_.empty()) {
      index = free_.back();
      free_.pop_back();
      poller_.change(requests_[index].fd, EPOLLIN | EPOLLOUT, index);
    } else {
      requests_.push_back({bench::connect_to(port_), due, {}, {}, is_kept});
      poller_.add(requests_[index].fd, EPOLLIN | EPOLLOUT, index);
    }
    Request& request = requests_[index];
    request.due = due;
    request.is_under_way = true;
    request.out = std::string(kGood) + (is_kept ? "\r\n" : "Connection: close\r\n\r\n");
  }

  void handle(const epoll_event& event) {
    const std::size_t index = event.data.u64;
    Request& request = requests_[index];
    if (!request.out.empty() && (event.events & EPOLLOUT) != 0) {
      send(request.fd, request.out.data(), request.out.size(), MSG_NOSIGNAL);
      request.out.clear();
      poller_.change(request.fd, EPOLLIN, index);
      return;
    }
    std::array<char, 8192> buffer;
    const ssize_t got = recv(request.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(index);
    request.in.append(buffer.data(), static_cast<std::size_t>(got));
    const bench::Answer answer = bench::read_answer(request.in);
    if (answer.bytes == 0) return;
    const double took = Seconds(Clock::now() - request.due).count();
    if (answer.status == 200 && took < kPatienceSeconds) times_ms_.push_back(took * 1e3);
    if (!request.is_kept) return end(index);
    ++done_;
    request.in.clear();
    request.is_under_way = false;
    free_.push_back(index);
  }

  void end(std::size_t index) {
    if (requests_[index].is_under_way) {
      ++done_;
    } else {
      std::erase(free_, index);
    }
    close(requests_[index].fd);
  }

  int port_;
  int per_second_;
  bench::Poller poller_;
  std::vector<Request> requests_;
  std::vector<std::size_t> free_;
  std::vector<double> times_ms_;
  int started_ = 0;
  int done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "bench_crowd PORT IDLE SLOW PER_SECOND SECONDS\n");
    return 64;
  }
  const int port = bench::number(argv[1]);
  Crowd crowd(port, bench::number(argv[2]), bench::number(argv[3]));
  // Two seconds of their ways before anything is measured.
  const auto settled = Clock::now() + std::chrono::seconds(2);
  while (Clock::now() < settled) {
    crowd.tend();
    usleep(1000);
  }
  std::printf("open\n");
  std::fflush(stdout);
  Requests(port, bench::number(argv[4])).run(crowd, std::atof(argv[5]));
}
