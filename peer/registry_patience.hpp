// When a registry that is silent, as behind a network that loses much, is asked again, and when no
// more. A core.
#pragma once

#include <chrono>
#include <optional>

#include "common/time.hpp"
#include "peer/registry_protocol.hpp"

namespace peer {

class RegistryPatience {
 public:
  /// From the beginning of one try to that of the next, if the first took less.
  static constexpr std::chrono::milliseconds kRetryTime{500};
  /// What a further try needs to be worth while: the time to connect.
  static constexpr std::chrono::seconds kTryTime{3};

  /// A question may be asked again for `time`.
  explicit RegistryPatience(common::Duration time) : time_(time) {}

  /// A question is asked for the first time.
  void begin(common::TimePoint now);

  /// When the try under way has to have its answer; nothing for the first one, which has the time
  /// that answers have in general.
  const std::optional<common::TimePoint>& deadline() const { return deadline_; }

  /// Of any try.
  void handle_answer() { is_given_up_ = false; }
  /// Of a try that began at `tried`: when to ask again. Nothing: not at all. Whoever refuses is
  /// believed; one that was silent for the whole time of a question is asked each further one
  /// once, until it answers.
  std::optional<common::TimePoint> handle_failure(common::TimePoint tried, common::TimePoint now,
                                                  const ExchangeFailure& failure);

 private:
  common::Duration time_;
  common::TimePoint give_up_at_{};
  std::optional<common::TimePoint> deadline_;
  bool is_given_up_ = false;
};

}  // namespace peer
