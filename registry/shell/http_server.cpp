#include "registry/shell/http_server.hpp"

#include <netinet/tcp.h>

#include <vector>

#include "common/os/clock.hpp"
#include "registry/http/limits.hpp"
#include "registry/shell/addresses.hpp"

namespace registry {
namespace {

namespace ip = asio::ip;
using common::IpAddress;
using common::os::monotonic_now;
using std::error_code;

}  // namespace

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
    per_source_.add(source);
    auto connection = std::make_shared<HttpConnection>(
        static_cast<HttpDoor&>(*this), std::move(socket), ticket, source, local, acceptor.port);
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
  if (per_source_.count(source) >= http::kConnectionsPerSourceMax) {
    ++counters_.refused["too_many_from_source"];
    return false;
  }
  return true;
}

void HttpServer::handle_closed(Node::Ticket ticket, const IpAddress& source) {
  // Later, not now: whoever called may be walking the table.
  asio::post(loop_, [this, ticket, source] { forget(ticket, source); });
}

void HttpServer::forget(Node::Ticket ticket, const IpAddress& source) {
  if (connections_.erase(ticket) == 0) return;
  --counters_.open;
  per_source_.remove(source);
  finish_drain_if_empty();
}

void HttpServer::handle_releases() {
  while (const auto release = node_.poll_release()) {
    const auto it = connections_.find(release->ticket);
    if (it != connections_.end()) {
      const std::shared_ptr<HttpConnection> connection = it->second;
      connection->handle_release(*release);
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
