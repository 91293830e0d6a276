// The doors of streams with directory and hub, and clients that a test moves by hand.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "registry/node.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/counting_ports.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

class DoorWorld {
 public:
  using StreamId = registry::doors::StreamId;

  /// Accounts as the file has them.
  explicit DoorWorld(std::string_view accounts = "carol s3cret\ndave pw2\nerin pw3\n",
                     registry::doors::TwoConnectionOptions options = {},
                     std::size_t gateway_ports = 64)
      : node_({.two_connection = options,
               .room = registry::doors::RoomOptions{.wall_at_zero = {1'000'000}},
               .gateway_ports = &ports,
               .gateway_ports_max = gateway_ports},
              random_, [] { return std::string(); }) {
    set_accounts(accounts);
  }

  void set_accounts(std::string_view text) {
    std::vector<registry::BadAccountLine> bad_lines;
    door().set_accounts(registry::Accounts::parse(text, bad_lines));
  }

  registry::Node& node() { return node_; }
  registry::doors::TwoConnectionDoor& door() { return *node_.two_connection(); }
  registry::doors::RoomDoor& room() {
    return static_cast<registry::doors::RoomDoor&>(*node_.doors().at(common::Door::kRoom));
  }
  common::TimePoint now() const { return now_; }

  /// A client's connection; what is said on it is in said(id) from then on.
  StreamId connect(std::string_view source = "127.0.0.1") {
    const StreamId id = ++last_stream_;
    streams_[id];
    door().handle_accepted(now_, id, ip(source), {ip("127.0.0.1"), 9000});
    settle();
    return id;
  }
  void send(StreamId id, std::string_view bytes) {
    streams_[id].takes_more = door_of(id).handle_bytes(now_, id, bytes);
    settle();
  }
  void end(StreamId id) {
    door_of(id).handle_end(now_, id);
    settle();
  }
  void cut(StreamId id) {
    door_of(id).handle_closed(now_, id);
    settle();
  }
  /// What has been sent since it was last asked.
  std::string said(StreamId id) { return std::exchange(streams_[id].out, {}); }
  bool is_closed(StreamId id) { return streams_[id].is_closed; }
  bool takes_more(StreamId id) { return streams_[id].takes_more; }

