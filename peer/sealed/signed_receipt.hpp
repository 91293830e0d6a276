// A receipt that can be shown to others: what a recipient's identity signs of one message, and what
// has to be known to check it (docs/protocol/sealed-datagram.md, "Signed receipts"). A core.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/identity.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

/// SHA-256.
using Digest = std::array<std::byte, 32>;
Digest digest_of(common::Bytes bytes);

/// A user as he appears in a receipt: the name in the spelling of his certificate.
struct Party {
  common::UserName name;
  common::IdentityKey identity;
};

/// Everything that the recipient's signature covers.
struct ReceiptStatement {
  MessageId id{};
  Party sender;
  Party recipient;
  MessageKind kind = MessageKind::kText;  // or kAsk
  HandledResult result = HandledResult::kShown;
  std::uint8_t status = 0;  // 0 unless exited or killed
  common::WallTime time{};  // the recipient's clock when it signed
  Digest text{};
  Digest output{};  // of an ask's hook; else of nothing
};

/// What a receipt says of a message whose text had that digest. `receipt` has evidence, for its
/// time.
ReceiptStatement statement_of(const Receipt& receipt, Party sender, Party recipient,
                              MessageKind kind, const Digest& text);

/// A statement and what makes it the recipient's own.
struct SignedStatement {
  ReceiptStatement statement;
  common::Signature signature{};
};

/// True if a message of this kind can have ended so.
bool is_possible(const ReceiptStatement& statement);

common::Signature sign_receipt(const common::Identity& recipient,
                               const ReceiptStatement& statement);
/// True if the recipient's identity has signed exactly this.
[[nodiscard]] bool verify_receipt(const ReceiptStatement& statement,
                                  const common::Signature& signature);

}  // namespace peer::sealed
