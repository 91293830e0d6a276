// One connection of the HTTP door: bytes in, answers out, each within its time. A shell on the
// loop's thread.
#pragma once

#include <array>
#include <asio.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/os/clock.hpp"
#include "registry/http/http_engine.hpp"
#include "registry/http/http_framing.hpp"
#include "registry/node.hpp"

namespace registry {

/// What a connection needs of the door that it came in by.
class HttpDoor {
 public:
  virtual Node& node() = 0;
  virtual http::HttpEngine& engine() = 0;
  /// A node call may have left changes, probes or events to poll.
  virtual void after_request() = 0;
  virtual void count_framing_error(http::FramingError error) = 0;
  virtual bool is_draining() const = 0;
  /// The connection is closed; called while it may still be running.
  virtual void handle_closed(Node::Ticket ticket, const common::IpAddress& source) = 0;

 protected:
  ~HttpDoor() = default;
};

/// Kept alive by the door's table and by the operations under way.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpDoor& door, asio::ip::tcp::socket socket, Node::Ticket ticket,
                 common::IpAddress source, common::IpAddress local, std::uint16_t own_port)
      : door_(door),
        socket_(std::move(socket)),
        ticket_(ticket),
        source_(source),
        local_(local),
        framing_(common::os::monotonic_now(), own_port) {}

  void start() { read(); }
  void handle_release(const Node::Release& release);
  void handle_tick(TimePoint now);
  /// Ends the connection as soon as no answer is under way.
  void drain();
  const common::IpAddress& source() const { return source_; }

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
  void handle_read(const std::error_code& failed, std::size_t bytes);
  void process();
  bool run_framing();
  void run_request();
  void run_post(const http::ApiRequest& request);
  void answer_framing_error();
  http::EngineAnswer run_engine(const http::HttpEngine::Handler& handler);
  void finish_request(http::EngineAnswer answer);
  void queue(std::string text, std::shared_ptr<const std::string> body = nullptr);
  bool keeps_alive() const;
  bool is_ready_to_run() const;
  void flush();
  bool write_some();
  void end_our_half();
  void close();

  HttpDoor& door_;
  asio::ip::tcp::socket socket_;
  Node::Ticket ticket_;
  common::IpAddress source_;
  common::IpAddress local_;
  http::HttpFraming framing_;
  Phase phase_ = Phase::kServing;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_waiting_ = false;            // the request under way is held at the gate or parked
  bool has_ended_ = false;             // the other side sends no more
  bool has_nothing_to_drain_ = false;  // nothing is unread, and nothing more is expected
  std::string early_;        // read while the request under way was waiting; one read at most
  http::EngineAnswer held_;  // the answer to send when its change is on disk
  std::vector<Segment> out_;
  std::size_t out_bytes_ = 0;  // not sent yet
  std::size_t sent_ = 0;       // of the front of out_
  std::optional<TimePoint> write_deadline_;
  TimePoint drain_deadline_;
  std::size_t drained_bytes_ = 0;
  static constexpr std::size_t kReadBytes = 2048;
  std::array<char, kReadBytes> buffer_;
};

}  // namespace registry