  /// A connection to the room's door, which has asked for a name.
  StreamId come(std::string_view source = "127.0.0.1") {
    const StreamId id = ++last_stream_;
    streams_[id].is_in_room = true;
    room().handle_accepted(now_, id, ip(source), {ip("127.0.0.1"), 12'000});
    settle();
    return id;
  }
  /// A user in the room; his greetings are read.
  StreamId enter(std::string_view name, std::string_view source = "127.0.0.1") {
    const StreamId id = come(source);
    send(id, std::string(name) + '\n');
    ENSURE(said(id).ends_with(registry::doors::kRoomWelcome));
    return id;
  }
  void fall_behind(StreamId id, bool is_behind = true) {
    door_of(id).handle_backlog(now_, id, is_behind);
    settle();
  }

  /// Both connections of a user who has logged in; their greetings are read.
  struct User {
    StreamId la = 0;
    StreamId lb = 0;
  };
  User log_in(std::string_view name, std::string_view password,
              std::string_view source = "127.0.0.1") {
    User user{.la = connect(source), .lb = 0};
    send(user.la, "/login " + std::string(name) + ' ' + std::string(password) + "\n/port 50001\n");
    user.lb = last_stream_;
    said(user.la);
    return user;
  }

  /// Lets time pass, with every timer on its way.
  void pass(common::Duration duration) {
    const common::TimePoint end = now_ + duration;
    for (;;) {
      const auto due = node_.next_timeout();
      if (!due || *due > end) break;
      now_ = std::max(now_, *due);
      node_.handle_timeout(now_);
      settle();
    }
    now_ = end;
    node_.handle_timeout(now_);
    settle();
  }

  /// Dials succeed at once unless this says otherwise; then answer_dial() does.
  enum class Dialing { kSucceed, kFail, kWait };
  Dialing dialing = Dialing::kSucceed;
  StreamId answer_dial(bool is_connected) {
    const auto dial = dials_.back();
    dials_.pop_back();
    finish_dial(dial, is_connected);
    settle();
    return is_connected ? last_stream_ : 0;
  }
  std::vector<registry::doors::Dial> dialed;  // all there were

  /// Passwords are checked at once unless this is false; then verify_next() does.
  bool verifies_at_once = true;
  std::vector<registry::doors::TwoConnectionDoor::Verify> to_verify;
  void verify_next() {
    const auto verify = to_verify.front();
    to_verify.erase(to_verify.begin());
    finish_verification(verify);
    settle();
  }

  std::vector<StreamId> probed;
  void answer_probe(StreamId id) {
    door().handle_probed(now_, id);
    settle();
  }

  /// "127.0.0.1:50001 < carol: hello" for each datagram that left.
  std::vector<std::string> datagrams;
  bool datagrams_fail = false;

  /// A classic listener, as if he had registered.
  void listen(std::string_view record_text) {
    auto parsed = record(record_text);
    const auto outcome = node_.directory().register_user(
        now_, {.name = std::move(parsed.name), .endpoint = parsed.endpoint},
        {.source = parsed.endpoint.address, .token = std::nullopt});
    ENSURE(std::holds_alternative<registry::Pending>(outcome));
    while (const auto change = node_.poll_change())
      node_.handle_committed(now_, {{change->id, node_.directory().version() + 1}});
  }

  /// Everything that there is to do now, the way the process does it.
  void settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      node_.run_hub(now_);
      while (const auto transmit = node_.hub().poll_transmit()) {
        is_quiet = false;
        datagrams.push_back(common::format_endpoint(transmit->to) + " < " +
                            std::string(common::as_text(*transmit->datagram)));
        node_.handle_transmitted(transmit->delivery, !datagrams_fail);
      }
      while (auto verify = door().poll_verification(now_)) {
        is_quiet = false;
        to_verify.push_back(*std::move(verify));
      }
      while (verifies_at_once && !to_verify.empty()) {
        const auto verify = to_verify.front();
        to_verify.erase(to_verify.begin());
        finish_verification(verify);
      }
      for (const auto& [kind, door] : node_.doors()) {
        while (const auto action = door->poll_action()) {
          is_quiet = false;
          carry_out(*action);
        }
      }
    }
    while (node_.poll_event()) {
    }
  }

  CountingPorts ports;

 private:
  struct Stream {
    std::string out;
    bool is_closed = false;
    bool takes_more = true;
    bool is_in_room = false;
  };

  registry::doors::StreamDoor& door_of(StreamId id) {
    if (streams_.at(id).is_in_room) return room();
    return door();
  }

  void finish_verification(const registry::doors::TwoConnectionDoor::Verify& verify) {
    door().handle_verified(now_, common::WallTime{1}, verify.client,
                           !verify.secret.empty() && verify.secret == verify.password);
  }

  void finish_dial(const registry::doors::Dial& dial, bool is_connected) {
    if (!is_connected) return door().handle_dialed(now_, dial.client, std::nullopt);
    streams_[++last_stream_];
    door().handle_dialed(now_, dial.client, last_stream_);
  }

  void carry_out(const registry::doors::StreamAction& action) {
    if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
      Stream& stream = streams_.at(write->stream);
      ENSURE(!stream.is_closed);
      stream.out += *write->bytes;
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      streams_.at(closed->stream).is_closed = true;
    } else if (const auto* resumed = std::get_if<registry::doors::Resume>(&action)) {
      streams_.at(resumed->stream).takes_more = true;
    } else if (const auto* probe = std::get_if<registry::doors::Probe>(&action)) {
      probed.push_back(probe->stream);
    } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
      dialed.push_back(*dial);
      if (dialing == Dialing::kWait) {
        dials_.push_back(*dial);
      } else {
        finish_dial(*dial, dialing == Dialing::kSucceed);
      }
    }
  }

  TestRandom random_{1};
  registry::Node node_;
  common::TimePoint now_{std::chrono::hours(1)};
  StreamId last_stream_ = 0;
  std::map<StreamId, Stream> streams_;
  std::vector<registry::doors::Dial> dials_;
};

}  // namespace test
