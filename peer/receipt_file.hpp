// Signed receipts as they are kept: one JSON object a line, with all that is needed to check it
// without anything else (docs/peer.md, "Receipts to show to others"). A core.
#pragma once

#include <string>
#include <string_view>

#include "common/expected.hpp"
#include "peer/sealed/signed_receipt.hpp"

namespace peer {

/// The line, without its end. `text` is what was sent, `output` what an asked hook wrote.
std::string format_receipt_line(const sealed::SignedStatement& evidence, std::string_view text,
                                std::string_view output);

/// A receipt whose signature is the recipient's, for this text and this output.
struct CheckedReceipt {
  sealed::ReceiptStatement statement;
  std::string text;
  std::string output;
};
/// The error is a sentence's end for people: why the line proves nothing.
common::expected<CheckedReceipt, std::string> check_receipt_line(std::string_view line);

/// Some lines for people, harmless on a terminal; `standing` is what is known here of the key.
std::string describe(const CheckedReceipt& receipt, std::string_view standing);

}  // namespace peer
