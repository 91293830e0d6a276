#include "registry/shell/process.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "common/os/clock.hpp"
#include "common/os/standard_streams.hpp"
#include "common/version.hpp"
#include "registry/shell/listening.hpp"
#include "registry/shell/prober.hpp"

namespace registry {
namespace {

using common::Endpoint;
using common::ExitStatus;
using common::os::monotonic_now;

/// Between attempts to write the database anew after an I/O error.
constexpr std::chrono::seconds kRebuildInterval{1};

/// Every connection is a descriptor; the default soft limit of 1,024 would be reached first.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> own_host_names(const Options& options) {
  std::vector<std::string> names = options.hosts;
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) == 0 && name[0] != '\0') {
    names.emplace_back(name);
    names.push_back(std::string(name) + ".local");
  }
  names.push_back(options.listen.host);
  return names;
}

std::optional<doors::TwoConnectionOptions> two_connection_options(const Options& options) {
  if (!options.doors.contains(common::Door::kTwoConnection)) return std::nullopt;
  return doors::TwoConnectionOptions{.allow_public_login = options.allow_public_login};
}

/// Without accounts there is nothing to read anew at SIGHUP, and a terminal that closes ends us.
std::vector<int> watched_signals(const Options& options) {
  std::vector<int> numbers{SIGINT, SIGTERM};
  if (two_connection_options(options)) numbers.push_back(SIGHUP);
  return numbers;
}

/// Also if whoever started us in the background has them ignored.
common::os::UniqueFd open_own_signals(const std::vector<int>& numbers) {
  auto signals = common::os::open_signals(numbers);
  for (const int number : numbers) std::signal(number, SIG_DFL);
  return signals;
}

/// What the wall clock showed when the monotonic one began.
common::WallTime wall_at_zero() {
  const auto since_zero =
      std::chrono::duration_cast<std::chrono::milliseconds>(monotonic_now().time_since_epoch());
  return {common::os::wall_now().unix_ms - since_zero.count()};
}

std::optional<doors::RoomOptions> room_options(const Options& options) {
  if (!options.doors.contains(common::Door::kRoom)) return std::nullopt;
  return doors::RoomOptions{.wall_at_zero = wall_at_zero()};
}

std::optional<doors::RendezvousOptions> rendezvous_options(const Options& options) {
  if (!options.doors.contains(common::Door::kRendezvous)) return std::nullopt;
  return doors::RendezvousOptions{.lease = options.rules.lease, .wall_at_zero = wall_at_zero()};
}

std::string_view to_string(DirectoryEvent::Kind kind) {
  switch (kind) {
    case DirectoryEvent::Kind::kRegistered:
      return "user registered";
    case DirectoryEvent::Kind::kMoved:
      return "user moved";
    case DirectoryEvent::Kind::kReclaimed:
      return "user reclaimed";
    case DirectoryEvent::Kind::kLoggedIn:
      return "user logged in";
    case DirectoryEvent::Kind::kLoggedOut:
      return "user logged out";
    case DirectoryEvent::Kind::kExpired:
      return "user expired";
  }
  return "user changed";
}

}  // namespace

Process::Process(Options options)
    : options_(std::move(options)),
      loop_(ASIO_CONCURRENCY_HINT_UNSAFE_IO),  // other threads only post
      signal_numbers_(watched_signals(options_)),
      signals_(loop_, open_own_signals(signal_numbers_).release()),
      log_(options_.log_format),
      gateway_sockets_(loop_),
      node_({.rules = options_.rules,
             .hosts = own_host_names(options_),
             .two_connection = two_connection_options(options_),
             .room = room_options(options_),
             .rendezvous = rendezvous_options(options_),
             .gateway_ports = &gateway_sockets_,
             .tcp_gateway_ports = &tcp_gateway_ports_,
             .gateway_ports_max = options_.gateway_ports,
             .is_own_address = is_own_address},
            random_,
            [this] {
              MessageParts messages{.hub = &node_.hub(),
                                    .udp_gateway = node_.gateway(),
                                    .tcp_gateway = node_.tcp_gateway()};
              for (const auto& [name, door] : node_.doors())
                messages.doors.emplace_back(name, door.get());
              return render_metrics(node_.api().counters(), http_.counters(), store_counters_,
                                    node_.directory(), node_.api().health().is_store_up, messages);
            }),
      http_(loop_, node_, [this] { flush_node_soon(); }),
      doors_(loop_, node_, log_, [this] { flush_node(); }),
      timer_(loop_),
      rebuild_timer_(loop_) {}

