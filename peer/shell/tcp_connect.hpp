// A TCP connection to a host by name or address, and waiting on it. A shell; any thread.
#pragma once

#include <string>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "common/time.hpp"

namespace peer {

/// "connection refused", to stand inside a sentence.
std::string describe_errno(int error);

enum class Ready { kYes, kTimeout, kCancelled };

/// Waits for poll's `events` on `fd`, until `cancel_fd` is readable (-1: nothing cancels) or the
/// deadline is there.
Ready wait_for(int fd, short events, int cancel_fd, common::TimePoint deadline);

/// A connected socket that neither blocks nor waits for more to send, or why there is none. Each of
/// the host's addresses gets a second, the last one three.
common::expected<common::os::UniqueFd, std::string> connect_tcp(const common::HostPort& to,
                                                                int cancel_fd);

}  // namespace peer
