// The registry without its sockets and disk: directory, HTTP answers, and the gate where answers
// wait for their change and requests for their name. A core; the shells move bytes, commit changes,
// probe and log as its poll functions ask.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/directory.hpp"
#include "registry/http/http_api.hpp"

namespace registry {

struct NodeOptions {
  DirectoryRules rules;
  std::vector<std::string> hosts;
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
    };
    Ticket ticket = 0;
    Kind kind = Kind::kCommitted;
  };

  Node(NodeOptions options, common::Random& random, http::HttpApi::RenderMetrics render_metrics);

  http::ApiResult handle(TimePoint now, common::WallTime wall, Ticket ticket,
                         const http::ApiRequest& request);
  /// The request that was to be run again is gone; others may wait for the same name.
  void abandon(Ticket ticket);

  void handle_committed(TimePoint now, const std::vector<std::pair<ChangeId, Version>>& changes);
  void handle_failed(TimePoint now, const std::vector<ChangeId>& changes);
  void handle_probe_result(TimePoint now, const std::string& key, bool is_gone);
  void handle_timeout(TimePoint now) { directory_.handle_timeout(now); }
  std::optional<TimePoint> next_timeout() const { return directory_.next_timeout(); }
  void set_store_up(bool up);

  std::optional<Release> poll_release();
  std::optional<Change> poll_change() { return directory_.poll_change(); }
  std::optional<Probe> poll_probe() { return directory_.poll_probe(); }
  std::optional<DirectoryEvent> poll_event() { return directory_.poll_event(); }

  Directory& directory() { return directory_; }
  http::HttpApi& api() { return api_; }

 private:
  void wake_settled();
  void wake(const std::string& key);

  Directory directory_;
  http::HttpApi api_;
  std::unordered_map<ChangeId, Ticket> held_;
  std::unordered_map<std::string, std::deque<Ticket>> parked_;  // by key, first come first served
  std::unordered_map<Ticket, std::string> rerunning_;           // woken, not handled again yet
  std::deque<Release> releases_;
};

}  // namespace registry
