// The room door (docs/protocol/room.md): a name, then lines; each line goes to everybody else in
// the room. A core: it uses the directory and the hub beside it; sockets are the shell's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "registry/directory.hpp"
#include "registry/doors/deadline_queue.hpp"
#include "registry/doors/limits.hpp"
#include "registry/doors/message_door.hpp"
#include "registry/doors/room_lines.hpp"
#include "registry/hub.hpp"
#include "registry/source_counts.hpp"

namespace registry::doors {

struct RoomOptions {
  /// What the wall clock showed when the monotonic one began: for "since" in lists.
  common::WallTime wall_at_zero;
};

struct RoomCounters {
  std::uint64_t accepted = 0;
  std::map<std::string, std::uint64_t> refused;  // connections closed at once, by reason
  std::uint64_t joins = 0;
  std::map<std::string, std::uint64_t> refused_names;  // asked again, by reason
  std::uint64_t lines = 0;                             // said in the room
  std::uint64_t parts = 0;          // of them: of a line too long to be said at once, not its last
  std::uint64_t escaped_lines = 0;  // of them: with bytes that were made visible
  std::uint64_t undelivered = 0;    // messages for a user who was behind in reading
  std::map<std::string, std::uint64_t> closed;  // connections the door gave up, by reason
};

class RoomDoor final : public MessageDoor {
 public:
  RoomDoor(RoomOptions options, Directory& directory, Hub& hub);

  void handle_accepted(TimePoint now, StreamId stream, const common::IpAddress& source,
                       const common::Endpoint& local) override;
  bool handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) override;
  void handle_end(TimePoint now, StreamId stream) override;
  void handle_closed(TimePoint now, StreamId stream) override;
  void handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) override;
  void handle_probed(TimePoint now, StreamId stream) override;
  void handle_backlog(TimePoint now, StreamId stream, bool is_behind) override;
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<StreamAction> poll_action() override;

  void handle_push(TimePoint now, Hub::Push push) override;
  void handle_result(TimePoint now, const Hub::Result& result) override;
  void fail_deliveries() override { is_stopping_ = true; }
  void shut_down(TimePoint now) override;
  std::vector<DoorMetric> metrics() const override;

  std::size_t client_count() const { return clients_.size(); }
  std::size_t nameless_count() const { return nameless_.size(); }
  const RoomCounters& counters() const { return counters_; }

 private:
  struct Client {
    StreamId stream = 0;
    common::IpAddress source;
    std::optional<common::UserName> name;  // once he is in the room
    RoomInput input;
    std::size_t names_refused = 0;
    bool is_paused = false;               // his bytes wait in the kernel
    bool has_ended = false;               // he sends no more
    bool is_skipping = false;             // the rest of a line that is too long for a name
    bool has_turn = false;                // he is in turns_
    DeliveryId delivery = 0;              // of his line under way; 0: none is
    std::optional<TimePoint> deadline;    // nameless, or behind
    std::optional<TimePoint> checked_at;  // of timers_
  };
  using Bytes = std::shared_ptr<const std::string>;

  Client* find(StreamId stream);
  void write(StreamId stream, Bytes bytes);
  void set_deadline(Client& client, std::optional<TimePoint> deadline);
  void take_input(TimePoint now, Client& client);
  void take_name(TimePoint now, Client& client, const RoomInput::Line& line);
  bool join(TimePoint now, Client& client, std::string_view typed);
  void ask_again(Client& client, const char* reason);
  void wait_for_turn(Client& client);
  bool may_speak() const { return writes_left_ > 0 && behind_.empty(); }
  void take_turns(TimePoint now);
  void say_next(Client& client);
  void resume(Client& client);
  const Bytes& bytes_of(const MessagePtr& message);
  void end_client(Client& client, bool closes);
  void give_up(Client& client, const char* reason);

  RoomOptions options_;
  Directory& directory_;
  Hub& hub_;
  bool is_stopping_ = false;

  std::unordered_map<StreamId, std::unique_ptr<Client>> clients_;
  std::set<StreamId> nameless_;  // in order of their coming
  std::set<StreamId> behind_;    // in reading: while there are any, nobody's line is taken up
  SourceCounts per_source_;
  DeadlineQueue<Client> timers_{clients_};

  // Each who has a line to say says one, then it is the next one's turn.
  std::deque<StreamId> turns_;
  std::size_t writes_left_ = kRoomWritesAtOnce;  // until what is written has left
  std::optional<TimePoint> turns_at_;            // when there was no room for more writes

  std::deque<StreamAction> actions_;

  // Rendered once for all who are told the same.
  MessagePtr last_message_;
  Bytes last_bytes_;

  RoomCounters counters_;
};

}  // namespace registry::doors
