// Who may speak for a name here: what the pins say of a key, and what is done about a name that
// has none yet (docs/protocol/sealed-datagram.md, "Known peers"). A core; peer/shell/sealed_end.hpp
// keeps the file of pins.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peer/sealed/known_peers.hpp"
#include "peer/sealed/trust_gate.hpp"

namespace peer::sealed {

/// What is done about a name without a pin.
enum class TrustMode {
  kNew,     // its key is pinned at first use
  kAsk,     // a person is asked
  kStrict,  // it is refused: `peer … trust` alone pins
};

class PinGate : public TrustGate {
 public:
  /// `registry` as typed: a pin belongs to it.
  PinGate(std::string registry, TrustMode mode, KnownPeers peers)
      : registry_(std::move(registry)), mode_(mode), peers_(std::move(peers)) {}

  /// For what happens from now on.
  void set_time(common::WallTime now) { now_ = now; }

  /// kAsk for a stranger's own word (a first use that no directory vouches for), in each mode but
  /// kStrict: the directory is to be asked whether it knows the name by another key.
  Admission admit(const common::Certificate& certificate, bool is_from_directory) override;

  /// Pins on a stranger's own word: beyond so many he is let in without one. Whoever makes up names
  /// cannot fill the file.
  static constexpr std::size_t kUnvouchedMax = 10'000;

  /// What the directory says of a stranger who has come by himself.
  enum class Word {
    kSameKey,   // the name is his
    kOtherKey,  // the name is somebody else's
    kNoKey,     // the name is listed without a key
    kUnknown,   // the name is not listed: nobody disputes it
    kNone,      // the directory does not answer
  };
  /// The decision about him; kAsk if a person is to be asked now. Without the directory's word he
  /// is let in and not pinned: what is shown must not depend on the registry's being up, but what
  /// is believed for ever must.
  Admission decide(const common::Certificate& certificate, Word word);
  /// A person's yes.
  Admission accept(const common::Certificate& certificate);

  /// True, and an alarm, for a certificate of the directory's that is older than one before.
  bool refuses_as_stale(const common::Certificate& certificate);

  Trust judge(const common::UserName& name, const common::IdentityKey& identity) const {
    return peers_.judge(registry_, name, identity);
  }
  /// The name has been seen with a key: it is never sent plain text.
  bool has_pin(const common::UserName& name) const;
  /// True if the name was pinned since the start.
  bool is_new(const common::UserName& name) const { return new_.contains(name.key()); }
  /// The name's pin, or null.
  const Pin* find(const common::UserName& name) const { return peers_.find(registry_, name); }

  /// Goes by these from now on: the file's, which other programs write as well. What it does not
  /// know of take_changes() is lost.
  void replace(KnownPeers peers) { peers_ = std::move(peers); }
  /// What was told once is told again: a person has changed something.
  void forget_alarms() {
    changed_alarms_.clear();
    other_alarms_.clear();
  }

  /// Pins that were made or whose serial rose, to be written to the file.
  std::vector<Pin> take_changes() { return std::exchange(changes_, {}); }

  static constexpr std::size_t kChangesToldMax = 8;
  /// Something a person should know. Of a name with a pin it is told once for each key, up to
  /// kChangesToldMax; else once for each name, up to kAlarmsMax of a kind.
  struct Alarm {
    enum class Kind {
      kKeyChanged,  // another key than the pinned one
      kUnreadable,  // the file's line for the name cannot be read
      kStranger,    // refused in strict mode
      kNotHis,      // the directory knows the name by another key, or without one
      kStale,       // the directory plays an old certificate back
      kNoRoom,      // there are too many pins
    } kind;
    common::UserName name;
    common::IdentityKey identity;  // the one that claims the name
  };
  std::optional<Alarm> poll_alarm();

 private:
  static constexpr std::size_t kAlarmsMax = 1024;  // of each kind; beyond, nothing new is said
  static constexpr std::size_t kLetInMax = 4096;
  static constexpr std::int64_t kLetInMs = 60'000;

  /// What the pins or the mode alone decide; nothing of a first use.
  std::optional<Admission> settle(const common::Certificate& certificate, bool is_from_directory);
  Admission let_in(const common::Certificate& certificate);
  Admission refuse(Alarm::Kind kind, const common::Certificate& certificate);
  bool is_new_alarm(Alarm::Kind kind, const common::Certificate& certificate);
  Admission pin(const common::Certificate& certificate, bool is_from_directory);

  std::string registry_;
  TrustMode mode_;
  KnownPeers peers_;
  common::WallTime now_{};
  std::vector<Pin> changes_;
  std::set<std::string> new_;
  std::deque<Alarm> alarms_;
  // What was told, by the name's key.
  std::map<std::string, std::set<common::IdentityKey>> changed_alarms_;
  std::map<Alarm::Kind, std::set<std::string>> other_alarms_;
  /// A stranger who was let in without the directory's word: for a while he need not be asked about
  /// again with each handshake.
  struct LetIn {
    common::IdentityKey identity;
    common::WallTime since;
  };
  std::map<std::string, LetIn> let_in_;  // kLetInMax at most
};

}  // namespace peer::sealed
