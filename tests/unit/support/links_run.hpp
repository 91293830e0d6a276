// Links as a conversation's shell drives them, with sockets of the test's own on the other side;
// what the conversation hears is one text.
#pragma once

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/os/clock.hpp"
#include "peer/shell/links.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/tcp_socket.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// A conversation that writes down what it hears. "#0" is a link of its own, "@0" an accepted one.
class Heard final : public peer::Conversation {
 public:
  static std::string name_of(peer::LinkId link) {
    const auto number = static_cast<std::uint32_t>(link);
    return is_accepted(link) ? fmt::format("@{}", number & 0x7fff'ffffU)
                             : fmt::format("#{}", number);
  }

  void start(peer::TimePoint /*now*/) override {}
  void handle_bytes(peer::TimePoint /*now*/, common::WallTime /*wall*/, peer::LinkId link,
                    common::Bytes bytes) override {
    received[link] += common::as_text(bytes);
    if (bytes.size() < 100)
      log += fmt::format("{} got {}; ", name_of(link), common::as_text(bytes));
  }
  void handle_connected(peer::TimePoint /*now*/, peer::LinkId link,
                        const common::Endpoint& local) override {
    log += fmt::format("{} connected from {}; ", name_of(link), local.address.to_string());
  }
  void handle_closed(peer::TimePoint /*now*/, peer::LinkId link, std::string_view why) override {
    log += fmt::format("{} closed{}{}; ", name_of(link), why.empty() ? "" : ": ", why);
    closed.push_back(link);
  }
  void handle_sent(peer::TimePoint /*now*/, peer::LinkId link, std::size_t bytes) override {
    sent[link] += bytes;
  }
  void handle_listening(peer::TimePoint /*now*/, std::uint16_t listening) override {
    port = listening;
  }
  void handle_listen_failed(peer::TimePoint /*now*/, common::ExitStatus status,
                            std::string_view why) override {
    log += fmt::format("{} {}; ", static_cast<int>(status), why);
  }
  [[nodiscard]] bool handle_accepted(peer::TimePoint /*now*/, peer::LinkId link,
                                     const common::Endpoint& from,
                                     const common::Endpoint& /*local*/) override {
    ++accepted;
    if (accepted <= 3) log += fmt::format("{} from {}; ", name_of(link), from.address.to_string());
    return takes_connections;
  }
  void handle_input_line(peer::TimePoint /*now*/, std::string_view /*line*/) override {}
  void handle_input_end(peer::TimePoint /*now*/) override {}
  void handle_written(peer::TimePoint /*now*/, std::size_t /*bytes*/) override {}
  void handle_output_closed(peer::TimePoint /*now*/) override {}
  void handle_stop(peer::TimePoint /*now*/, common::ExitStatus /*status*/) override {}
  void handle_timeout(peer::TimePoint /*now*/) override {}
  std::optional<peer::TimePoint> next_timeout() const override { return std::nullopt; }
  std::optional<Action> poll_action() override { return std::nullopt; }
  bool wants_input() const override { return false; }
  bool wants_bytes(peer::LinkId link) const override { return !unwanted.contains(link); }

  std::string log;
  std::map<peer::LinkId, std::string> received;
  std::map<peer::LinkId, std::size_t> sent;
  std::set<peer::LinkId> unwanted;
  std::uint16_t port = 0;
  std::size_t accepted = 0;
  bool takes_connections = true;
  std::deque<peer::LinkId> closed;  // that nobody was told of yet
};

class LinksRun {
 public:
  Heard heard;
  peer::Links links{heard};
  std::function<void(peer::LinkId)> after_closed = [](peer::LinkId) {};

  void connect(std::uint32_t link, std::uint16_t port, common::Duration limit = 10s) {
    links.connect({peer::LinkId{link}, {ip("127.0.0.1"), port}, limit});
  }
  void send(std::uint32_t link, std::string bytes) {
    links.send({peer::LinkId{link}, std::move(bytes)});
  }

  /// One turn of the shell's loop, which waits `wait` at most.
  void turn(common::Duration wait = 0s) {
    std::vector<pollfd> fds;
    links.add_to(fds);
    if (const auto next = links.next_timeout())
      wait = std::clamp(*next - common::os::monotonic_now(), common::Duration::zero(), wait);
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    if (::poll(fds.data(), fds.size(), static_cast<int>(wait_ms)) > 0)
      links.handle_events(fds.data(), [this] { settle(); });
    links.handle_timeout();
    settle();
  }
  /// Turns until that is true; false after ten seconds.
  template <typename Condition>
  [[nodiscard]] bool until(Condition condition) {
    const auto deadline = common::os::monotonic_now() + 10s;
    while (!condition()) {
      if (common::os::monotonic_now() > deadline) return false;
      turn(10ms);
    }
    return true;
  }
  [[nodiscard]] bool until_log_has(std::string_view part) {
    return until([&] { return heard.log.find(part) != std::string::npos; });
  }

 private:
  void settle() {
    while (!heard.closed.empty()) {
      const peer::LinkId link = heard.closed.front();
      heard.closed.pop_front();
      after_closed(link);
    }
  }
};

/// A listening socket of the test's, on 127.0.0.1 and others.
class Listening {
 public:
  Listening() : fd_(peer::listen_tcp(0).value()), port_(peer::local_endpoint(fd_.get())->port) {}
  std::uint16_t port() const { return port_; }
  int fd() const { return fd_.get(); }
  /// The next connection, blocking.
  common::os::UniqueFd accept() const {
    pollfd ready{fd_.get(), POLLIN, 0};
    ENSURE(::poll(&ready, 1, 10'000) == 1);
    return common::os::UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  common::os::UniqueFd fd_;
  std::uint16_t port_;
};

/// What comes until the other side closes: all of it, or "RESET".
inline std::string read_all(int fd) {
  std::string all;
  char chunk[4096];
  for (;;) {
    const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
    if (got < 0) return "RESET";
    if (got == 0) return all;
    all.append(chunk, static_cast<std::size_t>(got));
  }
}

inline void reset(common::os::UniqueFd fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace test
