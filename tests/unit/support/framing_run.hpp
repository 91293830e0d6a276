// Drives one connection's framing and writes down what came of it, as one text to compare.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "registry/http/http_framing.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

class FramingRun {
 public:
  using State = registry::http::HttpFraming::State;

  explicit FramingRun(std::uint16_t own_port = 8080) : framing_(at(0s), own_port) {}

  void feed(std::string_view bytes) {
    if (has_failed_ || has_closed_) return;  // the shell throws away what comes then
    framing_.handle_bytes(now_, bytes);
    drain();
  }
  void end() {
    if (has_failed_ || has_closed_) return;
    framing_.handle_end(now_);
    drain();
  }
  /// Moves the clock, with the timer run as it falls due, as the shell does.
  void pass(common::Duration duration) {
    const common::TimePoint until = now_ + duration;
    while (const auto due = framing_.next_timeout()) {
      if (*due > until || framing_.is_idle()) break;
      now_ = std::max(now_, *due);
      framing_.handle_timeout(now_);
      drain();
    }
    now_ = until;
  }

  /// Feeds the pieces one after the other; what happened is "METHOD target program [body]" and
  /// " close" if the connection ends with it, "continue", "error STATUS" or "ended", each with ";
  /// ".
  std::string run(const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) feed(piece);
    return log_;
  }
  std::string run_to_end(const std::vector<std::string>& pieces) {
    run(pieces);
    end();
    return log_;
  }

  const std::string& log() const { return log_; }
  /// The bodies of all requests so far, each in brackets.
  const std::string& bodies() const { return bodies_; }
  /// The status of the error, or 0.
  int error() const { return has_failed_ ? static_cast<int>(framing_.error()) : 0; }
  bool has_ended() const { return has_ended_; }
  registry::http::HttpFraming& framing() { return framing_; }
  common::TimePoint now() const { return now_; }

 private:
  void drain() {
    for (;;) {
      switch (framing_.poll(now_)) {
        case State::kNeedBytes:
          return;
        case State::kSendContinue:
          log_ += "continue; ";
          break;
        case State::kRequest:
          note_request();
          has_closed_ = !framing_.request().keep_alive;
          framing_.consume(now_);
          if (has_closed_) return;
          break;
        case State::kError:
          if (!std::exchange(has_failed_, true))
            log_ += "error " + std::to_string(static_cast<int>(framing_.error())) + "; ";
          return;
        case State::kEnded:
          if (!std::exchange(has_ended_, true)) log_ += "ended; ";
          return;
      }
    }
  }

  void note_request() {
    using registry::http::Program;
    const auto& request = framing_.request();
    const char* program = request.program == Program::kModern       ? "modern"
                          : request.program == Program::kOldClassic ? "old-classic"
                                                                    : "old-netchat";
    const std::string body = '[' + std::string(request.body) + ']';
    bodies_ += body;
    log_ += std::string(request.method) + ' ' + std::string(request.target) + ' ' + program + ' ' +
            body + (request.keep_alive ? "; " : " close; ");
  }

  registry::http::HttpFraming framing_;
  common::TimePoint now_ = at(0s);
  std::string log_;
  std::string bodies_;
  bool has_failed_ = false;
  bool has_ended_ = false;
  bool has_closed_ = false;  // after a request that was the last
};

}  // namespace test
