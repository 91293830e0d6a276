// Any bytes of a connection through the NetChat codec, any text as a message, and both as an old
// program takes them.
#include "common/netchat_message.hpp"

#include "common/limits.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using common::NetchatDelete;
using common::NetchatEnd;
using common::NetchatMessage;
using common::UserName;

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef";
constexpr std::string_view kInnerQuote = "”";

const UserName& sender_name() {
  static const UserName name = *UserName::parse("Göktuğ");
  return name;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

void check_decode(std::string_view bytes) {
  const auto signal = common::decode_netchat(bytes);
  ENSURE(signal.has_value() == !bytes.empty());
  const NetchatEnd end = common::find_netchat_end(bytes);
  if (!signal) {
    ENSURE(end == NetchatEnd::kOpen);
    return;
  }
  const auto* message = std::get_if<NetchatMessage>(&*signal);
  const std::string& id = message ? message->id : std::get<NetchatDelete>(*signal).id;
  ENSURE(id.empty() || id.size() == common::kNetchatIdDigits);
  ENSURE((end == NetchatEnd::kCertain) == !id.empty());
  if (message == nullptr) {
    const auto& to_delete = std::get<NetchatDelete>(*signal);
    ENSURE(to_delete.sender.size() <= common::kNameBytesMax + 1);
    if (const auto name = UserName::parse(to_delete.sender)) {
      const std::string again = common::encode_netchat_delete(*name, id);
      ENSURE(common::decode_netchat(again) == *signal);
    }
    return;
  }
  ENSURE(message->text.size() <= bytes.size());
  if (!message->sender) return;
  ENSURE(!message->sender->empty() && message->sender->size() <= common::kNameBytesMax);
  ENSURE(bytes.starts_with(*message->sender + ':'));
  // What we would send of it comes back as it is, but for texts with both kinds of quotes.
  const auto name = UserName::parse(*message->sender);
  if (!name) return;
  const auto again = common::encode_netchat(*name, message->text, id);
  if (!again) return;
  const bool has_both = message->text.find('"') != message->text.npos &&
                        message->text.find(kInnerQuote) != message->text.npos;
  if (!has_both) ENSURE(common::decode_netchat(*again) == *signal);
}

void check_encode(std::string_view text, std::string_view id) {
  const auto encoded = common::encode_netchat(sender_name(), text, id);
  const bool is_one_line = text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
  if (!encoded) {
    ENSURE(!is_one_line || !fuzz::is_well_formed(text) || text.size() > 300);
    return;
  }
  ENSURE(is_one_line && fuzz::is_well_formed(text));
  ENSURE(encoded->size() <= common::kNetchatBytesMax);
  // The old program: text between the first two quotes, sender before the first colon.
  const auto open = encoded->find('"');
  const auto close = encoded->find('"', open + 1);
  ENSURE(encoded->substr(0, encoded->find(':')) == sender_name().text());
  const std::string for_old = replace_all(std::string(text), "\"", kInnerQuote);
  ENSURE(encoded->substr(open + 1, close - open - 1) == for_old);
  ENSURE(common::find_netchat_end(*encoded) ==
         (id.empty() ? NetchatEnd::kLikely : NetchatEnd::kCertain));
  const auto decoded = common::decode_netchat(*encoded);
  const auto* message = decoded ? std::get_if<NetchatMessage>(&*decoded) : nullptr;
  ENSURE(message != nullptr && message->sender == sender_name().text() && message->id == id);
  const bool has_both = text.find('"') != text.npos && text.find(kInnerQuote) != text.npos;
  ENSURE(message->text == (has_both ? for_old : text));
}

void check_reply(std::string_view bytes) {
  const auto reply = common::decode_netchat_reply(bytes, kId);
  if (reply) ENSURE(common::encode_netchat_reply(*reply, kId) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_decode(input);
  check_encode(input, {});
  check_encode(input, kId);
  check_reply(input);
  return 0;
}
