// Users as both programs see them: the grammar of names, and the public part of a directory record.
// A core: plain values.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/time.hpp"

namespace common {

enum class NameError {
  kEmpty,
  kTooLong,       // over kNameBytesMax bytes
  kNotUtf8,       // ill-formed UTF-8
  kNotNormal,     // well-formed, but not in Unicode normal form C
  kBadFirst,      // does not begin with a letter or a digit
  kBadCharacter,  // something else than letters, marks, digits and "_-."
  kReserved,      // means something of its own in one of the dialects
};

/// A short English reason, e.g. "is empty", to stand after "the name".
std::string_view to_string(NameError error);

/// A legal user name. Two names are the same user when their keys are equal: "Ali" and "ali" are.
class UserName {
 public:
  /// The name if `text` is 1 to 64 bytes of UTF-8 in NFC, begins with a letter or digit, goes on
  /// with letters, marks, digits, "_", "-" or ".", and is not reserved
  /// (docs/protocol/directory.md, "Names").
  static expected<UserName, NameError> parse(std::string_view text);
  /// The same for whom a message is for: that may be the room, too.
  static expected<UserName, NameError> parse_addressee(std::string_view text);
  /// `room`: the group of all who are in the room. No user can have that name.
  static UserName room();

  /// As it was written.
  const std::string& text() const { return text_; }
  /// What names are compared and indexed by (NFKC case folding).
  const std::string& key() const { return key_; }
  bool is_room() const { return key_ == "room"; }

  friend bool operator==(const UserName& a, const UserName& b) { return a.key_ == b.key_; }

 private:
  UserName(std::string text, std::string key) : text_(std::move(text)), key_(std::move(key)) {}

  std::string text_;
  std::string key_;
};

/// `text` in Unicode normal form C, for what a person typed; nothing if it is not UTF-8.
std::optional<std::string> normalize_typed_name(std::string_view text);

/// How the user's endpoint takes messages.
enum class Transport { kUdp, kTcp };
/// Which of the registry's doors the user came in by.
enum class Door { kClassic, kNetchat, kTwoConnection, kRoom, kRendezvous };

std::string_view to_string(Transport transport);
std::string_view to_string(Door door);
std::optional<Transport> parse_transport(std::string_view text);
std::optional<Door> parse_door(std::string_view text);

/// The public part of a directory record.
struct User {
  UserName name;
  /// Where his messages go: his own endpoint, or the gateway port of a user who is reached by
  /// relay. 0.0.0.0:0 for one by relay who has no gateway port.
  Endpoint endpoint;
  Transport transport = Transport::kUdp;
  Door door = Door::kClassic;
  WallTime since;
  /// He is connected to the registry, which hands messages on (POST /v1/to/NAME).
  bool is_relayed = false;
  /// His session certificate in base64, by which he takes sealed datagrams; null: he has none. Only
  /// a registry has verified it: who relies on it decodes it (common/certificate.hpp).
  std::shared_ptr<const std::string> certificate = nullptr;
};

}  // namespace common
