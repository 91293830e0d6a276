// Users in the lab of doors whose programs the registry lists and sends messages to: classic
// listeners by datagram, which get lost, or NetChat programs by connections. They write to others
// by gateway ports, die, come back at another port, move, log out, and are cut off for a while.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/lab.hpp"

namespace sim {

class ListedCrowd {
 public:
  using StreamId = Lab::StreamId;

  ListedCrowd(Lab lab, common::Transport transport, std::size_t users);

  void begin();
  /// Everybody logs out, and nobody comes any more.
  void end();
  std::size_t size() const { return users_.size(); }
  std::string name_of(std::size_t user) const;
  bool is_ready(std::size_t user) const;

  /// Sends to the gateway port of somebody who takes no messages of this transport; what was sent,
  /// or nothing if there is no such port.
  std::string write_to(std::size_t user, const std::string& name);
  void enter_room(std::size_t user);

  // What the registry does.
  void handle_committed(registry::ChangeId change);
  void receive_datagram(const common::Endpoint& to, common::ByteVector datagram);
  void carry_out(const registry::doors::StreamAction& action);

 private:
  struct User {
    std::string name;               // that he claims, or has
    registry::ChangeId change = 0;  // being made durable
    bool is_leaving = false;        // by that change
    bool is_listed = false;
    bool is_up = false;  // listens
    std::uint16_t port = 0;
    std::string person;
    TimePoint cut_until;
    bool has_entered = false;  // written to the room
    TimePoint hears_until;     // after he left it
  };
  /// A connection either way.
  struct Stream {
    std::size_t user = 0;
    TimePoint to_door_free, to_user_free;
    std::string bytes;  // written to him
  };

  bool is_udp() const { return transport_ == common::Transport::kUdp; }
  common::Endpoint endpoint_of(std::size_t user, std::uint16_t port) const;
  registry::Caller caller_of(std::size_t user) const {
    return {.source = endpoint_of(user, 0).address, .token = std::nullopt};
  }
  bool is_cut(std::size_t user) const { return lab_.now() < users_[user].cut_until; }
  /// Nobody: size().
  std::size_t user_at(const common::Endpoint& endpoint) const;

  void act(std::size_t index);
  void claim(std::size_t index);
  void restart(std::size_t index);
  void log_out(std::size_t index);
  void write_to_room(std::size_t index);
  void send(std::size_t index, std::uint16_t port, const std::string& text);
  void send_stream(std::size_t index, std::uint16_t port, const std::string& bytes);
  void dial(const registry::doors::Dial& dial);
  void read(std::size_t index, std::string_view from, std::string_view text);

  Lab lab_;
  common::Transport transport_;
  std::vector<User> users_;
  std::map<StreamId, Stream> streams_;
  std::uint16_t last_port_ = 40'000;
  bool is_ending_ = false;
};

}  // namespace sim
