// The sockets of a door of TCP streams: accepts, dials, reads and writes as the door's core asks. A
// shell on the loop's thread.
//
// All its sockets are in one epoll set of their own, and the loop waits for that set: an idle
// connection costs a descriptor and a few hundred bytes, and a message no call that its bytes do
// not need. (A pending read of the loop's own costs a buffer or a failing call each.)
#pragma once

#include <array>
#include <asio.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "common/time.hpp"
#include "registry/doors/stream_door.hpp"

namespace registry {

class DoorServer {
 public:
  /// `last_id` numbers the streams of all doors. `after_events` is called when the door was told
  /// something; it is to call flush().
  DoorServer(asio::io_context& loop, doors::StreamDoor& door, doors::StreamId& last_id,
             std::function<void()> after_events);
  ~DoorServer();

  /// Listens on the endpoint; port 0 takes a free one. Returns what was bound.
  common::expected<common::Endpoint, std::error_code> listen(const common::Endpoint& endpoint);

  /// Carries out what the door has asked for; false if there was nothing.
  bool flush();
  /// Accepts nothing more at that port.
  void stop_listening(std::uint16_t port);
  /// Accepts nothing more.
  void stop_listening();

  std::size_t open_count() const { return streams_.size(); }

 private:
  using StreamId = doors::StreamId;
  using TimePoint = common::TimePoint;

  struct Stream {
    enum class Phase {
      kDialing,
      kOpen,
      kLastWrite,  // closed by the door; what is left goes out first
      kDraining,   // our half is shut; what still comes is thrown away
    };
    common::os::UniqueFd fd;
    Phase phase = Phase::kOpen;
    bool has_ended = false;      // the other side sends no more
    bool is_unwanted = false;    // the door takes no bytes now
    bool is_behind = false;      // as the door was told of it
    std::uint32_t interest = 0;  // what epoll watches it for
    std::vector<std::shared_ptr<const std::string>> out;
    std::size_t sent = 0;       // of the front of `out`
    std::size_t out_bytes = 0;  // of all of it, not sent yet
    StreamId client = 0;        // whom it is dialed for
    std::optional<TimePoint> probed_at;
  };
  struct Listening {
    common::os::UniqueFd fd;
    std::uint16_t port = 0;
    bool is_paused = false;
  };

  void wait();
  void handle_ready();
  void handle_event(StreamId id, std::uint32_t events);
  void accept(Listening& listening);
  void read(StreamId id, Stream& stream);
  void finish_dial(StreamId id, Stream& stream);
  void dial(const doors::Dial& dial);
  void write(const doors::Write& write);
  void close_after_writing(StreamId id);
  void probe(StreamId id);
  bool check_probe(StreamId id, Stream& stream);
  /// False if the stream broke and is gone.
  bool send_some(StreamId id, Stream& stream);
  void tell_backlog(StreamId id, Stream& stream);
  void end_our_half(StreamId id, Stream& stream);
  void watch(StreamId id, Stream& stream);
  void lose(StreamId id);
  void forget(StreamId id);
  Stream* find(StreamId id);
  StreamId add(common::os::UniqueFd fd, Stream::Phase phase);
  void arm_tick();
  void handle_tick();

  doors::StreamDoor& door_;
  std::function<void()> after_events_;
  common::os::UniqueFd epoll_;
  asio::posix::stream_descriptor ready_;  // the same set, as the loop waits for it
  std::map<StreamId, std::unique_ptr<Listening>> listening_;  // by their mark in the set
  StreamId last_mark_ = 0;
  std::unordered_map<StreamId, std::unique_ptr<Stream>> streams_;
  StreamId& last_id_;
  std::map<StreamId, TimePoint> deadlines_;  // of dials, last writes, draining and stuck writes
  std::vector<StreamId> probed_;
  asio::steady_timer tick_;
  bool is_tick_armed_ = false;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace registry
