// The rendezvous door (docs/protocol/rendezvous.md): users who search, ask each other for a chat,
// and then talk without the registry, or in groups through it. A core: it uses the directory and
// the hub beside it; sockets are the shell's. Who is in which room is rendezvous_rooms' affair.
//
// Users of other doors are the rooms' guests. What is written to them comes on a connection to the
// relay port of the chat, where the registry sits in their place.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "common/rendezvous_frame.hpp"
#include "registry/directory.hpp"
#include "registry/doors/deadline_queue.hpp"
#include "registry/doors/limits.hpp"
#include "registry/doors/message_door.hpp"
#include "registry/doors/relay_ports.hpp"
#include "registry/doors/rendezvous_rooms.hpp"
#include "registry/hub.hpp"
#include "registry/source_counts.hpp"

namespace registry::doors {

struct RendezvousOptions {
  /// A user of whom nothing is heard for so long is gone: no HELLO, and no frame either.
  Duration lease = std::chrono::seconds(200);
  /// What the wall clock showed when the monotonic one began: for "since" in lists.
  common::WallTime wall_at_zero;
};

struct RendezvousCounters {
  std::uint64_t accepted = 0;
  std::map<std::string, std::uint64_t> refused;  // connections closed at once, by reason
  std::uint64_t registrations = 0;
  std::map<std::string, std::uint64_t> refused_registrations;
  std::uint64_t hellos = 0;
  std::map<std::string, std::uint64_t> dropped_hellos;
  std::map<std::string, std::uint64_t> dropped_frames;
  std::uint64_t group_messages = 0;             // one for all its readers
  std::uint64_t relayed = 0;                    // to users of other doors
  std::map<std::string, std::uint64_t> closed;  // connections the door gave up, by reason
};

class RendezvousDoor final : public MessageDoor {
 public:
  RendezvousDoor(RendezvousOptions options, Directory& directory, Hub& hub,
                 IsOwnAddress is_own_address)
      : options_(options),
        directory_(directory),
        hub_(hub),
        is_own_address_(std::move(is_own_address)) {}

  /// The ports of the registry's where users write to those of other doors. Before they are set,
  /// these cannot be asked for a chat.
  void set_relay_ports(std::vector<std::uint16_t> ports) { relay_ports_.set(std::move(ports)); }
  void set_own_ports(const std::vector<std::uint16_t>& ports) override { own_ports_ = ports; }

