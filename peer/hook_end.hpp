// How a hook ended, as the listener and the sender of the message are told. A core.
#pragma once

#include <fmt/format.h>

#include <string>

namespace peer {

struct HookEnd {
  enum class Kind {
    kExited,     // `status` is its exit status
    kKilled,     // by the signal `status`
    kTimedOut,   // it took too long and was killed
    kNotRun,     // it could not be started
    kRanBefore,  // it was started for this message once already, whatever came of that
  } kind = Kind::kExited;
  int status = 0;
  std::string output = {};  // what it wrote to standard output, if that was asked for

  /// As for people, to stand after "the hook: "; empty for success.
  std::string complaint() const {
    switch (kind) {
      case Kind::kExited:
        return status == 0 ? std::string() : fmt::format("exit status {}", status);
      case Kind::kKilled:
        return fmt::format("was killed by signal {}", status);
      case Kind::kTimedOut:
        return "took too long and was killed";
      case Kind::kNotRun:
        return "it could not be started";
      case Kind::kRanBefore:
        return "a message has come again, and does not run it again";
    }
    return {};
  }
};

}  // namespace peer
