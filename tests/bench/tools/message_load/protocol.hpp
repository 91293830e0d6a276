// The brokers' protocols, as much of each as a load needs. They take bytes from a connection's `in`
// and leave them in its `out`; sockets are load.hpp's. The two-connection dialect is not among
// them: its users have two connections each, and each command is answered (two_connection.hpp).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/bench/tools/message_load/connection.hpp"

namespace bench {

/// What a server's protocol asks of its clients.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void hello(Connection& connection) = 0;
  /// Takes what has come before it was ready.
  virtual void handle_login(Connection& connection) = 0;
  virtual void send(Connection& from, const std::string& to, const std::string& text) = 0;
  /// How many messages for the application are in what has come; confirms them where the protocol
  /// does. Leaves what is incomplete.
  virtual int take(Connection& connection) = 0;
};

/// The broker's protocol of that name; none for "two-connection". Another name ends the program.
std::unique_ptr<Protocol> make_protocol(std::string_view name);

}  // namespace bench
