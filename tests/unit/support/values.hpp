// Values written as text, so that a test reads as what it means. A text that is no such value ends
// the program: the test is wrong, not what it tests.
#pragma once

#include <string_view>

#include "common/check.hpp"
#include "common/classic_record.hpp"
#include "common/time.hpp"
#include "common/user.hpp"

namespace test {

using namespace std::chrono_literals;

inline common::UserName name(std::string_view text) {
  const auto parsed = common::UserName::parse(text);
  ENSURE(parsed.has_value());
  return *parsed;
}

inline common::IpAddress ip(std::string_view text) {
  const auto parsed = common::IpAddress::parse(text);
  ENSURE(parsed.has_value());
  return *parsed;
}

inline common::Endpoint endpoint(std::string_view text) {
  const auto parsed = common::parse_endpoint(text);
  ENSURE(parsed.has_value());
  return *parsed;
}

inline common::ClassicRecord record(std::string_view text) {
  auto parsed = common::parse_classic_record(text);
  ENSURE(parsed.has_value());
  return *std::move(parsed);
}

/// A point of the time line that cores live on; where it begins means nothing.
inline common::TimePoint at(common::Duration since_start) { return common::TimePoint(since_start); }

/// Where tests begin that want no other instant.
constexpr common::TimePoint kStart{1h};

}  // namespace test
