// The users of the rendezvous door in the lab of doors: they ask and answer each other and users of
// other doors, talk in groups and over relay ports, with connections that come late, leave in
// every way, and are cut off for a while.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/rendezvous_frame.hpp"
#include "tests/sim/lab.hpp"

namespace sim {

class RendezvousCrowd {
 public:
  using StreamId = Lab::StreamId;
  static constexpr std::uint16_t kRelayPort = 30'000;
  /// Twice as many as a user may keep connections to: each comes again no earlier than eight chats
  /// later, and what is late by then is later than write_late() is.
  static constexpr std::size_t kRelayPorts = 16;

  RendezvousCrowd(Lab lab, std::size_t users) : lab_(std::move(lab)), users_(users) {}

  void begin();
  /// Everybody breaks off, and nobody comes any more.
  void end();
  void carry_out(const registry::doors::StreamAction& action);
  /// The bounds of the door's queues.
  void check_bounds();

  std::size_t size() const { return users_.size(); }
  static std::string name_of(std::size_t user) { return "a" + std::to_string(user); }
  bool is_ready(std::size_t user) const {
    return users_[user].is_in && users_[user].name == name_of(user) && !is_in_room(user);
  }
  void ask(std::size_t user, const std::string& name);
  /// In the calm, where others are let in at once: asks for a chat, and writes once it is there.
  /// What it will write.
  std::string ask_and_write(std::size_t user, const std::string& name);
  void leave_room(std::size_t user);
  bool is_in_room(std::size_t user) const {
    return !users_[user].partner.empty() || users_[user].group != 0;
  }

  std::uint64_t chats() const { return chats_; }
  std::uint64_t late() const { return late_; }

 private:
  struct User {
    std::string name;
    StreamId stream = 0;  // 0: not connected
    bool is_in = false;   // registered, as far as he has read
    bool is_going = false;
    common::RendezvousSplitter input;
    TimePoint cut_until;
    // The chat or group he is in, as far as he has read.
    std::string partner;
    std::string person;  // who the partner was when the registry said so
    std::uint16_t relay_port = 0;
    StreamId link = 0;
    std::uint32_t group = 0;
    // What he has said yes to, or asked for.
    std::set<std::string> asked, accepted;
    std::set<std::uint32_t> accepted_groups;
    TimePoint accepted_group_until;
    std::set<std::string> requests;
    std::set<std::uint32_t> invitations;
    std::string calm_text;  // for the next partner
  };
  struct Stream {
    std::size_t user = 0;
    bool is_link = false;
    TimePoint to_door_free, to_user_free;
  };

  registry::doors::RendezvousDoor& door() { return *lab_.node.rendezvous(); }
  void act(std::size_t index);
  void act_free(std::size_t index);
  void act_in_room(std::size_t index);
  void connect(std::size_t index);
  void leave_somehow(std::size_t index);
  void lose(std::size_t index, Duration after);
  StreamId open(std::size_t index, std::uint16_t port, bool is_link, Duration after);
  void send(std::size_t index, const std::string& data) {
    send_bytes(users_[index].stream, common::encode_rendezvous_frame(data));
  }
  void send_bytes(StreamId stream, std::string bytes);
  void write_to_partner(std::size_t index, const std::string& text);
  void write_late(std::size_t index);
  void hear(std::size_t index, const std::string& cause, const std::string& data,
            const std::string& person);
  void enter_chat(std::size_t index, const common::RendezvousData& data, const std::string& person);
  void hear_notice(std::size_t index, const std::string& text);
  void hear_message(std::size_t index, const std::string& cause, std::string_view text);

  Lab lab_;
  std::vector<User> users_;
  std::map<StreamId, Stream> streams_;
  bool is_ending_ = false;
  std::uint64_t chats_ = 0;
  std::uint64_t late_ = 0;
};

}  // namespace sim
