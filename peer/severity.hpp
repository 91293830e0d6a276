// Which of several outcomes counts for a run's exit status (docs/peer.md, "Exit status"). A core.
#pragma once

#include <algorithm>
#include <array>

#include "common/exit_status.hpp"

namespace peer {

/// The worse of two outcomes of commands. What ends a run whatever came of its commands, as a
/// signal, is none.
constexpr common::ExitStatus worse_of(common::ExitStatus a, common::ExitStatus b) {
  using common::ExitStatus;
  constexpr std::array kWorstFirst = {ExitStatus::kConfiguration, ExitStatus::kUsage,
                                      ExitStatus::kBadInput,      ExitStatus::kUnavailable,
                                      ExitStatus::kProtocol,      ExitStatus::kRefused,
                                      ExitStatus::kTemporary,     ExitStatus::kNoUser,
                                      ExitStatus::kSomeMissed,    ExitStatus::kOk};
  const auto rank = [&](ExitStatus status) {
    return std::find(kWorstFirst.begin(), kWorstFirst.end(), status);
  };
  return rank(b) < rank(a) ? b : a;
}

}  // namespace peer
