#include "registry/shell/listening.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "common/os/standard_streams.hpp"

namespace registry {

using common::Endpoint;
using common::ExitStatus;

namespace {

/// Asio's errors and the system's are of different categories, with the same numbers.
bool is_errno(const std::error_code& error, int number) { return error.value() == number; }

}  // namespace

void complain(std::string_view text) {
  common::os::print_error(fmt::format("registry: {}\n", text));
}

std::vector<Endpoint> resolve(asio::io_context& loop, const common::HostPort& host_port,
                              std::error_code& failed) {
  if (const auto address = common::IpAddress::parse(host_port.host))
    return {{*address, host_port.port}};
  asio::ip::tcp::resolver resolver(loop);
  std::vector<Endpoint> endpoints;
  for (const auto& found : resolver.resolve(host_port.host, std::to_string(host_port.port),
                                            asio::ip::tcp::resolver::passive, failed)) {
    const auto address = common::IpAddress::parse(found.endpoint().address().to_string());
    if (address) endpoints.push_back({*address, host_port.port});
  }
  return endpoints;
}

ExitStatus listen_at(asio::io_context& loop, const common::HostPort& host_port, const Bind& bind,
                     std::string_view option, std::vector<Endpoint>& bound) {
  std::error_code failed;
  std::vector<Endpoint> wanted = resolve(loop, host_port, failed);
  if (wanted.empty()) {
    complain(fmt::format("cannot find the host {}: {}", host_port.host, failed.message()));
    return ExitStatus::kConfiguration;
  }
  for (Endpoint endpoint : wanted) {
    if (endpoint.port == 0 && !bound.empty()) endpoint.port = bound.front().port;
    const auto listening = bind(endpoint);
    if (listening) {
      bound.push_back(*listening);
      continue;
    }
    // A name may stand for addresses that this machine lacks, such as ::1 with IPv6 turned off.
    if (is_errno(listening.error(), EADDRNOTAVAIL) || is_errno(listening.error(), EAFNOSUPPORT)) {
      failed = listening.error();
      continue;
    }
    const bool in_use = is_errno(listening.error(), EADDRINUSE);
    complain(fmt::format("cannot listen on {}: {}", common::format_endpoint(endpoint),
                         in_use ? "the port is in use" : listening.error().message()));
    if (!in_use) return ExitStatus::kConfiguration;
    common::os::print_error(fmt::format(
        "  Choose another: registry {}{}\n", option,
        common::format_host_port({host_port.host, static_cast<std::uint16_t>(endpoint.port + 1)})));
    return ExitStatus::kUnavailable;
  }
  if (bound.empty()) {
    complain(fmt::format("cannot listen on {}: {}", common::format_host_port(host_port),
                         failed.message()));
    return ExitStatus::kConfiguration;
  }
  return ExitStatus::kOk;
}

bool is_wildcard(const common::IpAddress& address) {
  return address == common::IpAddress() || address == common::IpAddress::v6({});
}

std::string hint_address(const Endpoint& bound) {
  return is_wildcard(bound.address) ? fmt::format("127.0.0.1:{}", bound.port)
                                    : common::format_endpoint(bound);
}

}  // namespace registry
