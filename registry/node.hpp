// The registry without its sockets and disk: directory, HTTP answers, and the gate where answers
// wait for their change and requests for their name. A core; the shells move bytes, commit changes,
// probe and log as its poll functions ask.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/directory.hpp"
#include "registry/doors/netchat.hpp"
#include "registry/doors/rendezvous.hpp"
#include "registry/doors/room.hpp"
#include "registry/doors/two_connection.hpp"
#include "registry/gateway.hpp"
#include "registry/http/http_api.hpp"
#include "registry/hub.hpp"

namespace registry {

struct NodeOptions {
  DirectoryRules rules = {};
  std::vector<std::string> hosts = {};
  /// Whether there is a two-connection door.
  std::optional<doors::TwoConnectionOptions> two_connection = {};
  /// Whether there is a room door.
  std::optional<doors::RoomOptions> room = {};
  /// Whether there is a rendezvous door.
  std::optional<doors::RendezvousOptions> rendezvous = {};
  /// UDP and TCP ports of the gateways; not owned. None: no such gateway.
  GatewayPorts* gateway_ports = nullptr;
  GatewayPorts* tcp_gateway_ports = nullptr;
  std::size_t gateway_ports_max = 64;  // of each
  doors::IsOwnAddress is_own_address = {};
};

class Node {
 public:
  /// Names a request for as long as it is unanswered; chosen by the shell.
  using Ticket = std::uint64_t;

  /// What a waiting request may do now.
  struct Release {
    enum class Kind {
      kCommitted,  // send the held answer
      kFailed,     // its change is not on disk: send store_down instead
      kRerun,      // handle it again, or abandon it
      kDelivered,  // send HttpApi::delivered with `outcome`
    };
    Ticket ticket = 0;
    Kind kind = Kind::kCommitted;
    DeliveryOutcome outcome = DeliveryOutcome::kUnknown;
  };

  Node(const NodeOptions& options, common::Random& random,
       http::HttpApi::RenderMetrics render_metrics);

  http::ApiResult handle(TimePoint now, common::WallTime wall, Ticket ticket,
                         const http::ApiRequest& request);
  /// The request that was to be run again is gone; others may wait for the same name.
  void abandon(Ticket ticket);

  void handle_committed(TimePoint now, const std::vector<std::pair<ChangeId, Version>>& changes);
  void handle_failed(TimePoint now, const std::vector<ChangeId>& changes);
  void handle_probe_result(TimePoint now, const std::string& key, bool is_gone);
  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  /// What came of a Hub::Transmit.
  void handle_transmitted(DeliveryId delivery, bool is_sent);
  /// Passes messages and results on between the doors until nothing more is to be done: to be
  /// called after anything that may have caused some.
  void run_hub(TimePoint now);
  void set_store_up(bool up);
  /// Answers who waits for a door's users, then closes the doors.
  void shut_down_doors(TimePoint now);

  std::optional<Release> poll_release();
  std::optional<Change> poll_change() { return directory_.poll_change(); }
  std::optional<Probe> poll_probe() { return directory_.poll_probe(); }
  std::optional<DirectoryEvent> poll_event() { return directory_.poll_event(); }

  Directory& directory() { return directory_; }
  Hub& hub() { return hub_; }
  /// Null if there is none.
  Gateway* gateway() { return udp_gateway_ ? &*udp_gateway_ : nullptr; }
  Gateway* tcp_gateway() { return tcp_gateway_ ? &*tcp_gateway_ : nullptr; }
  doors::TwoConnectionDoor* two_connection() { return two_connection_; }
  doors::RendezvousDoor* rendezvous() { return rendezvous_; }
  doors::NetchatDoor& netchat() { return *netchat_; }
  using Doors = std::map<common::Door, std::unique_ptr<doors::MessageDoor>>;
  const Doors& doors() const { return doors_; }
  http::HttpApi& api() { return api_; }

 private:
  void open_doors(const NodeOptions& options);
  void wake_settled();
  void wake(const std::string& key);

  Directory directory_;
  Hub hub_;
  std::optional<Gateway> udp_gateway_;
  std::optional<Gateway> tcp_gateway_;
  Doors doors_;
  doors::TwoConnectionDoor* two_connection_ = nullptr;  // in doors_, if there is one
  doors::RendezvousDoor* rendezvous_ = nullptr;         // the same
  doors::NetchatDoor* netchat_ = nullptr;               // in doors_
  http::HttpApi api_;
  std::unordered_map<DeliveryId, Ticket> awaiting_;
  std::unordered_map<ChangeId, Ticket> held_;
  std::unordered_map<std::string, std::deque<Ticket>> parked_;  // by key, first come first served
  std::unordered_map<Ticket, std::string> rerunning_;           // woken, not handled again yet
  std::deque<Release> releases_;
};

}  // namespace registry
