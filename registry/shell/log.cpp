#include "registry/shell/log.hpp"

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <ctime>

#include "common/os/clock.hpp"
#include "common/os/standard_streams.hpp"
#include "common/safe_text.hpp"
#include "common/user_json.hpp"

namespace registry {
namespace {

constexpr std::size_t kValueBytesMax = 256;
/// Lines that may wait for a slow reader; the oldest are dropped beyond.
constexpr std::size_t kQueueLines = 8192;

/// Standard error, which may be a pipe that nobody empties: then lines are lost, and nobody waits.
/// One thread writes.
class ErrorStreamSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    common::os::print_error({text.data(), text.size()});
  }
  void flush_() override {}
};

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" =\"\\\t") != value.npos;
}

std::string local_time(common::WallTime time) {
  const auto seconds = static_cast<std::time_t>(time.unix_ms / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

std::string_view classic_level(std::string_view level) {
  if (level == "info") return "INFO";
  return level == "warn" ? "WARNING" : "ERROR";
}

std::string in_quotes(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string format_log_line(LogFormat format, common::WallTime time, std::string_view level,
                            std::string_view event, LogFields fields) {
  if (format == LogFormat::kJson) {
    std::string line =
        fmt::format(R"({{"ts":"{}","level":"{}","event":{})", common::format_wall_time(time), level,
                    common::json_string(event));
    for (const auto& [key, value] : fields) {
      const std::string safe = common::to_terminal(value.substr(0, kValueBytesMax), false);
      line += fmt::format(",\"{}\":{}", key, common::json_string(safe));
    }
    return line + '}';
  }
  std::string line = format == LogFormat::kClassic
                         ? fmt::format("{};{};{}", local_time(time), classic_level(level),
                                       common::to_terminal(event, false))
                         : fmt::format("{} {:<5} {}", common::format_wall_time(time), level, event);
  if (fields.size() > 0) line += ' ';
  for (const auto& [key, value] : fields) {
    const std::string safe = common::to_terminal(value.substr(0, kValueBytesMax), false);
    line += fmt::format(" {}={}", key, needs_quotes(safe) ? in_quotes(safe) : safe);
  }
  return line;
}

Log::Log(LogFormat format) : format_(format) {
  spdlog::init_thread_pool(kQueueLines, 1);
  logger_ = spdlog::create_async_nb<ErrorStreamSink>("registry");
  logger_->set_pattern("%v");
}

Log::~Log() {
  logger_->flush();
  spdlog::shutdown();  // writes what is queued and ends the thread; our own reference goes last
}

void Log::write(std::string_view level, std::string_view event, LogFields fields) {
  const std::string line = format_log_line(format_, common::os::wall_now(), level, event, fields);
  logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace registry
