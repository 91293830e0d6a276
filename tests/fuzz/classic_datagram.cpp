// Any datagram through the classic codec and the terminal sanitizer, and any text as a message.
#include "common/classic_datagram.hpp"

#include <nlohmann/json.hpp>

#include "common/limits.hpp"
#include "common/safe_text.hpp"
#include "peer/received.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using common::UserName;

const UserName& listener_name() {
  static const UserName name = *UserName::parse("Göktuğ");
  return name;
}

void check_sanitizer(std::string_view text) {
  for (const bool tab_allowed : {true, false}) {
    const std::string shown = common::to_terminal(text, tab_allowed);
    fuzz::ensure_harmless(shown, tab_allowed);
    ENSURE(common::to_terminal(shown, tab_allowed) == shown);
    // \xNN for a byte, <U+XXXX> for two bytes or more: nothing grows by more than four.
    ENSURE(shown.size() <= 4 * text.size());
  }
  ENSURE(common::is_harmless(text) == (common::to_terminal(text) == text));
  ENSURE(common::is_utf8(text) == fuzz::is_well_formed(text));
}

void check_decode(std::string_view datagram) {
  const auto message = common::decode_classic(common::as_bytes(datagram));
  ENSURE(message.has_value() == !datagram.empty());
  if (!message) return;
  const std::string again =
      message->sender ? *message->sender + ": " + message->text : message->text;
  ENSURE(again == datagram);
  if (!message->sender) return;
  ENSURE(!message->sender->empty() && message->sender->size() <= common::kNameBytesMax);
  ENSURE(message->sender->find(": ") == std::string::npos);

  const auto sender = UserName::parse(*message->sender);
  if (!sender) return;  // an old program's; we send no such name
  const auto encoded = common::encode_classic(*sender, message->text);
  if (encoded) ENSURE(common::as_text(*encoded) == datagram);
}

void check_encode(std::string_view text) {
  const UserName& sender = listener_name();
  const std::string whole = sender.text() + ": " + std::string(text);
  const auto encoded = common::encode_classic(sender, text);
  const bool is_one_line = text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
  const bool is_sendable =
      is_one_line && fuzz::is_well_formed(text) && whole.size() <= common::kClassicDatagramBytesMax;
  ENSURE(encoded.has_value() == is_sendable);
  if (!encoded) return;
  ENSURE(common::as_text(*encoded) == whole);
  const auto decoded = common::decode_classic(*encoded);
  ENSURE(decoded && decoded->sender == sender.text() && decoded->text == text);
}

void check_json_string(const nlohmann::json& shown, std::string_view bytes) {
  ENSURE(shown.is_string());
  if (fuzz::is_well_formed(bytes)) ENSURE(shown.get<std::string>() == bytes);
}

void check_format(std::string_view datagram) {
  auto message = common::decode_classic(common::as_bytes(datagram));
  if (!message) return;
  const peer::Received received{std::string(32, 'a'), common::WallTime{1'700'000'000'123},
                                *std::move(message)};
  const std::string line = peer::format_received(received, listener_name(), false);
  fuzz::ensure_harmless(line);

  const std::string json_line = peer::format_received(received, listener_name(), true);
  for (const char c : json_line) ENSURE(c >= ' ' && c <= '~');
  const auto json = nlohmann::json::parse(json_line, nullptr, /*allow_exceptions=*/false);
  ENSURE(json.is_object());
  ENSURE(json["v"] == 1 && json["event"] == "message" && json["id"] == received.id);
  ENSURE(json["to"] == nlohmann::json::array({listener_name().text()}));
  ENSURE(json["ts"] == "2023-11-14T22:13:20.123Z");
  ENSURE(json["from"].is_null() == !received.message.sender.has_value());
  if (received.message.sender) check_json_string(json["from"], *received.message.sender);
  check_json_string(json["text"], received.message.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_sanitizer(input);
  check_decode(input);
  check_encode(input);
  check_format(input);
  return 0;
}
