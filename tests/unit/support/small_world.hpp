// A registry, peers and old programs in one process, without sockets: everything said is written to
// a transcript. Datagrams arrive at once; the clock moves when the test says so.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "peer/listener.hpp"
#include "peer/sender.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/transcript.hpp"

namespace test {

class SmallWorld {
 public:
  explicit SmallWorld(std::string_view heading, bool answers_probes_by_hand = false)
      : transcript(heading), answers_probes_by_hand_(answers_probes_by_hand) {}

  /// One of our peers in listen mode, bound to this port of 127.0.0.1.
  struct Peer {
    std::string name;
    std::uint16_t port = 0;
    std::optional<std::string> token;
    std::unique_ptr<peer::Listener> listener;
    bool is_alive = true;
  };

  /// Starts `peer NAME … listen` on the port; with_token: as it keeps one on its account.
  Peer& listen(std::string_view name, std::uint16_t port, bool with_token = true,
               bool asks = false);
  /// The same account's peer again, after it was killed: same token, another port.
  Peer& listen_again(const Peer& before, std::uint16_t port);
  void type(Peer& peer, std::string_view line);
  void stop(Peer& peer);
  /// kill -9: nobody is told.
  void kill(Peer& peer);

  /// An old listener: it prints what arrives and says nothing to anybody.
  void old_listen(std::string_view name, std::uint16_t port) { old_[port] = name; }
  void old_leave(std::uint16_t port) { old_.erase(port); }

  /// Runs commands of `peer NAME … send`, one a line.
  void send(std::string_view name, const std::vector<std::string>& lines);

  /// Bytes to the registry on a connection of their own; the answer is written down and returned.
  std::string call(std::string_view who, std::string_view bytes);

  void pass(common::Duration duration);
  common::Duration time() const { return registry.now() - at(1h); }

  MemoryRegistry registry;
  Transcript transcript;

 private:
  void carry_out(Peer& peer);
  void deliver(std::string_view from, const peer::Transmit& transmit);
  std::string http_bytes(const peer::HttpRequest& request) const;
  peer::HttpAnswer to_answer(const std::string& bytes) const;

  TestRandom random_{2026};
  std::list<Peer> peers_;
  std::map<std::uint16_t, std::string> old_;
  bool answers_probes_by_hand_;
};

}  // namespace test
