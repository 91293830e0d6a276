// Gateway ports: a classic datagram does not name its recipient, so a user who is connected to the
// registry gets a UDP port of the registry's own, and what arrives there is for him
// (docs/protocol/two-connection.md, "Gateway ports"). A core: the shell opens ports and reads them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/bytes.hpp"
#include "registry/directory.hpp"
#include "registry/hub.hpp"

namespace registry {

/// The ports themselves. A list has to name a port in the answer it is asked for in, and opening
/// one does not block, so this is called rather than polled.
class GatewayPorts {
 public:
  virtual ~GatewayPorts() = default;
  /// A port that datagrams are read from from now on; none if there is none to be had.
  virtual std::optional<std::uint16_t> open() = 0;
  virtual void close(std::uint16_t port) = 0;
};

struct GatewayCounters {
  std::uint64_t taken = 0;                       // datagrams handed to the hub
  std::map<std::string, std::uint64_t> dropped;  // by reason
};

class Gateway {
 public:
  Gateway(std::size_t ports_max, GatewayPorts& ports, Directory& directory, Hub& hub)
      : ports_max_(ports_max), ports_(ports), directory_(directory), hub_(hub) {}

  /// Gives connected users ports as far as they go, first come first served: before a list is shown
  /// to readers who send datagrams.
  void prepare_all();
  /// The same for one user.
  void prepare(const common::UserName& name);
  /// Closes the ports of users who have left.
  void close_unused();

  void handle_datagram(std::uint16_t port, const common::IpAddress& source, common::Bytes datagram);

  std::size_t open_count() const { return by_port_.size(); }
  /// Connected users whom readers of plain lists are not shown for want of a port.
  std::size_t left_out() const;
  const GatewayCounters& counters() const { return counters_; }

 private:
  struct User {
    common::UserName name;
    SessionId session;
  };

  bool is_connected(const User& user) const;
  bool open_for(const Record& record);

  std::size_t ports_max_;
  GatewayPorts& ports_;
  Directory& directory_;
  Hub& hub_;
  std::map<std::uint16_t, User> by_port_;
  Version prepared_at_ = 0;  // nothing is to be done while the directory is at this version
  Version closed_at_ = 0;
  GatewayCounters counters_;
};

}  // namespace registry
