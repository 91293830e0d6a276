// Bounds of the doors that hold connections, with their reasons. Those of logins are in login_queue
// and login_throttle, those of sockets in registry/shell/door_server, the HTTP door's in
// registry/http/limits.hpp.
#pragma once

#include <chrono>
#include <cstddef>

#include "common/time.hpp"

namespace registry::doors {

using common::Duration;

/// Longest line a client may send, without its end: any text a person types, and twice a classic
/// datagram. (registry/message_text.hpp bounds the text itself.)
inline constexpr std::size_t kLineBytesMax = 4096;
/// Input kept of a client whose command is under way; then his bytes wait in the kernel. One line
/// and a read.
inline constexpr std::size_t kInputBytesMax = 8192;

/// Connections a door holds at once, and from one address other than loopback: as the HTTP door.
inline constexpr std::size_t kStreamsMax = 20'000;
inline constexpr std::size_t kStreamsPerSourceMax = 256;

/// A line that has begun has to end: nobody types one byte a second.
inline constexpr Duration kLineTime = std::chrono::seconds(10);
/// Somebody who types a name and a password, and who tries again.
inline constexpr Duration kLoginTime = std::chrono::minutes(5);
/// Between the login and /port: a program does that, not a person.
inline constexpr Duration kPortTime = std::chrono::seconds(60);
/// For the connection that the registry makes to the client.
inline constexpr Duration kDialTime = std::chrono::seconds(3);
/// How long somebody who leaves is waited for, if he owes the receipt of a line.
inline constexpr Duration kExitTime = std::chrono::milliseconds(500);
/// How long a contested login waits to learn whether the first one is still there.
inline constexpr Duration kContestTime = std::chrono::seconds(3);

/// A receiver shows a line and says so in milliseconds; one that does not in this time is frozen.
inline constexpr Duration kReceiptTime = std::chrono::seconds(5);
/// A message that has waited so long for its turn is not sent any more.
inline constexpr Duration kQueueTime = std::chrono::seconds(5);
/// Some old programs give no receipt for broadcasts. A receipt that could be for an earlier line is
/// taken for the last one's if none follows it within this time.
inline constexpr Duration kReceiptGrace = std::chrono::milliseconds(500);
/// Broadcasts without a receipt, in a row, before a receiver is sent no more of them.
inline constexpr std::size_t kSkippedReceiptsMax = 8;
/// Messages that wait for one receiver: as many as a large class sends at once.
inline constexpr std::size_t kQueuedMessagesMax = 4096;
inline constexpr std::size_t kQueuedBytesMax = 1 << 20;

/// A message to a user of the rendezvous door waits so long for his consent: senders at other doors
/// wait for the result, some of them 10 s at most.
inline constexpr Duration kConsentTime = std::chrono::seconds(8);
/// Messages of one sender that wait for it.
inline constexpr std::size_t kHeldMessagesMax = 8;
/// For a client that was told to go to close its side.
inline constexpr Duration kLeaveTime = std::chrono::seconds(2);
/// Who does not read has so long, and so many bytes, until he is dropped.
inline constexpr Duration kCatchUpTime = std::chrono::seconds(10);
inline constexpr std::size_t kBytesBehindMax = 1 << 20;
/// Messages of one user to those of other doors without a result yet.
inline constexpr std::size_t kUnderWayMax = 64;
/// Connections to relay ports: those of one user, and those of nobody yet. Beyond, the oldest is
/// closed.
inline constexpr std::size_t kLinksPerUserMax = 8;
inline constexpr std::size_t kUnboundLinksMax = 1024;

/// NetChat messages come over a connection each, which lives for as long as it takes to read one.
inline constexpr std::size_t kNetchatStreamsMax = 2048;
inline constexpr std::size_t kNetchatStreamsPerSourceMax = 256;
/// Longest one taken: the longest text that goes through the registry, a name, quotes and an id.
inline constexpr std::size_t kNetchatInputBytesMax = 4096 + 64 + 64;
/// From its connection to its end.
inline constexpr Duration kNetchatMessageTime = std::chrono::seconds(5);
/// After a quote that may be the last, for more to come or for the connection to close.
inline constexpr Duration kNetchatQuoteGrace = std::chrono::milliseconds(300);
/// Connections being made to NetChat programs; a machine that is gone keeps one for kDialTime.
inline constexpr std::size_t kNetchatDialsMax = 128;
/// Messages that wait for their connection, to one program and to all; a text has 1 KiB at most,
/// and a broadcast is one text.
inline constexpr std::size_t kNetchatWaitingPerUserMax = 64;
inline constexpr std::size_t kNetchatWaitingMax = 65'536;

/// A newcomer to the room who does not say his name. An old program writes blank lines without end
/// once its server has closed, so nobody is dropped lightly; and a full door makes room (room.hpp).
inline constexpr Duration kNamelessTime = std::chrono::hours(1);
/// Who is behind in reading the room has the others wait so long for him; then he is dropped.
inline constexpr Duration kBehindTime = std::chrono::seconds(2);
/// Lines times readers that the room hands out before what was written leaves.
inline constexpr std::size_t kRoomWritesAtOnce = 16'384;

}  // namespace registry::doors
