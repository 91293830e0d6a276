// Classic datagrams, `sender: text` in UTF-8 (docs/protocol/classic-datagrams.md). A core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "common/expected.hpp"
#include "common/user.hpp"

namespace common {

enum class EncodeError {
  kTooLong,    // over 2,048 bytes with the sender: old listeners would cut it
  kNotUtf8,    // one bad byte ends an old listener
  kMultiLine,  // a line break or NUL: one datagram is one line on the other side
};

/// A sentence for the sender, e.g. "the text is longer than …".
std::string to_string(EncodeError error);

/// The datagram for `text` from `sender`; no terminator.
expected<ByteVector, EncodeError> encode_classic(const UserName& sender, std::string_view text);

struct ClassicMessage {
  std::optional<std::string> sender;  // as claimed: anybody can write any name; none if unnamed
  std::string text;                   // any bytes: make them harmless before showing them
};

/// Reads any datagram: the sender ends at the first ": ", and is none if there is none or if it
/// could not be a name. Nothing for an empty datagram, which is a registry's probe.
std::optional<ClassicMessage> decode_classic(Bytes datagram);

}  // namespace common
