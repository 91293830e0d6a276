#include "peer/shell/registry_client.hpp"

#include <httplib.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "common/limits.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/system_text.hpp"
#include "peer/shell/tcp_socket.hpp"

namespace peer {
namespace {

using common::TimePoint;
using common::unexpected;
using common::os::monotonic_now;
using common::os::UniqueFd;
using FailureKind = ExchangeFailure::Kind;

constexpr const char* kTooLong = "its answer is too long";
constexpr const char* kLate = "no answer in time";
constexpr std::chrono::seconds kExchangeTime{10};
/// The same for a message, whose recipient has time to confirm it.
constexpr std::chrono::seconds kMessageTime{15};

/// The other side has closed, or broken, a connection that nothing is expected on.
bool has_ended(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace

/// A connection and what has been read from it beyond the last answer.
struct RegistryClient::Connection {
  explicit Connection(UniqueFd connected) : fd(std::move(connected)) {}

  UniqueFd fd;
  bool is_used = false;  // has carried a request before
  bool is_kept = false;  // and the registry keeps it: it may carry several at once
  std::array<char, 16 * 1024> buffer{};
  std::size_t at = 0;
  std::size_t filled = 0;
};

/// What cpp-httplib reads and writes: collects what is written until the first read, then sends it
/// in one piece. With `sends` false, what is written was sent before.
class RegistryClient::Stream final : public httplib::Stream {
 public:
  Stream(Connection& connection, int cancel_fd, TimePoint deadline, bool sends)
      : connection_(connection), cancel_fd_(cancel_fd), deadline_(deadline), sends_(sends) {}

  bool has_read() const { return received_ > 0; }
  const std::string& failure() const { return failure_; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t write(const char* data, std::size_t size) override {
    if (sends_) pending_.append(data, size);
    return static_cast<ssize_t>(size);
  }

  ssize_t read(char* out, std::size_t size) override {
    if (!pending_.empty() && !send_pending()) return -1;
    if (is_bodyless_ && is_head_over_) return 0;
    if (connection_.at == connection_.filled && !fill()) return failure_.empty() ? 0 : -1;
    const std::size_t take = std::min(size, connection_.filled - connection_.at);
    std::memcpy(out, connection_.buffer.data() + connection_.at, take);
    watch_head({out, take});
    connection_.at += take;
    received_ += take;
    if (received_ <= common::kRegistryAnswerBytesMax) return static_cast<ssize_t>(take);
    failure_ = kTooLong;
    return -1;
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return connection_.fd.get(); }

  /// Sends what was written so far; failure() says why not.
  bool send_pending() {
    std::string_view rest = pending_;
    while (!rest.empty()) {
      const ssize_t sent =
          ::send(connection_.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
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

 private:
  /// A 304 has no body, whatever its fields say or leave out; the library would wait for one until
  /// the connection closes. It reads the head byte by byte, so its end is seen exactly.
  void watch_head(std::string_view bytes) {
    constexpr std::size_t kStatusLineMax = 64;
    for (const char c : bytes) {
      if (is_head_over_) return;
      if (line_.size() < kStatusLineMax) line_ += c;
      if (c != '\n') continue;
      if (line_.starts_with("HTTP/1.1 304")) is_bodyless_ = true;
      is_head_over_ = line_ == "\r\n" || line_ == "\n";
      line_.clear();
    }
  }

  bool fill() {
    for (;;) {
      const ssize_t got = ::recv(connection_.fd.get(), connection_.buffer.data(),
                                 connection_.buffer.size(), MSG_DONTWAIT);
      if (got > 0) {
        connection_.at = 0;
        connection_.filled = static_cast<std::size_t>(got);
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
    switch (wait_for(connection_.fd.get(), events, cancel_fd_, deadline_)) {
      case Ready::kYes:
        return true;
      case Ready::kTimeout:
        failure_ = kLate;
        return false;
      case Ready::kCancelled:
        failure_ = "cancelled";
        return false;
    }
    return false;
  }

  Connection& connection_;
  int cancel_fd_;
  TimePoint deadline_;
  bool sends_;
  std::string pending_;
  std::size_t received_ = 0;
  std::string failure_;
  std::string line_;  // of the answer's head, as far as it is looked at
  bool is_bodyless_ = false;
  bool is_head_over_ = false;
};

/// Reaches the library's protected request function; its own connecting is not used.
class RegistryClient::Engine final : public httplib::ClientImpl {
 public:
  explicit Engine(const common::HostPort& registry)
      : httplib::ClientImpl(registry.host, registry.port),
        host_field_(common::format_host_port(registry)) {
    set_decompress(false);  // security: a small answer must not unpack to a large one
  }

  httplib::Request to_library(const HttpRequest& request) const {
    httplib::Request out;
    out.method = request.method;
    out.path = request.target;
    out.body = request.body;
    out.set_header("Host", host_field_);
    for (const auto& [name, value] : request.headers) out.set_header(name, value);
    return out;
  }

  bool run(httplib::Stream& stream, httplib::Request& request, httplib::Response& response) {
    httplib::Error ignored = httplib::Error::Success;
    return process_request(stream, request, response, /*close_connection=*/false, ignored);
  }

  /// Only writes the request: the library reads next, and finds nothing.
  void write(httplib::Stream& stream, httplib::Request request) {
    WriteOnly through(stream);
    httplib::Response nothing;
    run(through, request, nothing);
  }

 private:
  class WriteOnly final : public httplib::Stream {
   public:
    explicit WriteOnly(httplib::Stream& to) : to_(to) {}
    bool is_readable() const override { return true; }
    bool is_writable() const override { return true; }
    ssize_t read(char*, std::size_t) override { return -1; }
    ssize_t write(const char* data, std::size_t size) override { return to_.write(data, size); }
    void get_remote_ip_and_port(std::string&, int&) const override {}
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override { return to_.socket(); }

   private:
    httplib::Stream& to_;
  };

  std::string host_field_;
};

/// Registries, old ones too, answer with plain text, JSON or without a type.
std::string foreign_type(const httplib::Response& in) {
  std::string coding = in.get_header_value("Content-Encoding");
  if (!coding.empty() && coding != "identity") return coding;
  std::string type = in.get_header_value("Content-Type");
  const bool is_known = type.empty() || type.starts_with("text/plain") ||
                        type.starts_with("text/*") || type.starts_with("application/json");
  return is_known ? std::string() : type;
}

RegistryClient::RegistryClient(common::HostPort registry)
    : registry_(std::move(registry)),
      engine_(std::make_unique<Engine>(registry_)),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

RegistryClient::~RegistryClient() = default;

void RegistryClient::cancel() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(cancel_.get(), &one, sizeof one);
}

void RegistryClient::disconnect() { connection_.reset(); }

RegistryClient::Result<common::IpAddress> RegistryClient::connect() {
  if (!connection_) {
    if (auto opened = open(); !opened) return unexpected{opened.error()};
  }
  const auto local = local_endpoint(connection_->fd.get());
  if (!local) return unexpected{ExchangeFailure{FailureKind::kUnreachable, describe_errno(errno)}};
  return local->address;
}

RegistryClient::Result<void> RegistryClient::open() {
  auto fd = connect_tcp(registry_, cancel_.get());
  if (!fd) {
    return unexpected{ExchangeFailure{.kind = FailureKind::kUnreachable,
                                      .text = fd.error().text,
                                      .is_silent = fd.error().is_silent}};
  }
  connection_ = std::make_unique<Connection>(*std::move(fd));
  return {};
}

RegistryClient::Result<HttpAnswer> RegistryClient::exchange(
    const HttpRequest& request, const std::optional<TimePoint>& deadline) {
  bool may_retry = false;
  auto answer = exchange_once(request, deadline, may_retry);
  if (answer || !may_retry) return answer;
  return exchange_once(request, deadline, may_retry);
}

RegistryClient::Result<HttpAnswer> RegistryClient::exchange_once(
    const HttpRequest& request, const std::optional<TimePoint>& deadline, bool& may_retry) {
  may_retry = false;
  // What may be done only once goes out on a connection that is there, as far as can be known.
  if (connection_ && !request.is_repeatable && has_ended(connection_->fd.get()))
    connection_.reset();
  if (!connection_) {
    if (auto opened = open(); !opened) return unexpected{opened.error()};
  }
  // A kept connection that the registry has closed meanwhile says nothing of the registry.
  const bool was_used = std::exchange(connection_->is_used, true);
  const auto time = request.is_repeatable ? kExchangeTime : kMessageTime;
  const TimePoint end = std::min(monotonic_now() + time, deadline.value_or(TimePoint::max()));
  Stream stream(*connection_, cancel_.get(), end, /*sends=*/true);
  auto answer = run(stream, request);
  may_retry = !answer && was_used && !stream.has_read() && request.is_repeatable;
  return answer;
}

std::vector<RegistryClient::Result<HttpAnswer>> RegistryClient::exchange_all(
    const std::vector<HttpRequest>& requests) {
  std::vector<Result<HttpAnswer>> answers;
  // The first goes alone: only its answer tells whether several may go at once.
  while (answers.size() < requests.size() && !(connection_ && connection_->is_kept)) {
    answers.push_back(exchange(requests[answers.size()]));
    if (!answers.back()) return answers;
  }
  if (answers.size() == requests.size()) return answers;

  const TimePoint deadline = monotonic_now() + kExchangeTime;
  Stream all(*connection_, cancel_.get(), deadline, /*sends=*/true);
  const std::size_t first = answers.size();
  for (std::size_t i = first; i < requests.size(); ++i)
    engine_->write(all, engine_->to_library(requests[i]));
  if (!all.send_pending()) connection_.reset();
  for (std::size_t i = first; i < requests.size() && connection_; ++i) {
    Stream one(*connection_, cancel_.get(), deadline, /*sends=*/false);
    auto answer = run(one, requests[i]);
    if (answer) answers.push_back(std::move(answer));
  }
  return answers;
}

// Lets the library write the request and read the answer; on failure the connection is gone.
RegistryClient::Result<HttpAnswer> RegistryClient::run(Stream& stream, const HttpRequest& request) {
  httplib::Request out = engine_->to_library(request);
  httplib::Response in;
  if (!engine_->run(stream, out, in)) {
    connection_.reset();
    if (stream.failure() == kTooLong)
      return unexpected{ExchangeFailure{FailureKind::kBroken, kTooLong}};
    if (!stream.failure().empty())
      return unexpected{ExchangeFailure{FailureKind::kUnreachable, stream.failure(),
                                        /*is_silent=*/stream.failure() == kLate}};
    if (!stream.has_read())
      return unexpected{ExchangeFailure{FailureKind::kNoAnswer, "it closed without an answer"}};
    return unexpected{ExchangeFailure{FailureKind::kBroken, "what it says is not HTTP"}};
  }
  connection_->is_kept = in.version == "HTTP/1.1" &&
                         (in.has_header("Content-Length") || in.status == 304) &&
                         strcasecmp(in.get_header_value("Connection").c_str(), "close") != 0;
  if (!connection_->is_kept) connection_.reset();
  return HttpAnswer{.status = in.status,
                    .is_json = in.get_header_value("Content-Type").starts_with("application/json"),
                    .foreign = foreign_type(in),
                    .etag = in.get_header_value("ETag"),
                    .body = std::move(in.body)};
}

}  // namespace peer
