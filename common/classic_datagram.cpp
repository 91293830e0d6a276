#include "common/classic_datagram.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/limits.hpp"
#include "common/safe_text.hpp"

namespace common {
namespace {

constexpr std::string_view kSeparator = ": ";

}  // namespace

std::string to_string(EncodeError error) {
  switch (error) {
    case EncodeError::kTooLong:
      return fmt::format("the text is too long: a classic datagram has {} bytes with the sender",
                         kClassicDatagramBytesMax);
    case EncodeError::kNotUtf8:
      return "the text is not UTF-8";
    case EncodeError::kMultiLine:
      return "the text has a line break or a NUL: a classic message is one line";
  }
  return "the text cannot be sent";
}

expected<ByteVector, EncodeError> encode_classic(const UserName& sender, std::string_view text) {
  if (sender.text().size() + kSeparator.size() + text.size() > kClassicDatagramBytesMax)
    return unexpected{EncodeError::kTooLong};
  const auto ends_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (std::any_of(text.begin(), text.end(), ends_line)) return unexpected{EncodeError::kMultiLine};
  if (!is_utf8(text)) return unexpected{EncodeError::kNotUtf8};
  std::string datagram = sender.text();
  datagram += kSeparator;
  datagram += text;
  return to_vector(datagram);
}

std::optional<ClassicMessage> decode_classic(Bytes datagram) {
  if (datagram.empty()) return std::nullopt;
  const std::string_view bytes = as_text(datagram);
  const auto end = bytes.find(kSeparator);
  // Old programs let more characters into names than the grammar does, so only its length is asked.
  if (end == bytes.npos || end == 0 || end > kNameBytesMax)
    return ClassicMessage{.sender = std::nullopt, .text = std::string(bytes)};
  return ClassicMessage{.sender = std::string(bytes.substr(0, end)),
                        .text = std::string(bytes.substr(end + kSeparator.size()))};
}

}  // namespace common
