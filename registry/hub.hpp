// Who gets which message, and what came of it. A core between the doors: it finds a user's route in
// the directory, hands the message to the door or the network that he is reached by, and gives each
// delivery exactly one result.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/bytes.hpp"
#include "registry/directory.hpp"
#include "registry/group.hpp"

namespace registry {

/// One message as it goes through the registry; shared by all that it is for.
struct Message {
  std::string from;
  std::string text;  // UTF-8, one line, not empty
  bool is_broadcast = false;
  bool is_to_room = false;           // said in the room, to those who are in it
  std::string_view line_end = "\n";  // as its sender ended it, of static storage; for the room
};
using MessagePtr = std::shared_ptr<const Message>;

enum class DeliveryOutcome {
  kDelivered,  // the recipient's program said that it has shown it
  kSent,       // handed to the network, for programs that cannot say so
  kUnknown,    // nobody of that name can be reached
  kRefused,    // the recipient's program cannot be given such a text
  kBusy,       // too much is waiting for the recipient
  kTimedOut,   // no receipt in time
  kLeft,       // the recipient left before he said so
  kSkipped,    // of a broadcast: this user is on his way in, and no recipient yet
};
std::string_view to_string(DeliveryOutcome outcome);
constexpr std::size_t kDeliveryOutcomeCount = 8;

/// True for kDelivered and kSent.
bool is_success(DeliveryOutcome outcome);

using DeliveryId = std::uint64_t;

/// Who is told the result.
struct Asker {
  enum class Kind { kDoor, kHttp, kGateway, kNobody };
  Kind kind = Kind::kHttp;
  common::Door door{};  // of kDoor

  static constexpr Asker at(common::Door door) { return {Kind::kDoor, door}; }
  static constexpr Asker http() { return {Kind::kHttp, {}}; }
  static constexpr Asker gateway() { return {Kind::kGateway, {}}; }
  static constexpr Asker nobody() { return {Kind::kNobody, {}}; }
  friend bool operator==(const Asker&, const Asker&) = default;
};

struct HubCounters {
  std::array<std::uint64_t, kDeliveryOutcomeCount> outcomes{};  // one a recipient
};

class Hub {
 public:
  explicit Hub(const Directory& directory) : directory_(directory) {}

  /// Hands the message to one user, or, as deliver_to_room does, to the room. `cookie` comes back
  /// with the result.
  DeliveryId deliver(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                     const common::UserName& to);
  /// To everybody who can be reached but the sender, at the same time. The result is a success if
  /// it is one for each; with nobody to reach it is one, too.
  DeliveryId deliver_to_all(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                            const common::UserName& sender);

  /// To everybody in the room but the sender, who becomes a guest of it (registry/group.hpp) if he
  /// is a user of another door and can be reached; there `/leave` ends that. The result is as of
  /// deliver_to_all; kUnknown without a room, kBusy if no further guest can be taken in. For
  /// the room's own door, whose users are not told it, it does not wait for guests' receipts.
  DeliveryId deliver_to_room(Asker asker, std::uint64_t cookie, const MessagePtr& message,
                             const common::UserName& sender);
  /// Who is in the room.
  Group& room() { return room_; }
  const Group& room() const { return room_; }

  /// Give this to the door's user; handle_outcome says what came of it.
  struct Push {
    DeliveryId delivery = 0;
    common::Door door = common::Door::kTwoConnection;
    SessionId session = 0;  // 0: he is not connected, and takes messages at `to`
    MessagePtr message;
    common::Endpoint to = {};
  };
  std::optional<Push> poll_push();

  /// Send this; handle_outcome with kSent or kRefused follows.
  struct Transmit {
    DeliveryId delivery = 0;
    common::Endpoint to;
    std::shared_ptr<const common::ByteVector> datagram;
  };
  std::optional<Transmit> poll_transmit();

  void handle_outcome(DeliveryId delivery, DeliveryOutcome outcome);

  struct Result {
    Asker asker;
    std::uint64_t cookie = 0;
    DeliveryId delivery = 0;
    DeliveryOutcome outcome = DeliveryOutcome::kUnknown;
  };
  std::optional<Result> poll_result();

  /// Deliveries whose result is not known yet.
  std::size_t under_way() const { return deliveries_.size(); }
  const HubCounters& counters() const { return counters_; }

 private:
  struct Delivery {
    Asker asker;
    std::uint64_t cookie;
    std::size_t left;  // recipients whose outcome is not known yet
    DeliveryOutcome outcome = DeliveryOutcome::kDelivered;  // the worst so far
  };
  using Datagram = std::shared_ptr<const common::ByteVector>;

  DeliveryId begin(Asker asker, std::uint64_t cookie, std::size_t recipients);
  std::optional<DeliveryOutcome> greet(const common::UserName& sender, std::string_view text);
  void route(DeliveryId id, const Record& record, const MessagePtr& message, Datagram& datagram);
  void end_share(DeliveryId id);
  void end(DeliveryId id, const Delivery& delivery);

  const Directory& directory_;
  Group room_;
  DeliveryId last_delivery_ = 0;
  std::unordered_map<DeliveryId, Delivery> deliveries_;
  std::deque<Push> pushes_;
  std::deque<Transmit> transmits_;
  std::deque<Result> results_;
  HubCounters counters_;
};

}  // namespace registry