ExitStatus Process::run() {
  raise_descriptor_limit();
  log_.info("starting", {{"version", common::kVersion}, {"pid", std::to_string(getpid())}});
  if (const auto status = doors_.load_accounts(options_); status != ExitStatus::kOk) return status;
  // The port first: a registry that cannot have it must not have touched the files.
  std::vector<Endpoint> bound;
  if (const auto status = open_sockets(bound); status != ExitStatus::kOk) return status;
  if (const auto status = open_store(); status != ExitStatus::kOk) return status;
  announce(bound);
  watch_signals();
  arm_timer();
  loop_.run();
  return ExitStatus::kOk;
}

ExitStatus Process::open_store() {
  // Before anything is made beside it.
  std::error_code ignored;
  const auto list = std::filesystem::status(options_.user_list, ignored);
  if (std::filesystem::exists(list) && !std::filesystem::is_regular_file(list)) {
    complain(fmt::format("{} is not a file", options_.user_list.string()));
    return ExitStatus::kConfiguration;
  }
  auto database =
      SqliteDatabase::open(options_.data, version_for_new_database(common::os::wall_now()));
  if (!database) {
    complain(database.error().text);
    if (database.error().kind == StoreError::Kind::kInUse) {
      common::os::print_error("  Choose another: registry --userlist FILE or --data DIR\n");
      return ExitStatus::kUnavailable;
    }
    return ExitStatus::kConfiguration;
  }
  auto user_list = std::make_unique<UserListFile>(options_.user_list, **database);
  if (const auto locked = user_list->lock(); !locked) {
    complain(locked.error().text);
    return locked.error().kind == StoreError::Kind::kInUse ? ExitStatus::kUnavailable
                                                           : ExitStatus::kConfiguration;
  }
  const auto imported = user_list->import(
      common::os::wall_now(), random_, [this](bool is_warning, std::string_view text) {
        if (is_warning) return log_.warn("user list edited", {{"note", std::string(text)}});
        log_.info("user list edited", {{"note", std::string(text)}});
      });
  if (!imported) {
    complain(imported.error().text);
    return ExitStatus::kConfiguration;
  }
  auto state = (*database)->load([this](std::string_view name) {
    log_.warn("record skipped", {{"user", std::string(name)}});
  });
  if (!state) {
    complain(state.error().text);
    return ExitStatus::kConfiguration;
  }
  log_.info("store opened", {{"data", options_.data.string()},
                             {"userlist", options_.user_list.string()},
                             {"users", std::to_string(state->records.size())}});
  // Versions of users who only come and go by a door are not stored: after a restart they go on
  // from the time in microseconds, which no run can have counted up to.
  const Version version =
      std::max(state->version, version_for_new_database(common::os::wall_now()));
  node_.directory().load(monotonic_now(), std::move(state->records), version,
                         std::move(state->keys), common::os::wall_now());
  store_ = std::make_unique<StoreWriter>(
      *std::move(database), std::move(user_list), [this](StoreReport report) {
        asio::post(loop_, [this, report = std::move(report)]() mutable {
          handle_report(std::move(report));
        });
      });
  return ExitStatus::kOk;
}

ExitStatus Process::open_sockets(std::vector<Endpoint>& bound) {
  const auto status = listen_at(
      loop_, options_.listen, [this](const Endpoint& endpoint) { return http_.listen(endpoint); },
      "", bound);
  if (status != ExitStatus::kOk) return status;
  if (const auto opened = doors_.open(options_, bound.front().port); opened != ExitStatus::kOk)
    return opened;
  open_gateways(bound);
  return ExitStatus::kOk;
}