  void handle_accepted(TimePoint now, StreamId stream, const common::IpAddress& source,
                       const common::Endpoint& local) override;
  void handle_accepted_from(TimePoint now, StreamId stream, const common::Endpoint& source,
                            const common::Endpoint& local) override;
  bool handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) override;
  void handle_end(TimePoint now, StreamId stream) override;
  void handle_closed(TimePoint now, StreamId stream) override;
  void handle_dialed(TimePoint now, StreamId client, std::optional<StreamId> stream) override;
  void handle_probed(TimePoint /*now*/, StreamId /*stream*/) override {}
  void handle_backlog(TimePoint now, StreamId stream, bool is_behind) override;
  void handle_timeout(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  std::optional<StreamAction> poll_action() override;

  /// HELLO. Nothing is answered.
  void handle_datagram(TimePoint now, const common::IpAddress& source, std::string_view datagram);

  void handle_push(TimePoint now, Hub::Push push) override;
  void handle_result(TimePoint now, const Hub::Result& result) override;
  void fail_deliveries() override;
  void shut_down(TimePoint now) override;

  std::optional<DoorNotice> poll_notice() override;
  std::vector<DoorMetric> metrics() const override;

  /// Connections, at the relay ports too.
  std::size_t client_count() const { return clients_.size(); }
  std::size_t guest_count() const { return guests_.size(); }
  std::size_t held_count() const { return held_deadlines_.size(); }
  const RendezvousRooms& rooms() const { return rooms_; }
  const RendezvousCounters& counters() const { return counters_; }

 private:
  using UserId = RendezvousRooms::UserId;
  using ChatId = RendezvousRooms::RoomNumber;
  /// Users are known by their streams' numbers, guests by numbers that no stream will have.
  static constexpr UserId kFirstGuest = UserId{1} << 62;

  enum class Role {
    kNew,      // before REGISTER
    kUser,     // listed
    kLeaving,  // has been told LOGOUTSUCCESS, or why he is refused
    kLink,     // a connection to a relay port
  };
  struct Client {
    StreamId stream = 0;
    Role role = Role::kNew;
    common::Endpoint source;
    common::IpAddress local;
    common::RendezvousSplitter input;
    std::optional<common::UserName> name;  // of a user
    std::uint16_t port = 0;                // where he takes his partner's texts
    std::set<StreamId> links;              // of a user: his at relay ports
    std::uint16_t relay_port = 0;  // of a user: of his latest chat with a guest; of a link: its own
    StreamId owner = 0;            // of a link: whose it is, once he has said so
    ChatId chat = 0;               // of a link: the chat it is for, from then on
    ChatId newest_chat = 0;        // of a link: the latest of all chats when it came
    std::size_t under_way = 0;     // messages to users of other doors without a result yet
    bool is_behind = false;        // in reading
    std::size_t bytes_behind = 0;  // written to him since
    std::optional<TimePoint> frame_deadline;
    std::optional<TimePoint> catch_up_deadline;
    std::optional<TimePoint> deadline;    // to register, to be heard of, to close
    std::optional<TimePoint> checked_at;  // of timers_
  };
  /// A user of another door who has asked somebody here, or talks with somebody here.
  struct Guest {
    common::UserName name;
    Version order = 0;  // of the registration that he came with; 0: he has none
  };
  struct Held {
    DeliveryId delivery = 0;
    MessagePtr message;
    TimePoint deadline;
  };
  using HeldKey = std::pair<StreamId, UserId>;  // whom it is for, who wrote it

  Client* find(StreamId stream);
  Client* find_user(const common::UserName& name);
  void arm(Client& client);
  void accept_link(Client& link);
  void unlist(Client& client);
  void end_client(Client& client, bool closes);
  void give_up(Client& client, std::string_view reason);
  void refuse(Client& client, const char* reason, std::string_view cause, std::string_view notice);
  void run_deadlines(TimePoint now, Client& client);
  /// What is to be done after anything that happened.
  void settle();

  void run_frame(TimePoint now, Client& client, std::string_view data);
  void run_register(TimePoint now, Client& client, const common::RendezvousData& data);
  void run_command(TimePoint now, Client& client, const common::RendezvousData& data);
  void run_search(Client& client, std::string_view wanted);
  bool has_asked(const Client& client, const common::UserName& name) const;
  void run_chat_request(TimePoint now, Client& client, std::string_view wanted);
  void run_group_chat(TimePoint now, Client& client, const common::RendezvousData& data);
  void run_answer(Client& client, const common::RendezvousData& data);
  void run_logout(TimePoint now, Client& client);
  bool is_own(const Client& client, std::string_view field);
  bool may_have_port(const Client& client, std::uint16_t port) const;
  void drop(const char* reason) { ++counters_.dropped_frames[reason]; }

  // Texts: rendezvous_messages.cpp.
  void run_message(Client& client, std::string_view content);
  void run_link_frame(Client& link, std::string_view data);
  Client* link_user(const Client& link, std::string_view sender);
  bool bind_link(Client& link, Client& user);
  void send_to_group(const Client& client, std::string_view text);
  void send_to_guest(Client& client, UserId guest, std::string text);
  void hold(TimePoint now, const Client& client, UserId sender, Hub::Push push);
  /// Takes those off that wait for the user's consent to the sender.
  std::deque<Held> take_held(StreamId client, UserId sender);
  void fail_held(StreamId client, UserId sender, DeliveryOutcome outcome);
  void fail_all_held(StreamId client, DeliveryOutcome outcome);
  void show(Client& client, const Message& message);
  void tell_guest(UserId guest, const Client& about, std::string_view text);
  UserId guest_of(const common::UserName& name);
  bool is_open_room(const common::UserName& name) const {
    return name.is_room() && hub_.room().is_open();
  }
  bool is_current(const Guest& guest) const;
  void end_guest(UserId guest);

  // Rooms.
  void run_room_events();
  void tell_event(const RoomEvent& event);
  void tell_guest_of_event(const RoomEvent& event);
  std::uint16_t next_relay_port(const Client& client);
  common::Endpoint partner_endpoint(const Client& client, UserId partner);
  std::string name_of(UserId user) const;

  void say(Client& client, std::string_view cause, std::string_view data);
  void write(Client& client, std::shared_ptr<const std::string> bytes);
  void note(std::string_view what, const Client& client);

  RendezvousOptions options_;
  Directory& directory_;
  Hub& hub_;
  RendezvousRooms rooms_;
  RelayPorts relay_ports_;
  IsOwnAddress is_own_address_;
  std::vector<std::uint16_t> own_ports_;
  bool is_stopping_ = false;

  std::unordered_map<StreamId, std::unique_ptr<Client>> clients_;
  std::map<std::string, StreamId> users_;  // by key
  std::set<StreamId> unbound_links_;       // in order of their coming
  SourceCounts per_source_;
  DeadlineQueue<Client> timers_{clients_};
  std::set<StreamId> overfull_;  // to be given up: they do not read

  UserId last_guest_ = kFirstGuest;
  std::unordered_map<UserId, Guest> guests_;
  std::map<std::string, UserId> guest_ids_;  // by key
  std::vector<UserId> idle_guests_;          // perhaps: who is not involved is forgotten

  std::map<HeldKey, std::deque<Held>> held_;
  /// One delivery may be held for several, as one to the room is.
  std::set<std::tuple<TimePoint, DeliveryId, HeldKey>> held_deadlines_;
  /// Messages to guests that have no result yet.
  std::unordered_map<DeliveryId, UserId> sent_to_;

  std::deque<StreamAction> actions_;
  std::deque<DoorNotice> notices_;
  RendezvousCounters counters_;
};

}  // namespace registry::doors
