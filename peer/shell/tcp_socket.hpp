// TCP: connecting to a host by name or address, listening, and waiting. A shell; any thread.
#pragma once

#include <string>
#include <system_error>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "common/time.hpp"

namespace peer {

enum class Ready { kYes, kTimeout, kCancelled };

/// Waits for poll's `events` on `fd`, until `cancel_fd` is readable (-1: nothing cancels) or the
/// deadline is there.
Ready wait_for(int fd, short events, int cancel_fd, common::TimePoint deadline);

struct ConnectFailure {
  std::string text;        // "connection refused", to stand inside a sentence
  bool is_silent = false;  // nothing came from it: another try may be heard
};

/// A connected socket that neither blocks nor waits for more to send, or why there is none. Each of
/// the host's addresses gets a second, the last one three.
common::expected<common::os::UniqueFd, ConnectFailure> connect_tcp(const common::HostPort& to,
                                                                   int cancel_fd);

/// What is written leaves at once, and does not wait for more (connect_tcp has done so).
void disable_delay(int fd);

/// Listens on all interfaces, IPv6 and IPv4; port 0 takes a free one.
common::expected<common::os::UniqueFd, std::error_code> listen_tcp(std::uint16_t port);

}  // namespace peer
