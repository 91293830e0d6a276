// The registry's log: one line an event on standard error, as text (logfmt) or JSON. Values from
// outside are escaped and cut, so no name can forge a line or command a terminal. Written by a
// thread of its own from a bounded queue: a reader of the log that stands still cannot stop the
// registry. Any thread may log.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/time.hpp"

namespace spdlog {
class logger;
}

namespace registry {

enum class LogFormat { kText, kJson };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

/// One line without its line end: time, level, event, then key=value pairs. Values are escaped and
/// cut at 256 bytes.
std::string format_log_line(LogFormat format, common::WallTime time, std::string_view level,
                            std::string_view event, LogFields fields);

class Log {
 public:
  explicit Log(LogFormat format);
  ~Log();

  void info(std::string_view event, LogFields fields = {}) { write("info", event, fields); }
  void warn(std::string_view event, LogFields fields = {}) { write("warn", event, fields); }
  void error(std::string_view event, LogFields fields = {}) { write("error", event, fields); }

 private:
  void write(std::string_view level, std::string_view event, LogFields fields);

  LogFormat format_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace registry
