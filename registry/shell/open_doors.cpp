#include "registry/shell/open_doors.hpp"

#include <fmt/format.h>

#include "common/os/clock.hpp"
#include "registry/shell/accounts_file.hpp"
#include "registry/shell/listening.hpp"

namespace registry {

using common::Door;
using common::Endpoint;
using common::ExitStatus;
using common::os::monotonic_now;

namespace {

/// The mode of `peer` that speaks with the door; empty if none does.
std::string_view peer_mode(Door door) {
  switch (door) {
    case Door::kTwoConnection:
      return "login";
    case Door::kRoom:
      return "room";
    case Door::kRendezvous:
      return "meet";
    case Door::kClassic:
    case Door::kNetchat:
      break;
  }
  return {};
}

}  // namespace

ExitStatus OpenDoors::load_accounts(const Options& options) {
  if (node_.two_connection() == nullptr) return ExitStatus::kOk;
  auto loaded = registry::load_accounts(options.accounts, options.strict);
  if (!loaded) {
    complain(loaded.error());
    return ExitStatus::kConfiguration;
  }
  for (const std::string& warning : loaded->warnings) log_.warn("accounts", {{"note", warning}});
  log_.info("accounts read", {{"file", options.accounts.string()},
                              {"count", std::to_string(loaded->accounts.size())}});
  node_.two_connection()->set_accounts(std::move(loaded->accounts));
  return ExitStatus::kOk;
}

void OpenDoors::reload_accounts(const Options& options) {
  auto loaded = registry::load_accounts(options.accounts, options.strict);
  if (!loaded) return log_.error("accounts stay as they were", {{"reason", loaded.error()}});
  for (const std::string& warning : loaded->warnings) log_.warn("accounts", {{"note", warning}});
  log_.info("accounts read", {{"file", options.accounts.string()},
                              {"count", std::to_string(loaded->accounts.size())}});
  node_.two_connection()->set_accounts(std::move(loaded->accounts));
}

ExitStatus OpenDoors::open(const Options& options, std::uint16_t http_port) {
  std::vector<std::uint16_t> own_ports = {http_port};
  for (const auto& [door, core] : node_.doors()) {
    if (!options.doors.contains(door)) {
      // NetChat programs come by HTTP; the door only calls them.
      if (door == Door::kNetchat)
        open_[door].server = std::make_unique<DoorServer>(loop_, *core, last_stream_, flush_node_);
      continue;
    }
    const auto status = open_door(options, door, *core, own_ports);
    if (status != ExitStatus::kOk) return status;
  }
  for (const auto& [door, core] : node_.doors()) core->set_own_ports(own_ports);
  if (node_.two_connection() != nullptr) open_password_checker();
  return ExitStatus::kOk;
}

ExitStatus OpenDoors::open_door(const Options& options, Door door, doors::MessageDoor& core,
                                std::vector<std::uint16_t>& own_ports) {
  const common::HostPort& wanted = options.doors.at(door);
  if (door == Door::kRendezvous) {
    // First: an old program stops saying HELLO for good when its datagram finds nobody.
    const auto status = open_hello_socket(options);
    if (status != ExitStatus::kOk) return status;
  }
  OpenDoor& opened = open_[door];
  opened.server = std::make_unique<DoorServer>(loop_, core, last_stream_, flush_node_);
  const auto status = listen_at(
      loop_, wanted,
      [&opened](const Endpoint& endpoint) { return opened.server->listen(endpoint); },
      fmt::format("--{} ", to_string(door)), opened.bound);
  if (status != ExitStatus::kOk) return status;
  own_ports.push_back(opened.bound.front().port);
  return door == Door::kRendezvous ? open_relay_ports(wanted, opened, own_ports) : ExitStatus::kOk;
}

ExitStatus OpenDoors::open_hello_socket(const Options& options) {
  common::HostPort wanted = options.doors.at(Door::kRendezvous);
  if (wanted.port != 0) ++wanted.port;
  if (options.rendezvous_udp) wanted = *options.rendezvous_udp;
  hello_socket_ = std::make_unique<HelloSocket>(
      loop_,
      [this](const common::IpAddress& source, std::string_view datagram) {
        node_.rendezvous()->handle_datagram(monotonic_now(), source, datagram);
      },
      flush_node_);
  return listen_at(
      loop_, wanted, [this](const Endpoint& endpoint) { return hello_socket_->bind(endpoint); },
      "--rendezvous-udp ", hello_bound_);
}

// Where users of the rendezvous door write to those of other doors.
ExitStatus OpenDoors::open_relay_ports(const common::HostPort& wanted, OpenDoor& opened,
                                       std::vector<std::uint16_t>& own_ports) {
  std::vector<std::uint16_t> ports;
  while (ports.size() < doors::RelayPorts::kCount) {
    std::vector<Endpoint> bound;
    const auto status = listen_at(
        loop_, {wanted.host, 0},
        [&opened](const Endpoint& endpoint) { return opened.server->listen(endpoint); },
        "--rendezvous ", bound);
    if (status != ExitStatus::kOk) return status;
    ports.push_back(bound.front().port);
  }
  own_ports.insert(own_ports.end(), ports.begin(), ports.end());
  node_.rendezvous()->set_relay_ports(std::move(ports));
  return ExitStatus::kOk;
}

void OpenDoors::open_password_checker() {
  password_checker_ =
      std::make_unique<PasswordChecker>([this](doors::StreamId client, bool is_right) {
        asio::post(loop_, [this, client, is_right] {
          node_.two_connection()->handle_verified(monotonic_now(), common::os::wall_now(), client,
                                                  is_right);
          flush_node_();
        });
      });
}

void OpenDoors::announce() {
  for (const auto& [door, opened] : open_)
    for (const Endpoint& endpoint : opened.bound)
      log_.info("listening", {{std::string(to_string(door)), common::format_endpoint(endpoint)}});
  for (const Endpoint& endpoint : hello_bound_)
    log_.info("listening", {{"rendezvous-udp", common::format_endpoint(endpoint)}});
  for (const auto& [door, opened] : open_) {
    const std::string_view mode = peer_mode(door);
    if (opened.bound.empty() || mode.empty()) continue;
    const Endpoint& bound = opened.bound.front();
    std::string typed = fmt::format("peer NAME {} {}", hint_address(bound), mode);
    if (door == Door::kRendezvous && hello_bound_.front().port != bound.port + 1)
      typed += fmt::format(" --udp {}", hello_bound_.front().port);
    log_.info("ready", {{std::string(mode), std::move(typed)}});
    if (door == Door::kRendezvous && log_.format() == LogFormat::kClassic)
      announce_rendezvous(opened);
  }
}

// The lines of an old registry, for whoever reads its log.
void OpenDoors::announce_rendezvous(const OpenDoor& opened) {
  constexpr const char* kLine = "{} server is running at {} and it is listening for connections!";
  log_.info(fmt::format(kLine, "TCP", common::format_endpoint(opened.bound.front())));
  log_.info(fmt::format(kLine, "UDP", common::format_endpoint(hello_bound_.front())));
  for (const char* part : {"register user", "update activity", "process message"})
    log_.info(fmt::format("successfully started {} thread", part));
}

bool OpenDoors::flush() {
  bool is_something_done = false;
  for (const auto& [door, opened] : open_) is_something_done |= opened.server->flush();
  if (password_checker_) {
    while (auto verify = node_.two_connection()->poll_verification(monotonic_now()))
      password_checker_->submit(*std::move(verify));
  }
  return is_something_done;
}

std::optional<doors::DoorNotice> OpenDoors::poll_notice() {
  for (const auto& [door, core] : node_.doors())
    if (auto notice = core->poll_notice()) return notice;
  return std::nullopt;
}

DoorServer* OpenDoors::server(Door door) {
  const auto opened = open_.find(door);
  return opened == open_.end() ? nullptr : opened->second.server.get();
}

void OpenDoors::stop_listening() {
  if (hello_socket_) hello_socket_->close();
  for (const auto& [door, opened] : open_) opened.server->stop_listening();
}

}  // namespace registry
