// Finds out whether anybody still takes messages at an endpoint. A shell on the loop's thread.
#pragma once

#include <asio.hpp>
#include <functional>

#include "registry/directory.hpp"

namespace registry {

/// UDP: an empty datagram that draws "port unreachable" if nobody is bound there. TCP: connect and
/// close. `done(true)` only on such a refusal; silence, for kProbeWait, counts as somebody.
void probe_endpoint(asio::io_context& loop, const Probe& probe, std::function<void(bool)> done);

inline constexpr std::chrono::milliseconds kProbeWait{500};

}  // namespace registry
