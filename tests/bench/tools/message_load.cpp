// One load for several message servers, so that the client's cost is the same for each.
//
//   message_load PROTOCOL PORT pairs COUNT SECONDS   each sender waits for the receiver's answer
//   message_load PROTOCOL PORT fan COUNT SECONDS     one sender, COUNT receivers that all confirm
//   message_load PROTOCOL PORT hold COUNT            opens COUNT connections, prints "open", waits
//
// PROTOCOL is two-connection, nats, mqtt0, mqtt1 (QoS 0 and 1) or irc. Messages have 100 bytes and
// end with '|', which occurs nowhere else. `pairs` and `fan` print JSON: what was delivered a
// second, and the median and 99th percentile of the round trip in microseconds.
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <memory>
#include <optional>

#include "tests/bench/tools/support.hpp"

namespace {

using bench::Clock;
using namespace std::chrono_literals;

constexpr std::size_t kBodyBytes = 100;
/// Messages of a fan-out that may be under way at once, for protocols that number them.
constexpr int kFanWindow = 16;

std::string body() { return std::string(kBodyBytes - 1, 'x') + '|'; }

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;
  bool is_waiting_to_write = false;
  bool is_ready = false;  // logged in and subscribed
  std::string name;
  std::string topic;  // what it listens to
  int stage = 0;      // of the login
};

/// What a server's protocol asks of its clients.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void hello(Connection& connection) = 0;
  /// Takes what has come before it was ready.
  virtual void handle_login(Connection& connection) = 0;
  virtual void send(Connection& from, const std::string& to, const std::string& text) = 0;
  /// How many messages for the application are in what has come; confirms them where the protocol
  /// does. Leaves what is incomplete.
  virtual int take(Connection& connection) = 0;
};

int count_and_clear(std::string& text, char mark) {
  const auto count = std::count(text.begin(), text.end(), mark);
  text.clear();
  return static_cast<int>(count);
}

class Nats final : public Protocol {
 public:
  void hello(Connection& connection) override {
    connection.out += "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB " + connection.topic +
                      " 1\r\nPING\r\n";
  }
  void handle_login(Connection& connection) override {
    connection.is_ready = connection.in.find("PONG\r\n") != std::string::npos;
    if (connection.is_ready) connection.in.clear();
  }
  void send(Connection& from, const std::string& to, const std::string& text) override {
    from.out += "PUB " + to + ' ' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  int take(Connection& connection) override { return count_and_clear(connection.in, '|'); }
};

class Irc final : public Protocol {
 public:
  void hello(Connection& connection) override {
    connection.topic = connection.name;  // private messages
    connection.out += "NICK " + connection.name + "\r\nUSER " + connection.name + " 0 * :bench\r\n";
  }
  void handle_login(Connection& connection) override {
    for (const char* end : {" 376 ", " 422 "})  // the message of the day, or that there is none
      if (connection.in.find(end) != std::string::npos) connection.is_ready = true;
    if (connection.is_ready) connection.in.clear();
  }
  void send(Connection& from, const std::string& to, const std::string& text) override {
    from.out += "PRIVMSG " + to + " :" + text + "\r\n";
  }
  int take(Connection& connection) override { return count_and_clear(connection.in, '|'); }
};

/// MQTT 3.1.1.
class Mqtt final : public Protocol {
 public:
  explicit Mqtt(int quality) : quality_(static_cast<char>(quality)) {}

