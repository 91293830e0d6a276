// What every door of TCP streams looks like from the shell that owns its sockets
// (registry/shell/door_server): bytes and the time in, actions out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/endpoint.hpp"
#include "common/time.hpp"

namespace registry::doors {

using common::Duration;
using common::TimePoint;

/// Names one TCP connection, among those of all doors; chosen by the shell, never 0, never used
/// again.
using StreamId = std::uint64_t;

/// Send these bytes after those before them.
struct Write {
  StreamId stream = 0;
  std::shared_ptr<const std::string> bytes;
};
/// Send what is left, then close. The stream's id means nothing to the door from now on.
struct Close {
  StreamId stream = 0;
};
/// The door takes bytes of this stream again, after handle_bytes returned false.
struct Resume {
  StreamId stream = 0;
};
/// Connect within the time, then call handle_dialed with the same `client`.
struct Dial {
  StreamId client = 0;
  common::Endpoint to;
  Duration limit{};
};
/// Find out whether the other side's machine still knows this connection, then call handle_probed;
/// if it does not, handle_closed comes as for any broken connection.
struct Probe {
  StreamId stream = 0;
};
using StreamAction = std::variant<Write, Close, Resume, Dial, Probe>;

class StreamDoor {
 public:
  virtual ~StreamDoor() = default;

  /// A connection was accepted: `source` is the other side's address, `local` our end.
  virtual void handle_accepted(TimePoint now, StreamId stream, const common::IpAddress& source,
                               const common::Endpoint& local) = 0;
  /// False: no more of this stream's bytes until a Resume.
  virtual bool handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) = 0;
  /// The other side sends no more; it may still read.
  virtual void handle_end(TimePoint now, StreamId stream) = 0;
  /// The connection broke, or could not be written to; nothing more can be done with it.
  virtual void handle_closed(TimePoint now, StreamId stream) = 0;
  /// What a Dial came to: the new connection, or none. It is used like an accepted one.
  virtual void handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) = 0;
  /// A Probe found the other side alive.
  virtual void handle_probed(TimePoint now, StreamId stream) = 0;

  /// Much of what was written to the stream is not taken by the other side (`is_behind`: 64 KiB or
  /// more), or, after that, little of it.
  virtual void handle_backlog(TimePoint /*now*/, StreamId /*stream*/, bool /*is_behind*/) {}

  virtual void handle_timeout(TimePoint now) = 0;
  virtual std::optional<TimePoint> next_timeout() const = 0;
  virtual std::optional<StreamAction> poll_action() = 0;
};

}  // namespace registry::doors
