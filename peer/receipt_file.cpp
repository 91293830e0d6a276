#include "peer/receipt_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/base64.hpp"
#include "common/safe_text.hpp"
#include "peer/received.hpp"

namespace peer {
namespace {

using nlohmann::json;
using sealed::HandledResult;
using sealed::MessageKind;
using sealed::Party;

constexpr int kVersion = 1;

constexpr std::array<std::pair<HandledResult, std::string_view>, 5> kResults = {{
    {HandledResult::kShown, "shown"},
    {HandledResult::kExited, "exited"},
    {HandledResult::kKilled, "killed"},
    {HandledResult::kTimedOut, "timed out"},
    {HandledResult::kNotRun, "not run"},
}};

std::string_view word_of(HandledResult result) {
  return std::find_if(kResults.begin(), kResults.end(),
                      [&](const auto& row) { return row.first == result; })
      ->second;
}

json to_json(const Party& party) {
  return {{"name", party.name.text()}, {"key", common::format_identity_key(party.identity)}};
}

/// Bytes that are text stand as text, others in base64 under another name.
void put_bytes(json& object, const std::string& name, std::string_view bytes) {
  if (common::is_utf8(bytes)) {
    object[name] = bytes;
  } else {
    object[name + "_base64"] = common::encode_base64(common::as_bytes(bytes));
  }
}

// Each of these gives nothing for a field that is missing or of another form.
std::optional<std::string> text_in(const json& object, const std::string& name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_string()) return std::nullopt;
  return it->get<std::string>();
}

std::optional<std::string> bytes_in(const json& object, const std::string& name) {
  if (auto text = text_in(object, name)) return text;
  const auto encoded = text_in(object, name + "_base64");
  if (!encoded) return std::nullopt;
  const auto bytes = common::decode_base64(*encoded);
  if (!bytes) return std::nullopt;
  return std::string(common::as_text(*bytes));
}

std::optional<std::uint64_t> number_in(const json& object, const std::string& name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number_unsigned()) return std::nullopt;
  return it->get<std::uint64_t>();
}

std::optional<Party> party_in(const json& object, const std::string& name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_object()) return std::nullopt;
  const auto text = text_in(*it, "name");
  const auto key = text_in(*it, "key");
  if (!text || !key) return std::nullopt;
  const auto user = common::UserName::parse(*text);
  const auto identity = common::parse_identity_key(*key);
  if (!user || !identity) return std::nullopt;
  return Party{*user, *identity};
}

std::optional<sealed::MessageId> id_in(const json& object) {
  const auto text = text_in(object, "id");
  sealed::MessageId id{};
  if (!text || text->size() != 2 * id.size()) return std::nullopt;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < text->size(); ++i) {
    const auto digit = kDigits.find((*text)[i]);
    if (digit == kDigits.npos) return std::nullopt;
    id[i / 2] = (id[i / 2] << 4) | static_cast<std::byte>(digit);
  }
  return id;
}

std::optional<HandledResult> result_in(const json& object) {
  const auto word = text_in(object, "result");
  const auto* const row =
      std::find_if(kResults.begin(), kResults.end(),
                   [&](const auto& candidate) { return word && candidate.second == *word; });
  if (row == kResults.end()) return std::nullopt;
  return row->first;
}

std::optional<MessageKind> kind_in(const json& object) {
  const auto word = text_in(object, "kind");
  if (word == "text") return MessageKind::kText;
  if (word == "ask") return MessageKind::kAsk;
  return std::nullopt;
}

/// What became of the message, as its recipient says.
std::string describe_result(const sealed::ReceiptStatement& statement) {
  switch (statement.result) {
    case HandledResult::kShown:
      return "has the message";
    case HandledResult::kExited:
      return fmt::format("the hook's exit status was {}", statement.status);
    case HandledResult::kKilled:
      return fmt::format("the hook was killed by signal {}", statement.status);
    case HandledResult::kTimedOut:
      return "the hook took too long and was killed";
    case HandledResult::kNotRun:
      return "no hook took it";
  }
  return {};
}

}  // namespace

