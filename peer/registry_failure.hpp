// Why the registry did not help with a command: a status, and words for it. A core.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "common/exit_status.hpp"
#include "peer/registry_protocol.hpp"

namespace peer {

struct RegistryFailure {
  common::ExitStatus status;
  std::string why;  // a part of a sentence
};

inline RegistryFailure failure_of(const ExchangeFailure& failure) {
  const bool is_broken = failure.kind != ExchangeFailure::Kind::kUnreachable;
  return {is_broken ? common::ExitStatus::kProtocol : common::ExitStatus::kUnavailable,
          failure.text};
}

/// Of any outcome in registry_protocol.hpp; nothing if it is an answer to the question.
template <typename Outcome>
std::optional<RegistryFailure> failure_of(const Outcome& outcome) {
  if (const auto* refused = std::get_if<Refused>(&outcome))
    return RegistryFailure{common::ExitStatus::kRefused, refused->text};
  if (const auto* unavailable = std::get_if<Unavailable>(&outcome))
    return RegistryFailure{common::ExitStatus::kTemporary, unavailable->text};
  if (const auto* other = std::get_if<NotUnderstood>(&outcome))
    return RegistryFailure{common::ExitStatus::kProtocol, other->text};
  return std::nullopt;
}

}  // namespace peer
