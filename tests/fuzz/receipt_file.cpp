// Any line as a signed receipt: whatever is believed is what its recipient signed, to the byte.
#include "peer/receipt_file.hpp"

#include <nlohmann/json.hpp>

#include "common/safe_text.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using namespace peer;

common::Identity identity(std::byte value) {
  std::array<std::byte, 32> seed{};
  seed.fill(value);
  return common::Identity::from_seed(common::Secret(seed));
}

/// A line that is believed, whose texts are the input's.
void check_round_trip(std::string_view input) {
  using namespace sealed;
  static const common::Identity bob = identity(std::byte{2});
  const std::string_view text = input.substr(0, input.size() / 2);
  const std::string_view output = input.substr(text.size());
  SignedStatement evidence{
      .statement = {.sender = {*common::UserName::parse("ci"), identity(std::byte{1}).key()},
                    .recipient = {*common::UserName::parse("bob"), bob.key()},
                    .kind = MessageKind::kAsk,
                    .result = HandledResult::kExited,
                    .status = static_cast<std::uint8_t>(input.size()),
                    .text = digest_of(common::as_bytes(text)),
                    .output = digest_of(common::as_bytes(output))}};
  evidence.signature = sign_receipt(bob, evidence.statement);
  const auto receipt = check_receipt_line(format_receipt_line(evidence, text, output));
  ENSURE(receipt && receipt->text == text && receipt->output == output);
  std::string shown = describe(*receipt, {});
  std::erase(shown, '\n');
  ENSURE(common::is_harmless(shown));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  if (const auto receipt = check_receipt_line(input)) {
    // Nothing else than the texts that the signature covers.
    ENSURE(receipt->statement.text == sealed::digest_of(common::as_bytes(receipt->text)));
    ENSURE(receipt->statement.output == sealed::digest_of(common::as_bytes(receipt->output)));
  } else {
    ENSURE(!receipt.error().empty());
  }
  check_round_trip(input);
  return 0;
}
