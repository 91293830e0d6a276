// Which key each name was seen with, at which registry: the pins that a changed key is noticed by,
// and their file's text (docs/protocol/sealed-datagram.md, "Known peers"). A core; peer/shell/
// known_peers_file.hpp reads and writes the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/crypto.hpp"
#include "common/user.hpp"

namespace peer::sealed {

/// A name's key as it was first seen, or as a person has said it is.
struct Pin {
  std::string registry;  // as it was typed: two labs may each have a bob
  common::UserName name;
  common::IdentityKey identity;
  std::uint64_t serial = 0;        // the highest of a certificate from the directory
  std::uint64_t first_seen_s = 0;  // unix s
  bool is_verified = false;        // a person has compared the safety number or the fingerprint
};

/// What the pins say about a key that claims a name.
enum class Trust {
  kFirstUse,   // no pin yet
  kMatch,      // the key pinned at first use
  kVerified,   // the key a person has verified
  kChanged,    // another key than the pinned one: nothing is sent or shown under this name
  kUnreadable  // the file has a line for the name that cannot be read: as kChanged
};

class KnownPeers {
 public:
  /// More pins are not taken: dropping an old one would let its name be claimed anew.
  static constexpr std::size_t kPinsMax = 100'000;

  enum class LineError {
    kFields,     // not "registry name ed25519 key serial first_seen verified|unverified"
    kRegistry,   // not HOST:PORT
    kName,       // not a legal name
    kAlgorithm,  // another word than "ed25519"
    kKey,        // not a key in base64
    kNumber,     // serial or time
    kRepeated,   // the name has a line already
    kTooMany     // beyond kPinsMax
  };
  struct BadLine {
    std::size_t number;  // from 1
    LineError error;
  };
  struct Parsed;
  /// Reads the file's text. Bad lines are reported and pin nothing, but stay in the text that
  /// format() gives, as do comments and empty lines: only a person removes what a person wrote.
  static Parsed parse(std::string_view text);

  std::string format() const;

  Trust judge(std::string_view registry, const common::UserName& name,
              const common::IdentityKey& identity) const;
  /// The pin, or null.
  const Pin* find(std::string_view registry, const common::UserName& name) const;
  std::size_t size() const { return pins_.size(); }
  /// Pins that neither a certificate from a directory nor a person has borne out.
  std::size_t unvouched() const;

  /// True for a certificate from the directory that is older than one seen before: the directory is
  /// frozen or plays old ones back. Certificates inside an INIT are not measured so.
  bool is_stale(std::string_view registry, const common::UserName& name,
                std::uint64_t serial) const;

  /// Pins at first use. False, and nothing changes, if judge() is not kFirstUse or there is no
  /// room.
  bool pin(Pin pin);
  /// Replaces or adds a pin because a person says so; the new key counts as verified. Lines for the
  /// name that could not be read go. False if there is no room.
  bool trust(Pin pin);
  /// A person has compared the numbers. False without a pin.
  bool mark_verified(std::string_view registry, const common::UserName& name);
  /// Remembers a higher serial. True if that changed anything.
  bool raise_serial(std::string_view registry, const common::UserName& name, std::uint64_t serial);

 private:
  using Key = std::pair<std::string, std::string>;  // registry, the name's key
  struct UnreadLine {
    std::string text;
    std::optional<Key> subject;  // whom it is about, if that much can be read
  };

  static Key key_of(std::string_view registry, const common::UserName& name) {
    return {std::string(registry), name.key()};
  }

  /// Reads one line; why it is a bad one, if it is.
  std::optional<LineError> take_line(std::string_view line);
  /// Keeps a bad line's text, and blocks the name it is about.
  void block(std::optional<Key> key, std::string_view line);

  std::map<Key, Pin> pins_;
  std::set<Key> unreadable_;              // names with a bad line; none of them has a pin
  std::vector<UnreadLine> unread_lines_;  // comments and bad lines, in their order
};

struct KnownPeers::Parsed {
  KnownPeers peers;
  std::vector<BadLine> bad_lines;
};

/// A short English reason to stand after "line 3: ".
std::string_view to_string(KnownPeers::LineError error);

}  // namespace peer::sealed
