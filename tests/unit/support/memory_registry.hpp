// The whole registry but its sockets and disk: bytes in, bytes out. Plays the part of the
// connection shell, of the store and of the prober, and moves the clock.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "registry/http/http_engine.hpp"
#include "registry/http/http_framing.hpp"
#include "registry/node.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/counting_ports.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

class MemoryRegistry {
 public:
  struct Settings {
    registry::DirectoryRules rules = {};
    std::vector<std::string> hosts = {};
    std::uint16_t port = 8080;
    /// False: changes wait until commit_all() or fail_all().
    bool commits_at_once = true;
    std::size_t gateway_ports = 0;  // of each transport; UDP from 40001 on, TCP from 50001
  };
  using Id = registry::Node::Ticket;

  MemoryRegistry() : MemoryRegistry(Settings{}) {}
  explicit MemoryRegistry(Settings settings);

  Id connect(std::string_view source = "127.0.0.1", std::string_view local = "127.0.0.1");
  void send(Id id, std::string_view bytes);
  void end(Id id);
  /// What was answered since the last call.
  std::string take_output(Id id) { return std::exchange(connections_.at(id)->out, {}); }
  /// True once the last answer is out and nothing more will be read.
  bool is_closed(Id id) const { return connections_.at(id)->is_closed; }
  /// The client is gone without having waited for his answer.
  void vanish(Id id) { connections_.erase(id); }

  /// A connection of its own for these bytes; an old program's grace is waited for. Returns all
  /// that was answered.
  std::string call(std::string_view bytes, std::string_view source = "127.0.0.1",
                   std::string_view local = "127.0.0.1");

  /// A record in the directory without a request for it: for tests that need many.
  void add(std::string_view text);

  void commit_all();
  void fail_all();
  /// Answers every probe that was asked for; returns how many.
  int answer_probes(bool is_gone);
  /// Moves the clock, running every timer as it falls due.
  void pass(common::Duration duration);

  registry::Node& node() { return node_; }
  common::TimePoint now() const { return now_; }

 private:
  struct Connection {
    registry::http::HttpFraming framing;
    common::IpAddress source;
    common::IpAddress local;
    std::string out = {};
    bool is_closed = false;
    bool is_waiting = false;
    std::string held = {};
  };

  void process(Id id, Connection& connection);
  bool step(Id id, Connection& connection);
  void run_request(Id id, Connection& connection);
  void finish(Connection& connection, std::string answer);
  std::string run_engine(Connection& connection,
                         const registry::http::HttpEngine::Handler& handler);
  void release();
  common::WallTime wall() const {
    return {1'795'215'000'000 + (now_ - at(1h)).count() / 1'000'000};
  }

  Settings settings_;
  CountingPorts udp_ports_{40'001};
  CountingPorts tcp_ports_{50'001};
  TestRandom random_{1};
  registry::Node node_;
  registry::http::HttpEngine engine_;
  common::TimePoint now_ = at(1h);
  std::map<Id, std::unique_ptr<Connection>> connections_;
  Id last_id_ = 0;
  registry::Version version_ = 0;
};

/// An answer taken apart at its first empty line.
struct Answer {
  int status = 0;
  std::string head;  // with the empty line
  std::string body;

  explicit Answer(std::string_view bytes);
  /// A field's value; "(none)" if it is not there.
  std::string field(std::string_view name) const;
};

}  // namespace test
