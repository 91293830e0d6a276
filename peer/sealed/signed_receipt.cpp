#include "peer/sealed/signed_receipt.hpp"

#include <utility>

#include "common/byte_codec.hpp"
#include "common/check.hpp"

namespace peer::sealed {
namespace {

// Each name has its length before it, everything else a fixed size: no two statements have the same
// bytes.
common::ByteVector bytes_of(const ReceiptStatement& statement) {
  constexpr std::string_view kDomain("UMC1-receipt\0", 13);
  common::ByteVector out;
  common::ByteWriter writer(out);
  writer.bytes(common::as_bytes(kDomain));
  writer.bytes(statement.id);
  for (const Party* party : {&statement.sender, &statement.recipient}) {
    writer.bytes(party->identity.bytes);
    const std::string& name = party->name.text();
    writer.u8(static_cast<std::uint8_t>(name.size()));
    writer.bytes(common::as_bytes(name));
  }
  writer.u8(static_cast<std::uint8_t>(statement.kind));
  writer.u8(static_cast<std::uint8_t>(statement.result));
  writer.u8(statement.status);
  writer.u64(static_cast<std::uint64_t>(statement.time.unix_ms));
  writer.bytes(statement.text);
  writer.bytes(statement.output);
  return out;
}

}  // namespace

Digest digest_of(common::Bytes bytes) { return common::sha256({bytes}); }

ReceiptStatement statement_of(const Receipt& receipt, Party sender, Party recipient,
                              MessageKind kind, const Digest& text) {
  ENSURE(receipt.evidence.has_value());
  return {.id = receipt.id,
          .sender = std::move(sender),
          .recipient = std::move(recipient),
          .kind = kind,
          .result = receipt.result,
          .status = receipt.status,
          .time = receipt.evidence->time,
          .text = text,
          .output = digest_of(receipt.output)};
}

bool is_possible(const ReceiptStatement& statement) {
  const bool is_ask = statement.kind == MessageKind::kAsk;
  if (is_receipt(statement.kind) || (is_ask && statement.result == HandledResult::kShown))
    return false;
  return (is_ask || statement.output == digest_of({})) &&
         (has_status(statement.result) || statement.status == 0);
}

common::Signature sign_receipt(const common::Identity& recipient,
                               const ReceiptStatement& statement) {
  return recipient.sign(bytes_of(statement));
}

bool verify_receipt(const ReceiptStatement& statement, const common::Signature& signature) {
  return common::verify(statement.recipient.identity, bytes_of(statement), signature);
}

}  // namespace peer::sealed
