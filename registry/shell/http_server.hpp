// The HTTP door: listens, accepts within the limits of http/limits.hpp, and lets its connections
// know the time and what the node has released. A shell on the loop's thread.
#pragma once

#include <asio.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/expected.hpp"
#include "registry/shell/http_connection.hpp"
#include "registry/shell/metrics.hpp"
#include "registry/source_counts.hpp"

namespace registry {

class HttpServer final : private HttpDoor {
 public:
  /// `after_request` is called when a node call may have left changes, probes or events to poll.
  HttpServer(asio::io_context& loop, Node& node, std::function<void()> after_request);
  ~HttpServer();

  /// Listens on the endpoint; port 0 takes a free one. Returns what was bound.
  common::expected<common::Endpoint, std::error_code> listen(const common::Endpoint& endpoint);

  /// Carries out what the node has released.
  void handle_releases();
  /// Accepts nothing more, lets answers under way out, closes idle connections; `done` is called
  /// when none is left or after kShutdownTime.
  void drain(std::function<void()> done);

  const ConnectionCounters& counters() const { return counters_; }

 private:
  Node& node() override { return node_; }
  http::HttpEngine& engine() override { return engine_; }
  void after_request() override { after_request_(); }
  void count_framing_error(http::FramingError error) override {
    ++counters_.framing_errors[static_cast<int>(error)];
  }
  bool is_draining() const override { return drained_ != nullptr; }
  void handle_closed(Node::Ticket ticket, const common::IpAddress& source) override;

  struct Acceptor {
    asio::ip::tcp::acceptor socket;
    std::uint16_t port = 0;
    bool is_paused = false;
  };

  void arm_tick();
  void handle_tick(TimePoint now);
  void accept_next(Acceptor& acceptor);
  void handle_accept(Acceptor& acceptor, const std::error_code& failed,
                     asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& peer);
  bool has_room(const common::IpAddress& source);
  void forget(Node::Ticket ticket, const common::IpAddress& source);
  void finish_drain_if_empty();

  /// How often deadlines are looked at, while there are connections to have any.
  static constexpr std::chrono::milliseconds kTick{50};

  asio::io_context& loop_;
  Node& node_;
  std::function<void()> after_request_;
  http::HttpEngine engine_;
  std::list<Acceptor> acceptors_;
  std::unordered_map<Node::Ticket, std::shared_ptr<HttpConnection>> connections_;
  SourceCounts per_source_;
  Node::Ticket last_ticket_ = 0;
  ConnectionCounters counters_;
  asio::steady_timer tick_timer_;
  bool is_tick_armed_ = false;
  std::function<void()> drained_;  // set while draining
  TimePoint drain_until_;
};

}  // namespace registry
