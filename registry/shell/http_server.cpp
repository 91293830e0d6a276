#include "registry/shell/http_server.hpp"

#include <netinet/tcp.h>

#include <array>
#include <vector>

#include "common/os/clock.hpp"
#include "registry/http/limits.hpp"
#include "registry/http/short_way.hpp"

namespace registry {
namespace {

namespace ip = asio::ip;
using common::IpAddress;
using common::os::monotonic_now;
using http::EngineAnswer;
using http::HttpFraming;
using std::error_code;

constexpr std::size_t kReadBytes = 2048;

IpAddress to_ip_address(const ip::address& address) {
  if (address.is_v4()) return IpAddress::v4(address.to_v4().to_bytes());
  return IpAddress::v6(address.to_v6().to_bytes());
}

ip::address to_asio(const IpAddress& address) {
  if (address.is_v6()) return ip::address_v6(address.bytes());
  const auto& b = address.bytes();
  return ip::address_v4({b[0], b[1], b[2], b[3]});
}

}  // namespace

/// One client's connection. Kept alive by the server's map and by the operations under way.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServer& server, ip::tcp::socket socket, Node::Ticket ticket, IpAddress source,
                 IpAddress local, std::uint16_t own_port)
      : server_(server),
        socket_(std::move(socket)),
        ticket_(ticket),
        source_(source),
        local_(local),
        framing_(monotonic_now(), own_port) {}

  void start() { read(); }
  void handle_release(Node::Release::Kind kind);
  void handle_tick(TimePoint now);
  /// Ends the connection as soon as no answer is under way.
  void drain();
  const IpAddress& source() const { return source_; }

 private:
  enum class Phase {
    kServing,
    kLastAnswer,  // out_ goes out, then the connection closes
    kDraining,    // our half is shut; what still comes is thrown away
    kClosed,
  };
  /// Bytes to send: own text, then possibly a body that others refer to as well.
  struct Segment {
    std::string text;
    std::shared_ptr<const std::string> body;
  };

  void read();
  void handle_read(const error_code& failed, std::size_t bytes);
  void process();
  bool run_framing();
  void run_request();
  void run_post(const http::ApiRequest& request);
  void answer_framing_error();
  EngineAnswer run_engine(const http::HttpEngine::Handler& handler);
  void finish_request(EngineAnswer answer);
  void queue(std::string text, std::shared_ptr<const std::string> body = nullptr);
  bool keeps_alive() const;
  bool is_ready_to_run() const;
  void flush();
  bool write_some();
  void end_our_half();
  void close();

  HttpServer& server_;
  ip::tcp::socket socket_;
  Node::Ticket ticket_;
  IpAddress source_;
  IpAddress local_;
  HttpFraming framing_;
  Phase phase_ = Phase::kServing;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_waiting_ = false;  // the request under way is held at the gate or parked
  bool has_ended_ = false;   // the other side sends no more
  std::string early_;        // read while the request under way was waiting; one read at most
  EngineAnswer held_;        // the answer to send when its change is on disk
  std::vector<Segment> out_;
  std::size_t out_bytes_ = 0;  // not sent yet
  std::size_t sent_ = 0;       // of the front of out_
  std::optional<TimePoint> write_deadline_;
  TimePoint drain_deadline_;
  std::size_t drained_bytes_ = 0;
  std::array<char, kReadBytes> buffer_;
};

void HttpConnection::read() {
  if (is_reading_ || has_ended_ || phase_ == Phase::kClosed) return;
  is_reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const error_code& failed, std::size_t bytes) {
                            self->handle_read(failed, bytes);
                          });
}

void HttpConnection::handle_read(const error_code& failed, std::size_t bytes) {
  is_reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (failed && failed != asio::error::eof) return close();
  if (phase_ == Phase::kDraining) {
    drained_bytes_ += bytes;
    if (failed || drained_bytes_ > http::kDrainBytesMax) return close();
    return read();
  }
  has_ended_ = has_ended_ || failed;
  if (is_waiting_) {
    // A timeout has completed a request while this read was open. Its views would not survive
    // further bytes in the framing's buffer; they are taken up when it is answered.
    early_.assign(buffer_.data(), bytes);
    return;
  }
  if (failed) {
    framing_.handle_end(monotonic_now());
  } else if (phase_ == Phase::kServing) {
    framing_.handle_bytes(monotonic_now(), {buffer_.data(), bytes});
  }
  process();
}

// Runs what has arrived, sends what is ready, and reads on if that may bring something new.
void HttpConnection::process() {
  bool may_run = true;
  while (may_run && is_ready_to_run()) {
    while (may_run && is_ready_to_run()) may_run = run_framing();
    flush();  // makes room for further answers
  }
  flush();
  if (is_ready_to_run()) read();
}