  void hello(Connection& connection) override {
    std::string connect = text("MQTT") + std::string("\x04\x02\x02\x58", 4) + text(connection.name);
    connection.out += packet('\x10', connect);
    connection.out += packet('\x82', std::string("\0\1", 2) + text(connection.topic) + quality_);
  }
  void handle_login(Connection& connection) override { take(connection); }
  void send(Connection& from, const std::string& to, const std::string& message) override {
    std::string content = text(to);
    if (quality_ != 0) {
      if (++id_ == 0) ++id_;
      content += static_cast<char>(id_ >> 8);
      content += static_cast<char>(id_ & 0xff);
    }
    from.out += packet(static_cast<char>(0x30 | (quality_ << 1)), content + message);
  }
  int take(Connection& connection) override {
    const std::string& in = connection.in;
    std::size_t at = 0;
    int messages = 0;
    while (in.size() - at >= 2) {
      std::size_t size = 0;
      std::size_t from = at + 1;
      int shift = 0;
      bool is_complete = false;
      while (from < in.size() && !is_complete) {
        const auto byte = static_cast<unsigned char>(in[from++]);
        size |= static_cast<std::size_t>(byte & 127) << shift;
        shift += 7;
        is_complete = byte < 128;
      }
      if (!is_complete || in.size() - from < size) break;
      const auto type = static_cast<unsigned char>(in[at]);
      if (type >> 4 == 9) connection.is_ready = true;  // SUBACK
      if (type >> 4 == 3) {                            // PUBLISH
        ++messages;
        if ((type >> 1 & 3) == 1) {
          const auto topic = static_cast<std::size_t>(static_cast<unsigned char>(in[from]) << 8 |
                                                      static_cast<unsigned char>(in[from + 1]));
          connection.out += "\x40\x02";
          connection.out.append(in, from + 2 + topic, 2);
        }
      }
      at = from + size;
    }
    connection.in.erase(0, at);
    return messages;
  }

 private:
  static std::string text(const std::string& value) {
    return std::string{static_cast<char>(value.size() >> 8), static_cast<char>(value.size())} +
           value;
  }
  static std::string packet(char type, const std::string& content) {
    std::string out(1, type);
    std::size_t left = content.size();
    do {
      auto byte = static_cast<unsigned char>(left & 127);
      left >>= 7;
      if (left > 0) byte |= 128;
      out += static_cast<char>(byte);
    } while (left > 0);
    return out + content;
  }

  char quality_;
  std::uint16_t id_ = 0;
};

class Load {
 public:
  Load(std::unique_ptr<Protocol> protocol, int port)
      : protocol_(std::move(protocol)), port_(port) {}

  Connection& connect(const std::string& name, const std::string& topic) {
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

  /// A connection to our port, as a server makes it.
  Connection& accept(int listening) {
    int fd = -1;
    const auto begun = Clock::now();
    while ((fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK)) < 0)
      if (bench::seconds_since(begun) > 10) bench::die("the server did not connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection = std::make_unique<Connection>();
    connection->fd = fd;
    connection->is_ready = true;
    poller_.add(fd, EPOLLIN, connections_.size());
    connections_.push_back(std::move(connection));
    return *connections_.back();
  }

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

  template <typename Condition>
  void wait_until(Condition condition) {
    const auto begun = Clock::now();
    while (!condition()) {
      step(100ms, [](std::size_t) {});
      if (bench::seconds_since(begun) > 30) {
        std::fprintf(stderr, "no login within 30 s\n");
        std::exit(1);
      }
    }
  }

  void flush(Connection& connection, std::size_t index) {
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

  Connection& at(std::size_t index) { return *connections_[index]; }
  std::size_t size() const { return connections_.size(); }
  Protocol& protocol() { return *protocol_; }

 private:
  int open() {
    // A source address has as many ports as there are: loopback has more addresses.
    constexpr std::size_t kPerAddress = 20'000;
    const int fd = bench::check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (connections_.size() >= kPerAddress) {
      sockaddr_in from = bench::loopback(0);
      from.sin_addr.s_addr =
          htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(connections_.size() / kPerAddress));
      bench::check(bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from), "bind");
    }
    const sockaddr_in to = bench::loopback(port_);
    bench::check(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), "connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int not_blocking = 1;
    bench::check(ioctl(fd, FIONBIO, &not_blocking), "ioctl");
    return fd;
  }

  std::unique_ptr<Protocol> protocol_;
  int port_;
  bench::Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::array<char, 256 * 1024> buffer_;
};

struct Found {
  long deliveries = 0;
  double seconds = 0;
  std::vector<double> round_trips;  // microseconds

