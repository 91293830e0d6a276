#include "peer/shell/registry_client.hpp"

#include <httplib.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "common/limits.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/socket_address.hpp"

namespace peer {
namespace {

using common::TimePoint;
using common::unexpected;
using common::os::monotonic_now;
using common::os::UniqueFd;
using Kind = ExchangeFailure::Kind;

constexpr std::chrono::seconds kConnectTime{3};
constexpr std::chrono::seconds kExchangeTime{10};

enum class Ready { kYes, kTimeout, kCancelled };

Ready wait_for(int fd, short events, int cancel_fd, TimePoint deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now());
    if (left.count() <= 0) return Ready::kTimeout;
    pollfd fds[2] = {{fd, events, 0}, {cancel_fd, POLLIN, 0}};
    const int count = ::poll(fds, 2, static_cast<int>(left.count()));
    if (count < 0 && errno == EINTR) continue;
    if (fds[1].revents != 0) return Ready::kCancelled;
    if (fds[0].revents != 0) return Ready::kYes;
  }
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

std::string describe_errno(int error) { return lower_first(std::strerror(error)); }

/// What cpp-httplib reads and writes: collects what is written until the first read, then sends it
/// in one piece.
class OneWriteStream final : public httplib::Stream {
 public:
  OneWriteStream(int fd, int cancel_fd, TimePoint deadline)
      : fd_(fd), cancel_fd_(cancel_fd), deadline_(deadline) {}

  bool has_read() const { return received_ > 0; }
  const std::string& failure() const { return failure_; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t write(const char* data, std::size_t size) override {
    pending_.append(data, size);
    return static_cast<ssize_t>(size);
  }

  ssize_t read(char* out, std::size_t size) override {
    if (!pending_.empty() && !send_pending()) return -1;
    if (at_ == filled_ && !fill()) return failure_.empty() ? 0 : -1;
    const std::size_t take = std::min(size, filled_ - at_);
    std::memcpy(out, buffer_.data() + at_, take);
    at_ += take;
    return static_cast<ssize_t>(take);
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return fd_; }

 private:
  bool send_pending() {
    std::string_view rest = pending_;
    while (!rest.empty()) {
      const ssize_t sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        rest.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (!wait(POLLOUT)) return false;
      } else if (errno != EINTR) {
        failure_ = describe_errno(errno);
        return false;
      }
    }
    pending_.clear();
    return true;
  }

  bool fill() {
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got > 0) {
        received_ += static_cast<std::size_t>(got);
        if (received_ > common::kRegistryAnswerBytesMax) {
          failure_ = "its answer is too long";
          return false;
        }
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
        return true;
      }
      if (got == 0) return false;
      if (errno == EAGAIN) {
        if (!wait(POLLIN)) return false;
      } else if (errno != EINTR) {
        failure_ = describe_errno(errno);
        return false;
      }
    }
  }

  bool wait(short events) {
    switch (wait_for(fd_, events, cancel_fd_, deadline_)) {
      case Ready::kYes:
        return true;
      case Ready::kTimeout:
        failure_ = "no answer in time";
        return false;
      case Ready::kCancelled:
        failure_ = "cancelled";
        return false;
    }
    return false;
  }

  int fd_;
  int cancel_fd_;
  TimePoint deadline_;
  std::string pending_;
  std::array<char, 16 * 1024> buffer_{};
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::size_t received_ = 0;
  std::string failure_;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

/// Reaches the library's protected request function; its own connecting is not used.
class RegistryClient::Engine final : public httplib::ClientImpl {
 public:
  Engine(const std::string& host, int port) : httplib::ClientImpl(host, port) {
    set_decompress(false);  // security: a small answer must not unpack to a large one
  }
  bool run(httplib::Stream& stream, httplib::Request& request, httplib::Response& response) {
    httplib::Error ignored = httplib::Error::Success;
    return process_request(stream, request, response, /*close_connection=*/false, ignored);
  }
};

RegistryClient::RegistryClient(common::HostPort registry)
    : registry_(std::move(registry)),
      engine_(std::make_unique<Engine>(registry_.host, registry_.port)),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

