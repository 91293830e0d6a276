// The running registry: wires the node to its sockets, its store, the log and the signals. A shell;
// everything in it runs on the loop's thread but the store's writer.
#pragma once

#include <asio.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/os/random.hpp"
#include "common/os/signals.hpp"
#include "registry/node.hpp"
#include "registry/shell/door_ports.hpp"
#include "registry/shell/gateway_sockets.hpp"
#include "registry/shell/http_server.hpp"
#include "registry/shell/log.hpp"
#include "registry/shell/open_doors.hpp"
#include "registry/shell/options.hpp"
#include "registry/store/store_writer.hpp"

namespace registry {

class Process {
 public:
  explicit Process(Options options);

  /// Runs until a signal drained it. Returns the exit status; errors are printed to standard error.
  common::ExitStatus run();

 private:
  common::ExitStatus open_store();
  common::ExitStatus open_sockets(std::vector<common::Endpoint>& bound);
  void open_gateways(const std::vector<common::Endpoint>& http);
  void announce(const std::vector<common::Endpoint>& bound);
  void watch_signals();
  void handle_signal(int signal);
  void run_timers();
  void arm_timer();
  void flush_node_soon();
  void flush_node();
  void run_doors();
  void send_datagrams();
  void handle_report(StoreReport report);
  void handle_store_failure(const Failed& failed);
  void schedule_rebuild();
  void log_event(const DirectoryEvent& event);
  void finish();

  Options options_;
  common::os::SystemRandom random_;
  asio::io_context loop_;
  const std::vector<int> signal_numbers_;
  asio::posix::stream_descriptor signals_;  // before anything that starts a thread
  Log log_;
  GatewaySockets gateway_sockets_;
  DoorPorts tcp_gateway_ports_;
  Node node_;
  HttpServer http_;
  OpenDoors doors_;
  StoreCounters store_counters_;
  std::unique_ptr<StoreWriter> store_;
  asio::steady_timer timer_;
  bool is_flush_posted_ = false;
  std::optional<TimePoint> timer_due_;  // what timer_ is armed for
  asio::steady_timer rebuild_timer_;
  bool is_stopping_ = false;
  bool is_store_full_ = false;  // the last write found no space
  bool is_rebuilding_ = false;  // between a failure that asked for it and its success
  // Lines on users that may still be logged in this second: names that come and go by the thousand
  // must not fill a disk with log.
  static constexpr int kUserLinesPerSecond = 200;
  bool may_log_user_line();
  int user_lines_left_ = kUserLinesPerSecond;
  std::uint64_t user_lines_dropped_ = 0;
  TimePoint user_lines_since_;
};

}  // namespace registry
