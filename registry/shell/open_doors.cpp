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

/// The mode of `peer` that speaks with the door.
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
  return "listen";
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
    const auto wanted = options.doors.find(door);
    const bool has_port = wanted != options.doors.end();
    if (!has_port && door != Door::kNetchat) continue;
    OpenDoor& opened = open_[door];
    opened.server = std::make_unique<DoorServer>(loop_, *core, last_stream_, flush_node_);
    if (!has_port) continue;
    const auto status = listen_at(
        loop_, wanted->second,
        [&opened](const Endpoint& endpoint) { return opened.server->listen(endpoint); },
        fmt::format("--{} ", to_string(door)), opened.bound);
    if (status != ExitStatus::kOk) return status;
    own_ports.push_back(opened.bound.front().port);
  }
  for (const auto& [door, core] : node_.doors()) core->set_own_ports(own_ports);
  if (node_.two_connection() != nullptr) open_password_checker();
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
  for (const auto& [door, opened] : open_) {
    if (opened.bound.empty()) continue;
    const std::string_view mode = peer_mode(door);
    log_.info("ready",
              {{std::string(mode),
                fmt::format("peer NAME {} {}", hint_address(opened.bound.front()), mode)}});
  }
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
  for (const auto& [door, opened] : open_) opened.server->stop_listening();
}

}  // namespace registry
