// Gateway ports: neither a classic datagram nor a NetChat message names its recipient, so a user
// who takes no messages of that transport himself gets a port of the registry's own, and what
// arrives there is for him (docs/protocol/two-connection.md, "Other doors"). A core, one for each
// transport: the shell opens ports and reads them.
#pragma once

#include <cstdint>
#include <map>
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
  /// A port that messages are read from from now on; none if there is none to be had.
  virtual std::optional<std::uint16_t> open() = 0;
  virtual void close(std::uint16_t port) = 0;
};

struct GatewayCounters {
  std::uint64_t taken = 0;                       // messages handed to the hub
  std::map<std::string, std::uint64_t> dropped;  // by reason
};

class Gateway {
 public:
  Gateway(common::Transport transport, std::size_t ports_max, GatewayPorts& ports,
          Directory& directory, Hub& hub)
      : transport_(transport),
        ports_max_(ports_max),
        ports_(ports),
        directory_(directory),
        hub_(hub) {}

  /// Gives users ports as far as they go, first come first served: before a list is shown to
  /// readers of this transport. Costs as much as there are ports, however many users there are.
  void prepare_all();
  /// The same for one user.
  void prepare(const common::UserName& name);
  /// Closes the ports of users who have left.
  void close_unused();

  bool has_port(std::uint16_t port) const { return by_port_.contains(port); }
  /// Whose port that is; null: nobody's. Valid until a port is opened or closed.
  const common::UserName* user_at(std::uint16_t port) const;
  /// A classic datagram that arrived there.
  void handle_datagram(std::uint16_t port, const common::IpAddress& source, common::Bytes datagram);
  /// A message that arrived at the port of `to`; `sender` is who it claims to be from.
  void handle_message(const common::UserName& to, const common::IpAddress& source,
                      const std::optional<std::string>& sender, std::string_view text);
  /// What arrived at a port and is no message.
  void drop(const char* reason) { ++counters_.dropped[reason]; }

  std::size_t open_count() const { return by_port_.size(); }
  /// Users whom this transport's lists leave out because all ports are taken.
  std::size_t left_out() const;
  const GatewayCounters& counters() const { return counters_; }

 private:
  bool needs_port(const Record& record) const;
  bool open_for(const Record& record);
  std::size_t in_need() const;

  common::Transport transport_;
  std::size_t ports_max_;
  GatewayPorts& ports_;
  Directory& directory_;
  Hub& hub_;
  std::map<std::uint16_t, common::UserName> by_port_;
  Version prepared_at_ = 0;  // nothing is to be done while the directory is at this version
  GatewayCounters counters_;
};

}  // namespace registry