// Where messages are taken for users of another transport than the sender's.
void Process::open_gateways(const std::vector<Endpoint>& http) {
  std::optional<common::IpAddress> gateway_address;
  // Old programs know IPv4 alone.
  const auto v4 = std::find_if(http.begin(), http.end(),
                               [](const Endpoint& endpoint) { return !endpoint.address.is_v6(); });
  const Endpoint& shown = v4 == http.end() ? http.front() : *v4;
  if (!is_wildcard(shown.address)) gateway_address = shown.address;
  gateway_sockets_.set_address(gateway_address);
  tcp_gateway_ports_.set_server(doors_.server(common::Door::kNetchat), gateway_address);
  node_.api().set_gateway_address(gateway_address);
  gateway_sockets_.set_handler(
      [this](std::uint16_t port, const common::IpAddress& source, common::Bytes datagram) {
        node_.gateway()->handle_datagram(port, source, datagram);
        flush_node_soon();
      });
}

void Process::announce(const std::vector<Endpoint>& bound) {
  for (const Endpoint& endpoint : bound)
    log_.info("listening", {{"http", common::format_endpoint(endpoint)}});
  const bool is_open = !bound.front().address.is_loopback();
  if (is_open) {
    log_.warn("open registration",
              {{"hint", "everybody who reaches this port can register and read the list"}});
  }
  const std::string at = hint_address(bound.front());
  log_.info("ready", {{"try", fmt::format("curl http://{}/userlist.txt", at)},
                      {"or", fmt::format("peer alice {} listen", at)}});
  doors_.announce();
}

void Process::watch_signals() {
  signals_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code failed) {
    if (failed) return;
    while (const auto signal = common::os::read_signal(signals_.native_handle())) {
      if (signal == SIGHUP) {
        doors_.reload_accounts(options_);
      } else {
        handle_signal(*signal);
      }
    }
    watch_signals();
  });
}

void Process::handle_signal(int signal) {
  if (is_stopping_) ::_exit(128 + signal);
  is_stopping_ = true;
  log_.info("stopping", {{"connections", std::to_string(http_.counters().open)},
                         {"hint", "again to stop at once"}});
  node_.api().health().is_draining = true;
  doors_.stop_listening();
  node_.shut_down_doors(monotonic_now());
  flush_node();
  http_.drain([this] { finish(); });
}

void Process::finish() {
  // The disk may hang, and this thread with it: another SIGTERM then ends the process by itself.
  signals_.cancel();
  while (common::os::read_signal(signals_.native_handle())) {
  }  // those of the same moment are not to end us before the store is closed
  common::os::unblock_signals(signal_numbers_);
  store_->close();
  log_.info("stopped", {{"users", std::to_string(node_.directory().size())}});
  loop_.stop();
}

// Lets the node's timers run, and comes again when the next one is due.
void Process::run_timers() {
  const TimePoint now = monotonic_now();
  if (const auto due = node_.next_timeout(); due && *due <= now) node_.handle_timeout(now);
  timer_due_.reset();
  flush_node();
}

void Process::arm_timer() {
  const auto due = node_.next_timeout();
  if (!due || (timer_due_ && *timer_due_ <= *due)) return;
  timer_due_ = due;
  // The steady clock stands still while the machine sleeps and the leases' clock does not, so a
  // long wait is cut into pieces.
  constexpr Duration kLongest = std::chrono::seconds(10);
  timer_.expires_after(std::clamp(*due - monotonic_now(), Duration::zero(), kLongest));
  timer_.async_wait([this](const std::error_code& cancelled) {
    if (!cancelled) run_timers();
  });
}

// After everything that has arrived by now: then changes that came together are committed together.
void Process::flush_node_soon() {
  if (std::exchange(is_flush_posted_, true)) return;
  asio::post(loop_, [this] {
    is_flush_posted_ = false;
    flush_node();
  });
}

void Process::flush_node() {
  run_doors();
  while (auto change = node_.poll_change()) store_->submit(*std::move(change));
  while (auto probe = node_.poll_probe()) {
    probe_endpoint(loop_, *probe, [this, key = probe->key](bool is_gone) {
      node_.handle_probe_result(monotonic_now(), key, is_gone);
      http_.handle_releases();
      flush_node();
    });
  }
  while (const auto event = node_.poll_event()) log_event(*event);
  arm_timer();
}

