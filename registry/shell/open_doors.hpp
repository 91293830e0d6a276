// The doors of a running registry: their listening sockets and connections, the accounts and the
// checker of passwords. A shell on the loop's thread.
#pragma once

#include <asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "registry/node.hpp"
#include "registry/shell/door_server.hpp"
#include "registry/shell/hello_socket.hpp"
#include "registry/shell/log.hpp"
#include "registry/shell/options.hpp"
#include "registry/shell/password_checker.hpp"

namespace registry {

class OpenDoors {
 public:
  /// `flush_node` is called when a door was told something; it is to call flush().
  OpenDoors(asio::io_context& loop, Node& node, Log& log, std::function<void()> flush_node)
      : loop_(loop), node_(node), log_(log), flush_node_(std::move(flush_node)) {}

  /// Reads the accounts of the two-connection door, if there is one. Errors are said.
  common::ExitStatus load_accounts(const Options& options);
  /// The same at SIGHUP: what cannot be read changes nothing.
  void reload_accounts(const Options& options);

  /// Listens for every door of the node that has a port. `http_port` is the registry's own as well.
  common::ExitStatus open(const Options& options, std::uint16_t http_port);
  /// Logs where they are, and what a user would type.
  void announce();

  /// Carries out what the doors ask for; false if there was nothing.
  bool flush();
  /// Lines for the log.
  std::optional<doors::DoorNotice> poll_notice();
  void stop_listening();

  /// The sockets of that door; null if it has none.
  DoorServer* server(common::Door door);

 private:
  struct OpenDoor {
    std::unique_ptr<DoorServer> server;
    std::vector<common::Endpoint> bound;  // empty for a door whose users come by another
  };

  common::ExitStatus open_door(const Options& options, common::Door door, doors::MessageDoor& core,
                               std::vector<std::uint16_t>& own_ports);
  common::ExitStatus open_hello_socket(const Options& options);
  common::ExitStatus open_relay_ports(const common::HostPort& wanted, OpenDoor& opened,
                                      std::vector<std::uint16_t>& own_ports);
  void announce_rendezvous(const OpenDoor& opened);
  void open_password_checker();

  asio::io_context& loop_;
  Node& node_;
  Log& log_;
  std::function<void()> flush_node_;
  doors::StreamId last_stream_ = 0;
  std::map<common::Door, OpenDoor> open_;
  std::unique_ptr<HelloSocket> hello_socket_;  // of the rendezvous door
  std::vector<common::Endpoint> hello_bound_;
  std::unique_ptr<PasswordChecker> password_checker_;
};

}  // namespace registry
