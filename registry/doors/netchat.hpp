// The NetChat door (docs/protocol/netchat.md): messages over a TCP connection each. Old programs
// connect to gateway ports, which name the recipient; users whose record is a TCP endpoint are
// connected to. A core.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/doors/message_door.hpp"
#include "registry/doors/netchat_dialer.hpp"
#include "registry/gateway.hpp"
#include "registry/hub.hpp"
#include "registry/source_counts.hpp"

namespace registry::doors {

struct NetchatCounters {
  std::uint64_t accepted = 0;
  std::map<std::string, std::uint64_t> refused;  // connections closed at once, by reason
  std::uint64_t dialed = 0;                      // connections made
  std::map<std::string, std::uint64_t> failed_dials;
};

class NetchatDoor final : public MessageDoor {
 public:
  /// Without a gateway nobody is listened to.
  NetchatDoor(Hub& hub, Gateway* gateway, IsOwnAddress is_own_address)
      : hub_(hub), gateway_(gateway), is_own_address_(std::move(is_own_address)) {}

  void handle_accepted(TimePoint now, StreamId stream, const common::IpAddress& source,
                       const common::Endpoint& local) override;
  bool handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) override;
  void handle_end(TimePoint now, StreamId stream) override;
  void handle_closed(TimePoint now, StreamId stream) override;
  void handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) override;
  void handle_probed(TimePoint, StreamId) override {}
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<StreamAction> poll_action() override;

  void handle_push(TimePoint now, Hub::Push push) override;
  void handle_result(TimePoint, const Hub::Result&) override {}  // its senders are not answered
  void fail_deliveries() override;
  void shut_down(TimePoint now) override;
  void set_own_ports(const std::vector<std::uint16_t>& ports) override { own_ports_ = ports; }
  std::vector<DoorMetric> metrics() const override;

  std::size_t stream_count() const { return streams_.size(); }
  const NetchatCounters& counters() const { return counters_; }

 private:
  /// A connection to a gateway port.
  struct Stream {
    common::UserName to;  // whose port it was when the connection came
    std::uint16_t port = 0;
    common::IpAddress source;
    TimePoint end_by;    // of the message
    TimePoint deadline;  // in deadlines_
    std::string bytes;
  };

  void set_deadline(StreamId id, Stream& stream, TimePoint when);
  void take_message(StreamId id, Stream& stream);
  void end_stream(StreamId id);
  void give_up(StreamId id, const char* reason);
  void dial_next(TimePoint now);
  bool may_dial(const common::Endpoint& to) const;
  NetchatDialer::Bytes render(const MessagePtr& message);
  void report(const NetchatDialer::Outcomes& outcomes);

  Hub& hub_;
  Gateway* gateway_;
  IsOwnAddress is_own_address_;
  std::vector<std::uint16_t> own_ports_;
  bool is_stopping_ = false;

  std::unordered_map<StreamId, Stream> streams_;
  std::set<std::pair<TimePoint, StreamId>> deadlines_;  // one a stream
  SourceCounts per_source_;
  NetchatDialer dialer_;
  std::deque<StreamAction> actions_;

  // A broadcast is one text for many: it is rendered once.
  MessagePtr last_message_;
  NetchatDialer::Bytes last_bytes_;

  NetchatCounters counters_;
};

}  // namespace registry::doors