void Process::run_doors() {
  node_.run_hub(monotonic_now());
  send_datagrams();
  // A write that fails has consequences of its own.
  constexpr int kRoundsMax = 8;
  int round = 0;
  while (doors_.flush() && ++round < kRoundsMax) node_.run_hub(monotonic_now());
  if (round == kRoundsMax) flush_node_soon();
  while (const auto notice = doors_.poll_notice()) {
    const bool is_classic = log_.format() == LogFormat::kClassic && !notice->classic.empty();
    if ((notice->event.empty() && !is_classic) || !may_log_user_line()) continue;
    if (is_classic) {
      log_.info(notice->classic);
    } else if (notice->is_warning) {
      log_.warn(notice->event, notice->fields);
    } else {
      log_.info(notice->event, notice->fields);
    }
  }
  http_.handle_releases();
}

// What doors' users send to classic listeners. A share at a time: a broadcast may have thousands.
void Process::send_datagrams() {
  constexpr int kAtOnce = 512;
  for (int sent = 0; sent < kAtOnce; ++sent) {
    const auto transmit = node_.hub().poll_transmit();
    if (!transmit) break;
    node_.handle_transmitted(transmit->delivery,
                             gateway_sockets_.send(transmit->to, *transmit->datagram));
    if (sent + 1 == kAtOnce) flush_node_soon();
  }
  node_.run_hub(monotonic_now());
}

void Process::handle_report(StoreReport report) {
  const TimePoint now = monotonic_now();
  if (const auto* committed = std::get_if<Committed>(&report)) {
    ++store_counters_.transactions;
    store_counters_.changes += committed->changes.size();
    if (std::exchange(is_store_full_, false)) {
      log_.info("store recovered");
      node_.api().health().is_store_up = true;
    }
    node_.handle_committed(now, committed->changes);
  } else if (const auto* failed = std::get_if<Failed>(&report)) {
    store_counters_.failed_changes += failed->changes.size();
    handle_store_failure(*failed);
    node_.handle_failed(now, failed->changes);
  } else if (const auto* recovered = std::get_if<Recovered>(&report)) {
    is_rebuilding_ = is_store_full_ = false;
    rebuild_timer_.cancel();
    node_.set_store_up(true);
    log_.info("store recovered", {{"how", recovered->how}});
  } else if (const auto* again = std::get_if<RebuildFailed>(&report)) {
    log_.warn("store still down", {{"reason", again->reason}});
    schedule_rebuild();
  } else if (const auto* notice = std::get_if<StoreNotice>(&report)) {
    if (notice->is_warning) {
      log_.warn("user list", {{"note", notice->text}});
    } else {
      log_.info("user list", {{"note", notice->text}});
    }
  }
  http_.handle_releases();
  flush_node();
}

void Process::handle_store_failure(const Failed& failed) {
  if (!failed.must_rebuild) {  // no space: each further change tries again by itself
    if (!std::exchange(is_store_full_, true)) log_.error("store full", {{"reason", failed.reason}});
    node_.api().health().is_store_up = false;
    return;
  }
  if (std::exchange(is_rebuilding_, true)) return;
  log_.error("store down", {{"reason", failed.reason}});
  node_.set_store_up(false);
  schedule_rebuild();
}

void Process::schedule_rebuild() {
  rebuild_timer_.expires_after(kRebuildInterval);
  rebuild_timer_.async_wait([this](const std::error_code& cancelled) {
    if (cancelled || is_stopping_) return;
    const Directory& directory = node_.directory();
    store_->rebuild({directory.snapshot(), directory.version(), directory.keys().snapshot()});
  });
}

bool Process::may_log_user_line() {
  const TimePoint now = monotonic_now();
  if (now - user_lines_since_ >= std::chrono::seconds(1)) {
    if (user_lines_dropped_ > 0)
      log_.warn("user lines left out", {{"count", std::to_string(user_lines_dropped_)}});
    user_lines_since_ = now;
    user_lines_left_ = kUserLinesPerSecond;
    user_lines_dropped_ = 0;
  }
  if (user_lines_left_ == 0) {
    ++user_lines_dropped_;
    return false;
  }
  --user_lines_left_;
  return true;
}

void Process::log_event(const DirectoryEvent& event) {
  if (!may_log_user_line()) return;
  const std::string door(common::to_string(event.user.door));
  if (event.user.is_relayed) {  // has no endpoint of his own
    log_.info(to_string(event.kind), {{"user", event.user.name.text()}, {"door", door}});
  } else {
    log_.info(to_string(event.kind), {{"user", event.user.name.text()},
                                      {"endpoint", common::format_endpoint(event.user.endpoint)},
                                      {"door", door}});
  }
}

}  // namespace registry