bool HttpConnection::is_ready_to_run() const {
  return phase_ == Phase::kServing && !is_waiting_ && out_bytes_ <= http::kPendingAnswerBytesMax;
}

// One step of the framing; false when it needs more bytes or nothing more will happen.
bool HttpConnection::run_framing() {
  switch (framing_.poll(monotonic_now())) {
    case HttpFraming::State::kNeedBytes:
      return false;
    case HttpFraming::State::kSendContinue:
      queue("HTTP/1.1 100 Continue\r\n\r\n");
      return true;
    case HttpFraming::State::kRequest:
      run_request();
      return true;
    case HttpFraming::State::kError:
      answer_framing_error();
      return false;
    case HttpFraming::State::kEnded:
      phase_ = Phase::kLastAnswer;
      return false;
  }
  return false;
}

void HttpConnection::run_request() {
  const http::FramedRequest& request = framing_.request();
  if (const auto* ready = server_.node_.api().ready_list(request, source_, local_)) {
    return finish_request({ready->head + std::string(http::head_end(keeps_alive())), ready->body});
  }
  if (auto ready = server_.node_.api().ready_lookup(request, source_, local_)) {
    ready->head += http::head_end(keeps_alive());
    return finish_request({ready->head + ready->body, nullptr});
  }
  if (const auto post = http::read_short_post(request, source_, local_)) return run_post(*post);
  bool is_parked = false;
  bool is_held = false;
  EngineAnswer answer = run_engine([&](const http::ApiRequest& parsed) -> http::ApiResponse {
    auto result = server_.node_.handle(monotonic_now(), common::os::wall_now(), ticket_, parsed);
    if (auto* held = std::get_if<http::HeldResponse>(&result)) {
      is_held = true;
      return std::move(held->response);
    }
    if (auto* done = std::get_if<http::ApiResponse>(&result)) return std::move(*done);
    is_parked = true;
    return {};
  });
  server_.after_request_();
  is_waiting_ = is_held || is_parked;
  if (!is_waiting_) return finish_request(std::move(answer));
  if (is_held) held_ = std::move(answer);
}

void HttpConnection::run_post(const http::ApiRequest& request) {
  auto result = server_.node_.handle(monotonic_now(), common::os::wall_now(), ticket_, request);
  server_.after_request_();
  const auto write = [&](http::ApiResponse& response) -> EngineAnswer {
    if (auto answer = http::write_short(response, keeps_alive()))
      return {*std::move(answer), nullptr};
    return run_engine([&](const http::ApiRequest&) { return std::move(response); });
  };
  if (auto* done = std::get_if<http::ApiResponse>(&result)) return finish_request(write(*done));
  is_waiting_ = true;
  if (auto* held = std::get_if<http::HeldResponse>(&result)) held_ = write(held->response);
}

EngineAnswer HttpConnection::run_engine(const http::HttpEngine::Handler& handler) {
  return server_.engine_.run(framing_.request(), source_, local_, keeps_alive(), handler);
}

void HttpConnection::handle_release(Node::Release::Kind kind) {
  is_waiting_ = false;
  switch (kind) {
    case Node::Release::Kind::kCommitted:
      finish_request(std::exchange(held_, {}));
      break;
    case Node::Release::Kind::kFailed:
      held_ = {};
      finish_request(run_engine(
          [&](const http::ApiRequest& parsed) { return server_.node_.api().store_down(parsed); }));
      break;
    case Node::Release::Kind::kRerun:
      run_request();
      break;
  }
  process();
}

bool HttpConnection::keeps_alive() const {
  return framing_.request().keep_alive && !server_.drained_;
}

void HttpConnection::finish_request(EngineAnswer answer) {
  const bool keep_alive = keeps_alive();
  queue(std::move(answer.head), std::move(answer.body));
  if (!keep_alive) phase_ = Phase::kLastAnswer;
  framing_.consume(monotonic_now());
  if (!early_.empty()) framing_.handle_bytes(monotonic_now(), std::exchange(early_, {}));
  if (has_ended_) framing_.handle_end(monotonic_now());
}

void HttpConnection::answer_framing_error() {
  ++server_.counters_.framing_errors[static_cast<int>(framing_.error())];
  // Through the library as well, so that every answer has the same shape: an empty request stands
  // in for the one that could not be read.
  http::FramedRequest nothing{.method = "GET", .target = "/", .fields = {}, .body = {}};
  EngineAnswer answer = server_.engine_.run(
      nothing, source_, local_, false,
      [&](const http::ApiRequest&) { return http::HttpApi::framing_error(framing_.error()); });
  queue(std::move(answer.head));
  phase_ = Phase::kLastAnswer;
}