RegistryClient::~RegistryClient() = default;

void RegistryClient::cancel() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(cancel_.get(), &one, sizeof one);
}

RegistryClient::Result<common::IpAddress> RegistryClient::connect() {
  if (!connection_.is_open()) {
    if (auto opened = open(); !opened) return unexpected{opened.error()};
  }
  const auto local = local_endpoint(connection_.get());
  if (!local) return unexpected{ExchangeFailure{Kind::kUnreachable, describe_errno(errno)}};
  return local->address;
}

RegistryClient::Result<void> RegistryClient::open() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const std::string port = std::to_string(registry_.port);
  if (const int error = getaddrinfo(registry_.host.c_str(), port.c_str(), &hints, &raw)) {
    return unexpected{ExchangeFailure{Kind::kUnreachable, lower_first(gai_strerror(error))}};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(raw);
  const TimePoint deadline = monotonic_now() + kConnectTime;
  int last_error = EHOSTUNREACH;
  for (const addrinfo* it = raw; it != nullptr; it = it->ai_next) {
    UniqueFd fd(::socket(it->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) {
      last_error = errno;
      continue;
    }
    if (::connect(fd.get(), it->ai_addr, it->ai_addrlen) != 0) {
      last_error = errno;
      if (errno != EINPROGRESS) continue;
      const Ready ready = wait_for(fd.get(), POLLOUT, cancel_.get(), deadline);
      if (ready == Ready::kCancelled)
        return unexpected{ExchangeFailure{Kind::kUnreachable, "cancelled"}};
      socklen_t size = sizeof last_error;
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &last_error, &size);
      if (ready == Ready::kTimeout) last_error = ETIMEDOUT;
      if (last_error != 0) continue;
    }
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection_ = std::move(fd);
    is_used_ = false;
    return {};
  }
  return unexpected{ExchangeFailure{Kind::kUnreachable, describe_errno(last_error)}};
}

RegistryClient::Result<HttpAnswer> RegistryClient::exchange(const HttpRequest& request) {
  bool may_retry = false;
  auto answer = exchange_once(request, may_retry);
  if (answer || !may_retry) return answer;
  return exchange_once(request, may_retry);
}

RegistryClient::Result<HttpAnswer> RegistryClient::exchange_once(const HttpRequest& request,
                                                                 bool& may_retry) {
  may_retry = false;
  if (!connection_.is_open()) {
    if (auto opened = open(); !opened) return unexpected{opened.error()};
  }
  httplib::Request out;
  out.method = request.method;
  out.path = request.target;
  out.body = request.body;
  out.set_header("Host", common::format_host_port(registry_));
  for (const auto& [name, value] : request.headers) out.set_header(name, value);
  httplib::Response in;
  OneWriteStream stream(connection_.get(), cancel_.get(), monotonic_now() + kExchangeTime);
  const bool was_used = std::exchange(is_used_, true);
  const bool understood = engine_->run(stream, out, in);
  if (!understood) {
    connection_.reset();
    if (!stream.has_read()) {
      // A kept connection that the registry has closed meanwhile says nothing of the registry.
      may_retry = was_used;
      if (!stream.failure().empty())
        return unexpected{ExchangeFailure{Kind::kUnreachable, stream.failure()}};
      return unexpected{ExchangeFailure{Kind::kNoAnswer, "it closed without an answer"}};
    }
    if (!stream.failure().empty())
      return unexpected{ExchangeFailure{Kind::kUnreachable, stream.failure()}};
    return unexpected{ExchangeFailure{Kind::kBroken, "what it says is not HTTP"}};
  }
  const bool is_kept = in.version == "HTTP/1.1" && in.has_header("Content-Length") &&
                       in.get_header_value("Connection") != "close";
  if (!is_kept && in.status != 304) connection_.reset();
  return HttpAnswer{.status = in.status,
                    .is_json = in.get_header_value("Content-Type").starts_with("application/json"),
                    .etag = in.get_header_value("ETag"),
                    .body = std::move(in.body)};
}

}  // namespace peer
