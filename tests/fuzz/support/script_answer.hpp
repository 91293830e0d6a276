// A registry's answer, or why there is none, as a line of a script says it.
#pragma once

#include <string>
#include <utility>

#include "common/expected.hpp"
#include "peer/registry_protocol.hpp"
#include "tests/fuzz/support/input.hpp"

namespace fuzz {

/// Three characters of status, `j` for JSON or anything else, `e` for an entity tag or anything
/// else, then the body.
inline peer::HttpAnswer answer_of(ScriptLine line) {
  peer::HttpAnswer answer;
  for (int i = 0; i < 3; ++i)
    answer.status = answer.status * 10 + static_cast<int>(line.number(10));
  answer.is_json = line.number(36) == 'j' - 'a' + 10;
  if (line.number(36) == 'e' - 'a' + 10) answer.etag = "\"7j\"";
  answer.body = line.text();
  return answer;
}

/// The shell makes these texts itself; they are not the registry's.
inline peer::ExchangeFailure failure_of(ScriptLine line) {
  using Kind = peer::ExchangeFailure::Kind;
  switch (line.number(3)) {
    case 0:
      return {Kind::kUnreachable, "connection refused"};
    case 1:
      return {Kind::kNoAnswer, "it closed the connection without an answer"};
    default:
      return {Kind::kBroken, "what came is no HTTP answer"};
  }
}

}  // namespace fuzz