void HttpConnection::queue(std::string text, std::shared_ptr<const std::string> body) {
  out_bytes_ += text.size() + (body ? body->size() : 0);
  if (!out_.empty() && !out_.back().body) {
    out_.back().text += text;
    out_.back().body = std::move(body);
  } else {
    out_.push_back({std::move(text), std::move(body)});
  }
  const auto slow_reader = std::chrono::seconds(out_bytes_ / http::kAnswerBytesPerSecondMin);
  write_deadline_ = monotonic_now() + http::kAnswerTime + slow_reader;
}

// Sends what the kernel takes now, in one call where it fits; the rest when it can take more.
void HttpConnection::flush() {
  if (is_writing_ || phase_ == Phase::kClosed || phase_ == Phase::kDraining) return;
  while (!out_.empty()) {
    if (!write_some()) return;
  }
  write_deadline_.reset();
  if (phase_ == Phase::kLastAnswer) end_our_half();
}

bool HttpConnection::write_some() {
  std::array<asio::const_buffer, 16> buffers;
  std::size_t count = 0;
  std::size_t skip = sent_;
  for (const Segment& segment : out_) {
    for (const std::string_view part :
         {std::string_view(segment.text),
          segment.body ? std::string_view(*segment.body) : std::string_view()}) {
      const std::size_t from = std::min(skip, part.size());
      skip -= from;
      if (from < part.size() && count < buffers.size())
        buffers[count++] = asio::buffer(part.data() + from, part.size() - from);
    }
    if (count + 2 > buffers.size()) break;
  }
  error_code failed;
  const std::size_t sent = socket_.write_some(std::span(buffers.data(), count), failed);
  if (failed == asio::error::would_block) {
    is_writing_ = true;
    socket_.async_wait(ip::tcp::socket::wait_write,
                       [self = shared_from_this()](const error_code& error) {
                         self->is_writing_ = false;
                         if (error) return self->close();
                         self->process();
                       });
    return false;
  }
  if (failed) {
    close();
    return false;
  }
  out_bytes_ -= sent;
  sent_ += sent;
  std::size_t done = 0;
  for (const Segment& segment : out_) {
    const std::size_t size = segment.text.size() + (segment.body ? segment.body->size() : 0);
    if (sent_ < size) break;
    sent_ -= size;
    ++done;
  }
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(done));
  return true;
}

void HttpConnection::end_our_half() {
  if (has_ended_) return close();
  error_code ignored;
  socket_.shutdown(ip::tcp::socket::shutdown_send, ignored);
  phase_ = Phase::kDraining;
  drain_deadline_ = monotonic_now() + http::kDrainTime;
  read();
}

void HttpConnection::handle_tick(TimePoint now) {
  if (phase_ == Phase::kDraining) {
    if (now >= drain_deadline_) close();
    return;
  }
  if (write_deadline_ && now >= *write_deadline_) return close();
  if (phase_ != Phase::kServing || is_waiting_ || !out_.empty()) return;
  const auto deadline = framing_.next_timeout();
  if (!deadline || now < *deadline) return;
  if (framing_.is_idle()) return close();
  framing_.handle_timeout(now);
  process();
}

void HttpConnection::drain() {
  if (phase_ == Phase::kServing && !is_waiting_ && out_.empty() && framing_.is_idle()) close();
}

void HttpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  error_code ignored;
  socket_.close(ignored);
  // Later, not now: whoever called may be walking the server's map.
  asio::post(server_.loop_, [&server = server_, ticket = ticket_, source = source_] {
    server.forget(ticket, source);
  });
}

HttpServer::HttpServer(asio::io_context& loop, Node& node, std::function<void()> after_request)
    : loop_(loop), node_(node), after_request_(std::move(after_request)), tick_timer_(loop) {}

HttpServer::~HttpServer() = default;

common::expected<common::Endpoint, error_code> HttpServer::listen(
    const common::Endpoint& endpoint) {
  const ip::tcp::endpoint wanted(to_asio(endpoint.address), endpoint.port);
  ip::tcp::acceptor socket(loop_);
  error_code failed;
  const auto step = [&](auto&& call) {
    if (!failed) call();
  };
  step([&] { socket.open(wanted.protocol(), failed); });
  // SO_REUSEADDR alone: with SO_REUSEPORT a second registry would share the port without a word.
  step([&] { socket.set_option(ip::tcp::acceptor::reuse_address(true), failed); });
  if (endpoint.address.is_v6())
    step([&] { socket.set_option(ip::v6_only(endpoint.address.is_loopback()), failed); });
  // Inherited by every connection: an answer after "100 Continue" must not wait for an ACK.
  step([&] { socket.set_option(ip::tcp::no_delay(true), failed); });
  step([&] { socket.bind(wanted, failed); });
  step([&] { socket.listen(http::kBacklog, failed); });
  if (failed) return common::unexpected{failed};
  const std::uint16_t port = socket.local_endpoint().port();
  acceptors_.push_back({std::move(socket), port});
  accept_next(acceptors_.back());
  return common::Endpoint{endpoint.address, port};
}

