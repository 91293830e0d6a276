// What the sessions of one process have in common: where messages and events go, the streams that
// come in, and counters of what was refused. Owned by the session table.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "common/random.hpp"
#include "peer/sealed/datagram_header.hpp"
#include "peer/sealed/inbox_table.hpp"
#include "peer/sealed/incoming_queue.hpp"

namespace peer::sealed {

using SessionId = std::uint64_t;

/// Why a datagram had no effect.
enum class DropReason {
  kBadHeader,       // not a sealed datagram that we know
  kUnknownSession,  // of no session here
  kRefusedInit,     // an INIT that was not believed
  kBadResp,         // no answer to what we asked
  kReplayed,        // came before
  kBadTag,          // not by who has the keys
  kBadFrames,       // authentic, and not understood
  kBroken,          // authentic, and nothing an honest sender says
  kNoRoom,          // of no use now; it has to be sent again
  kFull,            // no room for another session
  kEnd              // (their number)
};
std::string_view to_string(DropReason reason);

/// What became of a message that was to be sent.
enum class Fate {
  kDelivered,
  kNotAcknowledged,  // its deadline passed
  kKeyChanged,       // the other side knows our name by another key
  kNotTrusted,       // the other side wants no strangers
  kUnreachable,      // there is nobody to send it to (any longer)
};

struct SessionEvent {
  /// A message is finished.
  struct Done {
    std::uint64_t tag = 0;
    MessageId id{};
    Level level = Level::kDelivered;  // that was wanted
    Fate fate = Fate::kDelivered;
    bool was_sent = false;
    common::Duration elapsed{};  // since it was first sent
  };
  enum class Kind { kDone, kNeedCertificate, kClosed };

  SessionId session = 0;
  Kind kind = Kind::kDone;
  Done done;
};

struct SessionShared {
  common::Random& random;
  InboxTable inboxes;
  IncomingQueue incoming;
  std::deque<SessionEvent> events;
  /// Indices that no longer belong to their session.
  std::vector<SessionIndex> released;
  /// Messages have effects here beyond being shown.
  bool has_hook = false;
  /// Else they are left to their senders.
  bool takes_messages = true;
  std::array<std::uint64_t, static_cast<std::size_t>(DropReason::kEnd)> drops{};

  explicit SessionShared(common::Random& source) : random(source), inboxes(source) {}
  void drop(DropReason reason) { ++drops[static_cast<std::size_t>(reason)]; }
};

}  // namespace peer::sealed
