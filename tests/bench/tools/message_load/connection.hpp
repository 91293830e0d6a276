// One connection of the load: what has come, what is to go, how far its login is. Sockets are
// load.hpp's, what the bytes mean is protocol.hpp's.
#pragma once

#include <algorithm>
#include <string>

namespace bench {

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;
  bool is_waiting_to_write = false;
  bool is_ready = false;  // logged in and subscribed
  std::string name;
  std::string topic;  // what it listens to
};

/// How many of these marks the text has; it is empty afterwards.
inline int count_and_clear(std::string& text, char mark) {
  const auto count = std::count(text.begin(), text.end(), mark);
  text.clear();
  return static_cast<int>(count);
}

}  // namespace bench