std::string format_receipt_line(const sealed::SignedStatement& evidence, std::string_view text,
                                std::string_view output) {
  const sealed::ReceiptStatement& statement = evidence.statement;
  json object = {
      {"v", kVersion},
      {"event", "receipt"},
      {"id", format_message_id(statement.id)},
      {"sender", to_json(statement.sender)},
      {"recipient", to_json(statement.recipient)},
      {"kind", statement.kind == MessageKind::kAsk ? "ask" : "text"},
      {"result", word_of(statement.result)},
      {"status", statement.status},
      {"ts_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(statement.time.unix_ms, 0))},
      {"signature", common::encode_base64(evidence.signature)}};
  put_bytes(object, "text", text);
  put_bytes(object, "output", output);
  constexpr bool kAscii = true;  // a terminal may read this too
  return object.dump(-1, ' ', kAscii);
}

common::expected<CheckedReceipt, std::string> check_receipt_line(std::string_view line) {
  using common::unexpected;
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || text_in(object, "event") != "receipt")
    return unexpected{std::string("is no receipt")};
  if (number_in(object, "v") != std::uint64_t{kVersion})
    return unexpected{std::string("is of a version that is not known here")};
  const auto id = id_in(object);
  const auto sender = party_in(object, "sender");
  const auto recipient = party_in(object, "recipient");
  const auto kind = kind_in(object);
  const auto result = result_in(object);
  const auto status = number_in(object, "status");
  const auto time = number_in(object, "ts_ms");
  auto text = bytes_in(object, "text");
  auto output = bytes_in(object, "output");
  const auto encoded = text_in(object, "signature");
  const auto bytes = encoded ? common::decode_base64(*encoded) : std::nullopt;
  common::Signature signature{};
  if (!id || !sender || !recipient || !kind || !result || !status || !time || !text || !output ||
      !bytes || bytes->size() != signature.size() ||
      *status > std::numeric_limits<std::uint8_t>::max() ||
      *time > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return unexpected{std::string("lacks something, or has it in another form")};
  std::copy(bytes->begin(), bytes->end(), signature.begin());
  CheckedReceipt receipt{.statement = {.id = *id,
                                       .sender = *sender,
                                       .recipient = *recipient,
                                       .kind = *kind,
                                       .result = *result,
                                       .status = static_cast<std::uint8_t>(*status),
                                       .time = {static_cast<std::int64_t>(*time)},
                                       .text = sealed::digest_of(common::as_bytes(*text)),
                                       .output = sealed::digest_of(common::as_bytes(*output))},
                         .text = *std::move(text),
                         .output = *std::move(output)};
  if (!sealed::verify_receipt(receipt.statement, signature))
    return unexpected{fmt::format("is not what {} has signed", recipient->name.text())};
  if (!sealed::is_possible(receipt.statement))
    return unexpected{std::string("says what cannot be")};
  // security: one encoding of what is signed, so that no reader can be shown another text than this
  // one: a field twice, one that nobody signed.
  if (format_receipt_line({.statement = receipt.statement, .signature = signature}, receipt.text,
                          receipt.output) != line)
    return unexpected{std::string("has more in it than what was signed, or has it otherwise")};
  return receipt;
}

std::string describe(const CheckedReceipt& receipt, std::string_view standing) {
  const sealed::ReceiptStatement& statement = receipt.statement;
  std::string lines = fmt::format(
      "{}  {}\n  signed   {}\n  key      {}{}\n  message  {}\n  sender   {}  {}\n  text     {}\n",
      statement.recipient.name.text(), describe_result(statement),
      common::format_wall_time(statement.time),
      common::format_fingerprint(statement.recipient.identity), standing,
      format_message_id(statement.id), statement.sender.name.text(),
      common::format_fingerprint(statement.sender.identity), common::to_terminal(receipt.text));
  if (statement.kind == MessageKind::kAsk)
    lines += fmt::format("  answer   {}\n", common::to_terminal(receipt.output));
  return lines;
}

}  // namespace peer
