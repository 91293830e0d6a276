// The ephemeral keys of the INITs that one session key has accepted, so that none is accepted
// twice; and for a while the RESP each got, for an initiator whose RESP was lost. A core.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <unordered_map>

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/endpoint.hpp"
#include "common/time.hpp"

namespace peer::sealed {

class EphemeralCache {
 public:
  /// Handshakes that one session key serves; then it takes no more. An hour at 4.5 a second.
  static constexpr std::size_t kEntriesMax = 16'384;
  /// How long a RESP is repeated: longer than any initiator tries with the same INIT.
  static constexpr std::chrono::seconds kRespLifetime{30};

  /// `random` draws the key that spreads the entries, which strangers choose.
  explicit EphemeralCache(common::Random& random);

  bool is_full() const { return entries_.size() >= kEntriesMax; }
  std::size_t size() const { return entries_.size(); }
  bool contains(const common::ExchangeKey& ephemeral) const { return entries_.contains(ephemeral); }

  /// Remembers an ephemeral key that is not there yet; the cache must not be full.
  void insert(const common::ExchangeKey& ephemeral);

  /// Keeps the answer to an ephemeral key that is there, for repetition to this endpoint only.
  void keep_resp(common::TimePoint now, const common::ExchangeKey& ephemeral,
                 const common::Endpoint& from, common::ByteVector resp);

  /// The RESP to repeat to this endpoint; null when there is none, or not for it, or no longer.
  const common::ByteVector* find_resp(common::TimePoint now, const common::ExchangeKey& ephemeral,
                                      const common::Endpoint& from) const;

  /// Forgets the RESPs whose time is over; the ephemeral keys stay.
  void drop_old_resps(common::TimePoint now);

 private:
  struct Hash {
    std::array<std::byte, 16> key;
    std::size_t operator()(const common::ExchangeKey& ephemeral) const {
      return common::siphash(key, ephemeral.bytes);
    }
  };
  struct Entry {
    common::Endpoint from;
    common::TimePoint resp_until{};
    common::ByteVector resp;
  };

  std::unordered_map<common::ExchangeKey, Entry, Hash> entries_;
  std::deque<common::ExchangeKey> with_resp_;  // in the order in which their time ends
};

}  // namespace peer::sealed
