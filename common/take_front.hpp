// Taking from a queue that may be empty: the shape of every poll function of a core.
#pragma once

#include <deque>
#include <optional>
#include <utility>

namespace common {

/// Removes and returns the oldest element; nothing if there is none.
template <typename T>
std::optional<T> take_front(std::deque<T>& queue) {
  if (queue.empty()) return std::nullopt;
  std::optional<T> front(std::move(queue.front()));
  queue.pop_front();
  return front;
}

}  // namespace common
