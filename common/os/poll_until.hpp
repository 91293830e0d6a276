// poll(2) up to a moment of our clock. For shells.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <span>

#include "common/os/clock.hpp"

namespace common::os {

/// As ppoll: how many descriptors have something, 0 when it is time, negative for an error or a
/// signal. Nothing for `when` waits for ever.
inline int poll_until(std::span<pollfd> descriptors, const std::optional<TimePoint>& when) {
  if (!when) return ::ppoll(descriptors.data(), descriptors.size(), nullptr, nullptr);
  const auto left = std::max(*when - monotonic_now(), Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  return ::ppoll(descriptors.data(), descriptors.size(), &time, nullptr);
}

}  // namespace common::os
