// The registry's log: one line an event on standard error, as text (logfmt) or JSON. Values from
// outside are escaped and cut, so no name can forge a line or command a terminal. Written by a
// thread of its own from a bounded queue: a reader of the log that stands still cannot stop the
// registry. Any thread may log.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.hpp"

namespace spdlog {
class logger;
}

namespace registry {

enum class LogFormat { kText, kJson };

using LogField = std::pair<std::string, std::string>;
/// Of one call: written out in it, or kept by the caller.
class LogFields : public std::span<const LogField> {
 public:
  LogFields() = default;
  LogFields(std::initializer_list<LogField> listed) : span(listed.begin(), listed.size()) {}
  LogFields(const std::vector<LogField>& kept) : span(kept) {}
};

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
