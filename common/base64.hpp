// Base64 (RFC 4648, section 4) with padding, for binary values in text files and header fields. A
// core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"

namespace common {

std::string encode_base64(Bytes bytes);

/// Only what encode_base64 writes: padded, without blanks or line ends, the unused bits zero. So a
/// value has one text.
std::optional<ByteVector> decode_base64(std::string_view text);

}  // namespace common
