// A registry in the simulated world: the real node core, with a store and connections that fail as
// real ones do. Its disk outlives its crashes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "peer/registry_protocol.hpp"
#include "registry/node.hpp"
#include "registry/store/store.hpp"
#include "tests/sim/network.hpp"

namespace sim {

/// What kind of program a request comes from, and from where.
struct Client {
  common::IpAddress host;
  registry::http::Program program = registry::http::Program::kModern;
};

class RegistryHost {
 public:
  using Answer = common::expected<peer::HttpAnswer, peer::ExchangeFailure>;
  using Done = std::function<void(Answer)>;
  /// Told of every change of the directory, when it is committed.
  using Watch = std::function<void(const registry::DirectoryEvent&)>;
  /// Told when a REGISTER or UPDATE of that body was answered 200.
  using Heard = std::function<void(std::string_view body)>;

  RegistryHost(Scheduler& scheduler, Network& network, common::Random& random,
               common::IpAddress address, registry::DirectoryRules rules);

  /// An HTTP exchange as a client sees it: the answer, or a failure after some time.
  void exchange(const Client& client, const peer::HttpRequest& request, Done done);
  /// The same request on several connections at once, from a client that does not care for answers.
  void flood(const Client& client, const peer::HttpRequest& request, unsigned copies);

  /// As kill -9: what was not on disk is gone, every connection breaks.
  void crash();
  /// Starts from the disk. Afterwards the directory must be what the disk holds.
  void start();
  bool is_up() const { return node_ != nullptr; }
  /// While true, commits fail: half of the times so that the store has to be written anew.
  void set_disk_failing(bool failing) { is_disk_failing_ = failing; }

  registry::Node& node() { return *node_; }
  /// Requests that have arrived and are unanswered.
  std::size_t waiting_count() const { return waiting_.size(); }
  const registry::StoredState& disk() const { return disk_; }

  Watch on_event;
  Heard on_heard;

 private:
  struct Waiting {
    Client client;
    peer::HttpRequest request;
    Done done;
    std::optional<registry::http::ApiResponse> held;
  };

  void arrive(const Client& client, const peer::HttpRequest& request, Done done);
  void handle(registry::Node::Ticket ticket, Waiting waiting);
  void reply(Waiting waiting, const registry::http::ApiResponse& response);
  void flush();
  void commit_batch();
  void write_to_disk(const registry::Change& change);
  void schedule_timer();

  Scheduler& scheduler_;
  Network& network_;
  common::Random& random_;
  common::IpAddress address_;
  registry::DirectoryRules rules_;
  std::unique_ptr<registry::Node> node_;
  std::uint64_t incarnation_ = 0;  // events of an earlier one are void
  registry::StoredState disk_;
  bool is_disk_failing_ = false;
  bool is_broken_ = false;  // waiting to be written anew
  std::vector<registry::Change> batch_;
  bool is_committing_ = false;
  registry::Node::Ticket last_ticket_ = 0;
  std::unordered_map<registry::Node::Ticket, Waiting> waiting_;
};

}  // namespace sim