void HttpServer::accept_next(Acceptor& acceptor) {
  auto peer = std::make_shared<ip::tcp::endpoint>();
  acceptor.socket.async_accept(
      *peer, [this, &acceptor, peer](const error_code& failed, ip::tcp::socket socket) {
        handle_accept(acceptor, failed, std::move(socket), *peer);
      });
}

void HttpServer::handle_accept(Acceptor& acceptor, const error_code& failed, ip::tcp::socket socket,
                               const ip::tcp::endpoint& peer) {
  if (drained_ || failed == asio::error::operation_aborted) return;
  if (failed) {
    // Out of descriptors, most likely: trying again at once would spin. The tick goes on.
    ++counters_.refused["accept_failed"];
    acceptor.is_paused = true;
    arm_tick();
    return;
  }
  const IpAddress source = to_ip_address(peer.address());
  if (has_room(source)) {
    error_code ignored;
    socket.non_blocking(true, ignored);
    // Only a reader on another machine is shown our own address, so only then it is asked for.
    const IpAddress local =
        source.is_loopback() ? source : to_ip_address(socket.local_endpoint(ignored).address());
    const auto ticket = ++last_ticket_;
    ++counters_.accepted;
    ++counters_.open;
    if (!source.is_loopback()) ++per_source_[source];
    auto connection = std::make_shared<HttpConnection>(*this, std::move(socket), ticket, source,
                                                       local, acceptor.port);
    connections_.emplace(ticket, connection);
    connection->start();
    arm_tick();
  }
  accept_next(acceptor);
}

bool HttpServer::has_room(const IpAddress& source) {
  if (connections_.size() >= http::kConnectionsMax) {
    ++counters_.refused["too_many"];
    return false;
  }
  const auto count = per_source_.find(source);
  if (count != per_source_.end() && count->second >= http::kConnectionsPerSourceMax) {
    ++counters_.refused["too_many_from_source"];
    return false;
  }
  return true;
}

void HttpServer::forget(Node::Ticket ticket, const IpAddress& source) {
  if (connections_.erase(ticket) == 0) return;
  --counters_.open;
  const auto count = per_source_.find(source);
  if (count != per_source_.end() && --count->second == 0) per_source_.erase(count);
  finish_drain_if_empty();
}

void HttpServer::handle_releases() {
  while (const auto release = node_.poll_release()) {
    const auto it = connections_.find(release->ticket);
    if (it != connections_.end()) {
      const std::shared_ptr<HttpConnection> connection = it->second;
      connection->handle_release(release->kind);
    } else if (release->kind == Node::Release::Kind::kRerun) {
      node_.abandon(release->ticket);
    }
  }
}

void HttpServer::arm_tick() {
  if (std::exchange(is_tick_armed_, true)) return;
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const error_code& cancelled) {
    if (cancelled) return;
    is_tick_armed_ = false;
    handle_tick(monotonic_now());
    if (!connections_.empty()) arm_tick();
  });
}

void HttpServer::handle_tick(TimePoint now) {
  for (Acceptor& acceptor : acceptors_) {
    if (!acceptor.is_paused || drained_) continue;
    acceptor.is_paused = false;
    accept_next(acceptor);
  }
  for (const auto& [ticket, connection] : connections_) connection->handle_tick(now);
  if (drained_ && now >= drain_until_) {
    connections_.clear();
    finish_drain_if_empty();
  }
}

void HttpServer::drain(std::function<void()> done) {
  drained_ = std::move(done);
  drain_until_ = monotonic_now() + http::kShutdownTime;
  error_code ignored;
  for (Acceptor& acceptor : acceptors_) acceptor.socket.close(ignored);
  for (const auto& [ticket, connection] : connections_) connection->drain();
  finish_drain_if_empty();
}

void HttpServer::finish_drain_if_empty() {
  if (!drained_ || !connections_.empty()) return;
  // drained_ stays set: connections that still unwind must see that nothing new begins.
  std::exchange(drained_, [] {})();
}

}  // namespace registry
