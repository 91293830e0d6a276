// What two processes have for as long as one pair of keys lives: the keys, what came and what is on
// its way under them (docs/protocol/sealed-datagram.md, "Timers and limits"). A plain value of a
// session's.
#pragma once

#include <cstdint>
#include <memory>

#include "common/endpoint.hpp"
#include "common/time.hpp"
#include "peer/sealed/ack_ranges.hpp"
#include "peer/sealed/datagram_header.hpp"
#include "peer/sealed/inbox.hpp"
#include "peer/sealed/replay_window.hpp"
#include "peer/sealed/retransmit_queue.hpp"
#include "peer/sealed/session_keys.hpp"

namespace peer::sealed {

struct Epoch {
  SessionIndex own_index = 0;
  SessionIndex remote_index = 0;
  SessionKeys keys;
  /// When the INIT left, or came: the initiator's end of sending comes before the responder's end
  /// of receiving.
  common::TimePoint born{};
  /// The other side is known to have the keys. Nothing is sent under others.
  bool is_confirmed = false;
  /// We are the initiator, and nothing has come under these keys yet: he may not have our first
  /// DATA.
  bool awaits_first_data = false;
  /// Where the INIT came from and the RESP went to, if we are the responder.
  common::Endpoint init_from;
  /// Of the remote's stream; null until a STREAM came.
  std::shared_ptr<Inbox> inbox;
  StreamId remote_stream = 0;
  /// What the INIT carried, when it may only take effect with the first DATA.
  common::ByteVector early_frames;

  ReplayWindow window;
  AckRanges received;
  RetransmitQueue sent;
  bool owes_ack = false;

  bool is_fresh(common::TimePoint now) const {
    return now < born + kRekeyAfter && keys.send.nonces.used() < kRekeySequences;
  }
  bool is_alive(common::TimePoint now) const { return now < born + life(); }
  common::TimePoint end() const { return born + life(); }

 private:
  common::Duration life() const { return is_confirmed ? kKeyLife : kHalfOpenTime; }
};

}  // namespace peer::sealed
