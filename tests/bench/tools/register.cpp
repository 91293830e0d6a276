// bench_register registry|etcd|churn PORT CONNECTIONS SECONDS FIRST: as many changes as a store
// takes. Each connection has one request under way; each request names somebody new, numbered from
// FIRST. `churn` keeps a registry of FIRST users as large as it is: each connection registers a
// name that falls among theirs, wherever chance has it, then logs it out. Prints one JSON object.
// An answer other than 200 ends the program: it would be cheaper than a change.
#include <functional>
#include <map>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;

using bench::Clock;

std::string post(int port, const char* path, const std::string& body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nUser-Agent: bench\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

/// Which request of which connection comes next.
struct Turn {
  int port;
  std::size_t connection;
  int number;  // of all requests, from FIRST
  int first;
};

std::string name_of(int number) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "load%08d", number);
  return text.data();
}

/// etcd's JSON takes keys and values in base64: a name of 12 letters and digits is legal base64 as
/// it stands. The value is an address, 127.0.0.1:20000.
std::string etcd_request(const Turn& turn) {
  return post(turn.port, "/v3/kv/put",
              R"({"key":")" + name_of(turn.number) + R"(","value":"MTI3LjAuMC4xOjIwMDAw"})");
}

std::string registry_request(const Turn& turn) {
  return post(turn.port, "/userlist.txt",
              "REGISTER " + name_of(turn.number) +
                  "@127.0.0.1:" + std::to_string(20000 + turn.number % 40000));
}

/// A connection's turns alternate between the two verbs, and both have the same name: it depends on
/// the connection and on half of how many turns that connection has had.
class Churn {
 public:
  std::string operator()(const Turn& turn) {
    if (turn.connection >= turns_.size()) turns_.resize(turn.connection + 1);
    const std::uint64_t taken = turns_[turn.connection]++;
    // Any mixing will do that spreads the names over all of the listed.
    const std::uint64_t mixed = (taken / 2 * 50 + turn.connection) * 0x9e3779b97f4a7c15 >> 20;
    std::array<char, 32> name;
    std::snprintf(name.data(), name.size(), "user%07dn%zu",
                  static_cast<int>(mixed % static_cast<std::uint64_t>(turn.first)),
                  turn.connection);
    return post(
        turn.port, "/userlist.txt",
        (taken % 2 == 0 ? "REGISTER " : "LOGOUT ") + std::string(name.data()) + "@127.0.0.1:30000");
  }

 private:
  std::vector<std::uint64_t> turns_;  // of each connection
};

using MakeRequest = std::function<std::string(const Turn&)>;

struct Connection {
  int fd = -1;
  std::string in;
  Clock::time_point begun;
};

class Load {
 public:
  Load(MakeRequest make, int port, int connections, int first)
      : make_(std::move(make)), port_(port), first_(first), next_(first) {
    connections_.resize(static_cast<std::size_t>(connections));
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].fd = bench::connect_to(port);
      poller_.add(connections_[i].fd, EPOLLOUT, i);  // writable means connected
    }
  }

  void run(double seconds) {
    const auto begun = Clock::now();
    const auto until = begun + bench::from_seconds(seconds);
    while (Clock::now() < until) {
      for (const epoll_event& event : poller_.wait(100ms)) {
        Connection& connection = connections_[event.data.u64];
        if ((event.events & EPOLLOUT) != 0) {
          poller_.change(connection.fd, EPOLLIN, event.data.u64);
          send_next(event.data.u64);
        } else {
          handle_input(event.data.u64);
        }
      }
    }
    const double elapsed = bench::seconds_since(begun);
    std::printf(R"({"per_second":%.1f,"answered":%zu,"next":%d,"p50_ms":%.3f,"p99_ms":%.3f})"
                "\n",
                static_cast<double>(times_ms_.size()) / elapsed, times_ms_.size(), next_,
                bench::percentile(times_ms_, 0.5), bench::percentile(times_ms_, 0.99));
  }

 private:
  void send_next(std::size_t index) {
    Connection& connection = connections_[index];
    const std::string request = make_({port_, index, next_++, first_});
    connection.begun = Clock::now();
    if (send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      bench::die("send");
    }
  }

  void handle_input(std::size_t index) {
    Connection& connection = connections_[index];
    std::array<char, 4096> buffer;
    const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) bench::die("the server closed");
    connection.in.append(buffer.data(), static_cast<std::size_t>(got));
    const bench::Answer answer = bench::read_answer(connection.in);
    if (answer.bytes == 0) return;
    if (answer.status != 200) {
      std::fprintf(stderr, "not a 200: %s\n", connection.in.c_str());
      std::exit(1);
    }
    connection.in.erase(0, answer.bytes);
    times_ms_.push_back(bench::seconds_since(connection.begun) * 1e3);
    send_next(index);
  }

  MakeRequest make_;
  int port_;
  int first_;
  int next_;
  bench::Poller poller_;
  std::vector<Connection> connections_;
  std::vector<double> times_ms_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string_view, MakeRequest> kinds = {
      {"registry", registry_request}, {"etcd", etcd_request}, {"churn", Churn()}};
  const auto kind = kinds.find(argc == 6 ? argv[1] : "");
  if (kind == kinds.end()) {
    std::fprintf(stderr, "bench_register registry|etcd|churn PORT CONNECTIONS SECONDS FIRST\n");
    return 64;
  }
  Load load(kind->second, bench::number(argv[2]), bench::number(argv[3]), bench::number(argv[5]));
  load.run(std::atof(argv[4]));
}
