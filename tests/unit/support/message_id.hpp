// Ids of messages that tests number.
#pragma once

#include "peer/sealed/message_ids.hpp"

namespace test {

inline peer::sealed::MessageId id_of(std::uint64_t number) {
  peer::sealed::MessageId id{};
  for (std::size_t i = 0; i < 8; ++i) id[i] = static_cast<std::byte>(number >> (8 * i));
  return id;
}

}  // namespace test