  void print() {
    std::printf("{\"per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
                static_cast<double>(deliveries) / seconds, bench::percentile(round_trips, 0.5),
                bench::percentile(round_trips, 0.99));
  }
};

/// Counts only what comes after a tenth of the time: by then nothing is cold.
class Watch {
 public:
  explicit Watch(double seconds) : seconds_(seconds), begun_(Clock::now()) {}

  bool goes_on() {
    const double passed = bench::seconds_since(begun_);
    if (!counted_from_ && passed > seconds_ / 10) counted_from_ = Clock::now();
    return passed < seconds_ * 1.1;
  }
  bool counts() const { return counted_from_.has_value(); }
  double counted_seconds() const { return bench::seconds_since(*counted_from_); }

 private:
  double seconds_;
  Clock::time_point begun_;
  std::optional<Clock::time_point> counted_from_;
};

double microseconds_since(Clock::time_point begun) { return bench::seconds_since(begun) * 1e6; }

// --- Brokers ------------------------------------------------------------------------------------

Found run_pairs(Load& load, int pairs, double seconds) {
  const std::string text = body();
  // Senders are at even places, the receiver of each behind him.
  for (int i = 0; i < pairs; ++i) {
    const std::string number = std::to_string(i);
    load.connect("s" + number, "s" + number);
    load.connect("r" + number, "r" + number);
  }
  std::vector<Clock::time_point> sent(load.size());
  const auto send = [&](std::size_t index) {
    sent[index] = Clock::now();
    load.protocol().send(load.at(index), load.at(index + 1).topic, text);
  };
  Found found;
  Watch watch(seconds);
  for (std::size_t i = 0; i < load.size(); i += 2) {
    send(i);
    load.flush(load.at(i), i);
  }
  while (watch.goes_on()) {
    load.step(100ms, [&](std::size_t index) {
      Connection& connection = load.at(index);
      const int messages = load.protocol().take(connection);
      for (int i = 0; i < messages; ++i) {
        if (index % 2 == 1) {
          load.protocol().send(connection, load.at(index - 1).topic, "|");
          continue;
        }
        if (watch.counts()) {
          ++found.deliveries;
          found.round_trips.push_back(microseconds_since(sent[index]));
        }
        send(index);
      }
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

Found run_fan(Load& load, int receivers, double seconds) {
  const std::string text = body();
  load.connect("sender", "nothing");
  for (int i = 0; i < receivers; ++i) load.connect("r" + std::to_string(i), "all");
  Found found;
  Watch watch(seconds);
  long taken = 0;
  long sent = 0;
  while (watch.goes_on()) {
    while (sent - taken / receivers < kFanWindow) {
      load.protocol().send(load.at(0), "all", text);
      ++sent;
    }
    load.flush(load.at(0), 0);
    load.step(100ms, [&](std::size_t index) {
      const int messages = load.protocol().take(load.at(index));
      if (index == 0) return;
      taken += messages;
      if (watch.counts()) found.deliveries += messages;
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

// --- The two-connection dialect -----------------------------------------------------------------

int listen_for_pushes() {
  const int fd = bench::check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  const sockaddr_in address = bench::loopback(0);
  bench::check(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  bench::check(listen(fd, 4096), "listen");
  return fd;
}

void ask(Load& load, std::size_t index, const std::string& line, std::string_view code) {
  Connection& connection = load.at(index);
  connection.out += line;
  load.flush(connection, index);
  load.wait_until([&] { return connection.in.find('\n') != std::string::npos; });
  if (!connection.in.starts_with(code)) {
    std::fprintf(stderr, "%s was answered %s", line.c_str(), connection.in.c_str());
    std::exit(1);
  }
  connection.in.clear();
}

/// Logs a user in; his command connection is at the place returned, the push connection behind it.
std::size_t log_in(Load& load, int listening, const std::string& name) {
  Connection& commands = load.connect(name, "");
  commands.is_ready = true;
  const std::size_t index = load.size() - 1;
  ask(load, index, "/login " + name + " pw\n", "101");
  commands.out += "/port " + std::to_string(bench::bound_port(listening)) + '\n';
  load.flush(commands, index);
  load.accept(listening);
  ask(load, index, "", "201");
  return index;
}

constexpr std::string_view kReceipt = "302 Message receipt successful\n";

Found run_two_connection(Load& load, int senders, int receivers, double seconds) {
  const std::string text = body();
  const int listening = listen_for_pushes();
  const bool is_fan = senders == 1 && receivers > 1;
  std::vector<std::string> commands;  // by sender, in the order of their connections
  for (int i = 0; i < senders; ++i) log_in(load, listening, "s" + std::to_string(i));
  for (int i = 0; i < receivers; ++i) log_in(load, listening, "r" + std::to_string(i));
  for (int i = 0; i < senders; ++i)
    commands.push_back(is_fan ? "/toall " + text + '\n'
                              : "/to r" + std::to_string(i) + ' ' + text + '\n');
  const auto is_sender = [&](std::size_t index) {
    return index % 2 == 0 && index / 2 < commands.size();
  };
  std::vector<Clock::time_point> sent(commands.size());
  const auto send = [&](std::size_t sender) {
    sent[sender] = Clock::now();
    load.at(sender * 2).out += commands[sender];
  };
  Found found;
  Watch watch(seconds);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    send(i);
    load.flush(load.at(i * 2), i * 2);
  }
  while (watch.goes_on()) {
    load.step(100ms, [&](std::size_t index) {
      Connection& connection = load.at(index);
      if (!is_sender(index)) {
        for (int lines = count_and_clear(connection.in, '\n'); lines > 0; --lines)
          connection.out += kReceipt;
        return;
      }
      if (connection.in.find('\n') == std::string::npos) return;
      if (!connection.in.starts_with("303")) {
        std::fprintf(stderr, "not delivered: %s", connection.in.c_str());
        std::exit(1);
      }
      connection.in.clear();
      if (watch.counts()) {
        found.deliveries += is_fan ? receivers : 1;
        found.round_trips.push_back(microseconds_since(sent[index / 2]));
      }
      send(index / 2);
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

/// A third of the connections are users' command connections, a third their push connections, a
/// third have not logged in.
void hold_two_connection(Load& load, int connections) {
  const int listening = listen_for_pushes();
  for (int i = 0; i < connections / 3; ++i) {
    log_in(load, listening, "r" + std::to_string(i));
    load.connect("", "");
  }
}

std::unique_ptr<Protocol> make_protocol(std::string_view name) {
  if (name == "nats") return std::make_unique<Nats>();
  if (name == "irc") return std::make_unique<Irc>();
  if (name == "mqtt0") return std::make_unique<Mqtt>(0);
  if (name == "mqtt1") return std::make_unique<Mqtt>(1);
  if (name == "two-connection") return nullptr;
  std::fprintf(stderr, "unknown protocol\n");
  std::exit(64);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 64;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  auto protocol = make_protocol(argv[1]);
  const bool is_ours = protocol == nullptr;
  auto load = std::make_unique<Load>(std::move(protocol), bench::number(argv[2]));
  const std::string_view mode = argv[3];
  const int count = bench::number(argv[4]);
  if (mode == "hold") {
    if (is_ours) {
      hold_two_connection(*load, count);
    } else {
      for (int i = 0; i < count; ++i) load->connect("c" + std::to_string(i), "t");
    }
    std::printf("open\n");
    std::fflush(stdout);
    std::getchar();
    return 0;
  }
  if (argc < 6) return 64;
  const double seconds = std::atof(argv[5]);
  Found found = mode == "pairs" ? is_ours ? run_two_connection(*load, count, count, seconds)
                                          : run_pairs(*load, count, seconds)
                : is_ours ? run_two_connection(*load, 1, count, seconds)
                                : run_fan(*load, count, seconds);
  found.print();
}
