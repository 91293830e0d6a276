// The two-connection dialect with nothing but the kernel's work: one epoll thread, no accounts, no
// limits, no timers. Prints its port. What a server of that dialect can reach at most.
#include <memory>
#include <unordered_map>
#include <utility>

#include "tests/bench/tools/support.hpp"

namespace {

using namespace std::chrono_literals;

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;
  bool is_waiting_to_write = false;
  bool is_queued = false;
  Connection* other = nullptr;  // of a user: his push connection, of that: his command connection
  bool is_push = false;
  std::string name;
  std::vector<Connection*> askers;  // who awaits a receipt of this push connection, oldest first
  std::size_t first_asker = 0;
  int left = 0;  // receipts that this user's command still waits for
};

class Relay {
 public:
  explicit Relay(int listening) : listening_(listening) {
    poller_.add(listening, EPOLLIN, 0);
    connections_.resize(32'768);
  }

  [[noreturn]] void run() {
    for (;;) {
      for (const epoll_event& event : poller_.wait(1h)) {
        if (event.data.u64 == 0) {
          accept_all();
        } else {
          handle(event);
        }
      }
      for (Connection* connection : dirty_) write(*connection);
      dirty_.clear();
    }
  }

 private:
  Connection& add(int fd) {
    auto& slot = connections_.at(static_cast<std::size_t>(fd));
    slot = std::make_unique<Connection>();
    slot->fd = fd;
    poller_.add(fd, EPOLLIN, static_cast<std::size_t>(fd));
    return *slot;
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      bench::set_no_delay(fd);
      add(fd);
    }
  }

  void handle(const epoll_event& event) {
    auto& slot = connections_.at(event.data.u64);
    if (slot == nullptr) return;
    Connection& connection = *slot;
    if ((event.events & EPOLLOUT) != 0) queue(connection);
    if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) == 0) return;
    const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return drop(connection);
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    if (!connection.in.empty()) {
      connection.in += bytes;
      bytes = connection.in;
    }
    for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
      handle_line(connection, bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
    }
    connection.in = std::string(bytes);
  }

  /// The load's end, both connections of a user: nothing of him is under way then.
  void drop(Connection& connection) {
    users_.erase(connection.name);
    if (connection.other != nullptr) {
      connection.other->other = nullptr;
      if (connection.is_push) users_.erase(connection.other->name);
    }
    std::erase(dirty_, &connection);
    const int fd = connection.fd;
    close(fd);
    connections_.at(static_cast<std::size_t>(fd)).reset();
  }

  void handle_line(Connection& from, std::string_view line) {
    if (from.is_push) return handle_receipt(from);
    if (line.starts_with("/to ")) {
      const auto blank = line.find(' ', 4);
      const auto user = users_.find(std::string(line.substr(4, blank - 4)));
      if (user == users_.end()) return put(from, "304 Message delivery failed\n");
      from.left = 1;
      push(*user->second->other, from, "/from ", line.substr(blank));
    } else if (line.starts_with("/toall ")) {
      for (const auto& [name, user] : users_) {
        if (user == &from) continue;
        ++from.left;
        push(*user->other, from, "/broadcastfrom ", line.substr(6));
      }
    } else if (line.starts_with("/login ")) {
      from.name = line.substr(7, line.find(' ', 7) - 7);
      put(from, "101 Authentication successful\n");
    } else if (line.starts_with("/port ")) {
      const int fd = bench::connect_to(std::atoi(std::string(line.substr(6)).c_str()));
      Connection& other = add(fd);
      other.is_push = true;
      other.other = &from;
      from.other = &other;
      users_[from.name] = &from;
      put(from, "201 Build connection successful\n");
    }
  }

  void push(Connection& to, Connection& from, std::string_view word, std::string_view rest) {
    to.askers.push_back(&from);
    queue(to);
    to.out += word;
    to.out += from.name;
    to.out += rest;
    to.out += '\n';
  }

  void handle_receipt(Connection& from) {
    Connection* asker = from.askers.at(from.first_asker++);
    if (from.first_asker == from.askers.size()) {
      from.askers.clear();
      from.first_asker = 0;
    }
    if (--asker->left == 0) put(*asker, "303 Message delivery successful\n");
  }

  void put(Connection& to, std::string_view text) {
    to.out += text;
    queue(to);
  }

  void queue(Connection& connection) {
    if (!std::exchange(connection.is_queued, true)) dirty_.push_back(&connection);
  }

  void write(Connection& connection) {
    connection.is_queued = false;
    const ssize_t count =
        send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (count > 0) connection.out.erase(0, static_cast<std::size_t>(count));
    const bool is_waiting = !connection.out.empty();
    if (is_waiting == connection.is_waiting_to_write) return;
    connection.is_waiting_to_write = is_waiting;
    poller_.change(connection.fd, EPOLLIN | (is_waiting ? EPOLLOUT : 0U),
                   static_cast<std::size_t>(connection.fd));
  }

  int listening_;
  bench::Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::unordered_map<std::string, Connection*> users_;
  std::vector<Connection*> dirty_;
  std::array<char, 65'536> buffer_;
};

}  // namespace

int main() {
  const int fd = bench::listen_on_loopback();
  std::printf("%d\n", bench::bound_port(fd));
  std::fflush(stdout);
  Relay(fd).run();
}
