// Which messages of which identities were delivered, so that none is shown twice, whatever session,
// stream or repetition brings it again. A core. It remembers the latest kPerGeneration messages at
// least and twice as many at most; an older one would have to come again through a new stream.
#pragma once

#include <cstdint>
#include <vector>

#include "common/crypto.hpp"
#include "common/random.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

class MessageIds {
 public:
  static constexpr std::size_t kPerGeneration = 16'384;

  explicit MessageIds(common::Random& random);

  /// True, and remembers it, if this message of this identity is not remembered.
  [[nodiscard]] bool insert(const common::IdentityKey& sender, const MessageId& id);

 private:
  // Of sender and id together, under a secret key; 0 marks an empty place.
  using Hash = std::uint64_t;
  using Table = std::vector<Hash>;  // open addressing; a power of two, at most half full

  static bool contains(const Table& table, Hash hash);
  static void put(Table& table, Hash hash);
  void make_room();

  std::array<std::byte, 16> key_{};
  Table young_;
  Table old_;
  std::size_t young_count_ = 0;
};

}  // namespace peer::sealed
