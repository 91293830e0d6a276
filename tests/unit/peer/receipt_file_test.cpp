// Signed receipts in a file: each says what was signed, and none that was changed is believed.
#include "peer/receipt_file.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/base64.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace peer;
using namespace peer::sealed;
using nlohmann::json;

std::string line_of(std::string_view text, std::string_view output = {},
                    HandledResult result = HandledResult::kShown, std::uint8_t status = 0) {
  const auto bob = test::identity_from(2);
  SignedStatement evidence{
      .statement = {.id = {std::byte{0xab}},
                    .sender = {test::name("ci"), test::identity_from(1).key()},
                    .recipient = {test::name("bob"), bob.key()},
                    .kind = output.empty() ? MessageKind::kText : MessageKind::kAsk,
                    .result = result,
                    .status = status,
                    .time = {1'700'000'000'123},
                    .text = digest_of(common::as_bytes(text)),
                    .output = digest_of(common::as_bytes(output))}};
  evidence.signature = sign_receipt(bob, evidence.statement);
  return format_receipt_line(evidence, text, output);
}

std::string error_of(const json& object) {
  const auto receipt = check_receipt_line(object.dump());
  return receipt ? "" : receipt.error();
}

TEST_CASE("a receipt says what was signed, bytes that are no text among it") {
  for (const std::string_view text : {"build 7 is done", "", "\x1b[2J\xff\xfe", "tırnak \" \n"}) {
    for (const std::string_view output : {"", "ok\n", "\xff"}) {
      const std::string line = line_of(text, output, HandledResult::kExited, 3);
      CHECK(line.find('\n') == line.npos);
      for (const char c : line) CHECK((c >= ' ' && c <= '~'));
      const auto receipt = check_receipt_line(line);
      REQUIRE(receipt.has_value());
      CHECK(receipt->text == text);
      CHECK(receipt->output == output);
      CHECK(receipt->statement.status == 3);
      CHECK(receipt->statement.result == HandledResult::kExited);
      CHECK(receipt->statement.time.unix_ms == 1'700'000'000'123);
      CHECK(receipt->statement.id == MessageId{std::byte{0xab}});
    }
  }
}

TEST_CASE("nothing of it can be another") {
  const json good = json::parse(line_of("pay", "yes", HandledResult::kExited, 3));
  REQUIRE(error_of(good) == "");
  const std::string other_key = common::format_identity_key(test::identity_from(3).key());
  const std::string not_signed = "is not what bob has signed";
  struct Row {
    const char* pointer;
    json value;
    std::string error;
  };
  for (const Row& row :
       {Row{"/id", "00000000000000000000000000000000", not_signed},
        Row{"/sender/name", "cj", not_signed}, Row{"/sender/key", other_key, not_signed},
        Row{"/recipient/name", "rob", "is not what rob has signed"},
        Row{"/recipient/key", other_key, not_signed}, Row{"/kind", "text", not_signed},
        Row{"/result", "killed", not_signed}, Row{"/status", 4, not_signed},
        Row{"/ts_ms", 1'700'000'000'124, not_signed}, Row{"/text", "pay more", not_signed},
        Row{"/output", "no", not_signed},
        Row{"/signature", common::encode_base64(common::Signature{}), not_signed}}) {
    CAPTURE(row.pointer);
    json changed = good;
    changed[json::json_pointer(row.pointer)] = row.value;
    CHECK(error_of(changed) == row.error);
  }
}

TEST_CASE("a line has what was signed, once, and nothing else") {
  const std::string more = "has more in it than what was signed, or has it otherwise";
  const std::string good = line_of("pay");
  const std::string inside = good.substr(1);
  const auto error = [](const std::string& line) {
    const auto receipt = check_receipt_line(line);
    return receipt ? "" : receipt.error();
  };
  CHECK(error("{\"approved_by\":\"boss\"," + inside) == more);
  CHECK(error("{\"text\":\"pay more\"," + inside) == more);  // the last one counts, here
  CHECK(error("{\"text_base64\":\"cGF5IG1vcmU=\"," + inside) == more);
  CHECK(error("{ " + inside) == more);
  CHECK(error(good + " ") == more);
}

TEST_CASE("what cannot have been is not believed, whoever signed it") {
  CHECK(check_receipt_line(line_of("pay", "", HandledResult::kShown, 200)).error() ==
        "says what cannot be");
  CHECK(check_receipt_line(line_of("pay", "x", HandledResult::kShown)).error() ==
        "says what cannot be");
  CHECK(check_receipt_line(line_of("pay", "", HandledResult::kTimedOut, 7)).error() ==
        "says what cannot be");
}

TEST_CASE("what is no receipt is said to be none") {
  const std::string lacks = "lacks something, or has it in another form";
  const json good = json::parse(line_of("pay"));
  for (const char* name : {"id", "sender", "recipient", "kind", "result", "status", "ts_ms", "text",
                           "output", "signature"}) {
    CAPTURE(name);
    json changed = good;
    changed.erase(name);
    CHECK(error_of(changed) == lacks);
    for (const json& value : {json(nullptr), json(-1), json(1e300), json("?"), json::array()}) {
      changed[name] = value;
      CHECK(error_of(changed) != "");
    }
  }
  json changed = good;
  changed["status"] = 259;  // 3, cut to a byte
  CHECK(error_of(changed) == lacks);
  changed = good;
  changed["v"] = 2;
  CHECK(error_of(changed) == "is of a version that is not known here");
  for (const char* line : {"", "{}", "[]", "null", "message is sent to bob", "{\"event\":1}"})
    CHECK(check_receipt_line(line).error() == "is no receipt");
}

TEST_CASE("people read it harmless") {
  const auto receipt = check_receipt_line(line_of("\x1b[2J", "a\nb", HandledResult::kKilled, 9));
  REQUIRE(receipt.has_value());
  const std::string text = describe(*receipt, "  known");
  CHECK(text.find('\x1b') == text.npos);
  CHECK(text.starts_with(
      "bob  the hook was killed by signal 9\n  signed   2023-11-14T22:13:20.123Z\n"));
  CHECK(text.find("  known\n") != text.npos);
  CHECK(text.find("  answer   a\\x0ab\n") != text.npos);
}

}  // namespace
