// The bytes around Noise that both roles of a handshake compute alike: key id, mac1, prologue
// (docs/protocol/sealed-datagram.md, "Handshake"). A core: pure functions.
#pragma once

#include <string_view>

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "peer/sealed/datagram_header.hpp"

namespace peer::sealed {

/// First 8 bytes of SHA-256 of a session public key.
KeyId key_id_of(const common::ExchangeKey& session);

/// What a stranger must know before an INIT costs its receiver more than a microsecond: a key made
/// from the receiver's session public key. Not secret; it keeps out those who only scan.
using Mac1Key = std::array<std::byte, 32>;
Mac1Key mac1_key_of(const common::ExchangeKey& session);
Mac1 mac1_of(const Mac1Key& key, common::Bytes before_mac1);

/// What both sides must agree on for an INIT to decrypt: its header, and whom it is meant for.
common::ByteVector prologue_of(common::Bytes init_header, const common::IdentityKey& recipient,
                               std::string_view recipient_name);

}  // namespace peer::sealed
