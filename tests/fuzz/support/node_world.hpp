// A node with the shells around it played by a script: clients that ask, a store that commits or
// fails, probes, time. It keeps its own account of who may own what and holds the node to it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "registry/node.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace fuzz {

class NodeWorld {
 public:
  NodeWorld();

  /// Carries out one line of the script; an unknown call does nothing.
  ///   R, U, L  NAME SOURCE ADDRESS PORT TOKEN OLD   REGISTER, UPDATE, LOGOUT; ADDRESS 0: the
  ///   source C, F     COUNT    the store commits the oldest changes, or fails P        GONE the
  ///   oldest probe ends T STEP, N         time passes: a step of the table, or until the node's
  ///   next timeout S UP, B           the store goes down or up; the registry restarts G TICKET
  ///   that client, or the next one that waits, hangs up
  void run(ScriptLine line);
  /// Lets everything that is under way end, and then every lease; aborts if something never does.
  void settle();

 private:
  using Ticket = registry::Node::Ticket;

  /// A client's request until it is answered.
  struct Asked {
    std::string verb;
    std::string body;
    std::string token;
    common::UserName name;
    common::Endpoint endpoint;
    common::IpAddress source;
    registry::http::Program program;
    bool is_client_gone = false;
    enum class State { kNew, kHeld, kParked } state = State::kNew;
    registry::ChangeId change = 0;
    std::string parked_for;
  };
  using List = std::vector<std::pair<std::string, std::string>>;  // key and record text, in order

  void ask(const char* verb, ScriptLine& line);
  void handle(Ticket ticket);
  void check_may_change(const Asked& asked, const registry::Record* held) const;
  void drain();
  void release(const registry::Node::Release& release);
  void finish_changes(std::size_t count, bool is_committed);
  void answer_probe(bool is_gone);
  void advance(common::Duration duration);
  void restart();
  void check();
  void check_changes_since() const;
  List list() const;

  SplitmixRandom random_;
  std::unique_ptr<registry::Node> node_;
  common::TimePoint now_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Asked> asked_;
  std::deque<registry::Change> changes_;  // polled, neither committed nor failed
  std::deque<registry::Probe> probes_;    // polled, not answered
  std::set<registry::ChangeId> finished_;
  std::set<std::string> probing_;  // keys whose holder has not been heard of since the probe
  std::map<std::string, common::TimePoint> gone_;  // keys whose holder a probe found gone, and when
  List expected_;                                  // what the committed changes make
  std::map<registry::Version, List> past_;
  registry::Version lists_checked_ = 0;
};

}  // namespace fuzz
