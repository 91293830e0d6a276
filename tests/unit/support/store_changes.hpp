// Changes as a directory asks a store for them.
#pragma once

#include <string_view>

#include "registry/store/store.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

inline registry::RegistrationId registration_id(std::uint64_t number) {
  TestRandom random(number);
  registry::RegistrationId id{};
  random.fill(id);
  return id;
}

/// A claim of "ali@127.0.0.1:50001"; its registration is named by `number`.
inline registry::Change put(registry::ChangeId change, std::string_view text,
                            std::uint64_t number = 1, registry::Version order = 0) {
  const auto parsed = record(text);
  return {change,
          registry::Change::Kind::kPut,
          {.user = {parsed.name, parsed.endpoint, common::Transport::kUdp, common::Door::kClassic,
                    common::WallTime{1000}},
           .source = parsed.endpoint.address,
           .token = std::nullopt,
           .id = registration_id(number),
           .order = order}};
}

inline registry::Change erase(registry::ChangeId change, std::string_view text,
                              std::uint64_t number = 1) {
  registry::Change erasure = put(change, text, number);
  erasure.kind = registry::Change::Kind::kErase;
  return erasure;
}

}  // namespace test
