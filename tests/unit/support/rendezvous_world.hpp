// The rendezvous door with directory and hub, its users and those of other doors, whom a test moves
// by hand.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/rendezvous_frame.hpp"
#include "registry/node.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// How often a door has counted `reason`.
inline std::uint64_t count(const std::map<std::string, std::uint64_t>& counts, const char* reason) {
  const auto it = counts.find(reason);
  return it == counts.end() ? 0 : it->second;
}

class RendezvousWorld {
 public:
  using StreamId = registry::doors::StreamId;
  static constexpr std::uint16_t kPort = 6234;
  static constexpr std::uint16_t kRelayPort = 6236;

  explicit RendezvousWorld(registry::doors::RendezvousOptions options = {})
      : node_({.two_connection = registry::doors::TwoConnectionOptions{},
               .room = registry::doors::RoomOptions{},
               .rendezvous = options,
               .is_own_address =
                   [](const common::IpAddress& address) { return address == ip("10.0.0.1"); }},
              random_, [] { return std::string(); }) {
    door().set_relay_ports({kRelayPort, kRelayPort + 1, kRelayPort + 2});
    std::vector<registry::BadAccountLine> bad_lines;
    node_.two_connection()->set_accounts(
        registry::Accounts::parse("carol pw\ndave pw\n", bad_lines));
  }

  registry::Node& node() { return node_; }
  registry::doors::RendezvousDoor& door() { return *node_.rendezvous(); }
  common::TimePoint now() const { return now_; }

  StreamId connect(std::string_view source = "127.0.0.1:47001",
                   std::string_view local = "127.0.0.1") {
    return accept(door(), source, {ip(local), kPort});
  }
  /// A connection to a relay port: to that of a user's first chat, or another.
  StreamId link(std::string_view source = "127.0.0.1:47100", std::uint16_t port = kRelayPort) {
    return accept(door(), source, {ip("127.0.0.1"), port});
  }
  /// The bytes as they are.
  void send_bytes(StreamId id, std::string_view bytes) {
    streams_.at(id).door->handle_bytes(now_, id, bytes);
    settle();
  }
  /// One frame.
  void send(StreamId id, std::string_view data) {
    send_bytes(id, common::encode_rendezvous_frame(data));
  }
  StreamId join(std::string_view name, std::uint16_t port = 7000,
                std::string_view source = "127.0.0.1:47001", std::string_view local = "127.0.0.1") {
    const StreamId id = connect(source, local);
    send_bytes(id, common::encode_rendezvous_register(name, port));
    return id;
  }
  void hello(std::string_view datagram, std::string_view source = "127.0.0.1") {
    door().handle_datagram(now_, ip(source), datagram);
    settle();
  }
  void end(StreamId id) {
    streams_.at(id).door->handle_end(now_, id);
    settle();
  }
  void cut(StreamId id) {
    streams_.at(id).door->handle_closed(now_, id);
    settle();
  }
  void backlog(StreamId id, bool is_behind) {
    door().handle_backlog(now_, id, is_behind);
    settle();
  }

  /// What has been sent since it was last asked: "ali> text", a line each.
  std::string said(StreamId id) {
    common::RendezvousSplitter splitter;
    splitter.push(std::exchange(streams_.at(id).out, {}));
    std::string text;
    while (const auto cause = splitter.next()) {
      const auto data = splitter.next();
      ENSURE(data.has_value());
      if (!text.empty()) text += '\n';
      text += *cause + "> " + *data;
    }
    ENSURE(splitter.is_idle() && !splitter.error());
    return text;
  }
  std::string raw(StreamId id) { return std::exchange(streams_.at(id).out, {}); }
  /// The writes that it came in.
  std::size_t writes(StreamId id) { return std::exchange(streams_.at(id).writes, 0); }
  bool is_closed(StreamId id) { return streams_.at(id).is_closed; }

  /// A user of the two-connection door, who confirms what he is pushed.
  struct LoginUser {
    StreamId la = 0;
    StreamId lb = 0;
  };
  LoginUser log_in(std::string_view name) {
    auto& login = *node_.two_connection();
    LoginUser user{.la = accept(login, "127.0.0.1:48001", {ip("127.0.0.1"), 9000}), .lb = 0};
    send_bytes(user.la, "/login " + std::string(name) + " pw\n/port 50001\n");
    user.lb = last_stream_;
    raw(user.la);
    return user;
  }
  /// A user of the room door; his greeting is read.
  StreamId enter(std::string_view name) {
    const StreamId id =
        accept(*node_.doors().at(common::Door::kRoom), "127.0.0.1:48002", {ip("127.0.0.1"), 12000});
    send_bytes(id, std::string(name) + '\n');
    raw(id);
    return id;
  }
  void confirm(const LoginUser& user) { send_bytes(user.lb, "302 Message receipt successful\n"); }

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
  /// "127.0.0.1:50001 < ali: hello" for each datagram that left.
  std::vector<std::string> datagrams;

  /// A message by HTTP.
  void post(std::string_view from, std::string_view to, std::string text) {
    node_.hub().deliver(registry::Asker::http(), 0,
                        std::make_shared<const registry::Message>(
                            registry::Message{std::string(from), std::move(text), false}),
                        name(to));
    settle();
  }
  void post_to_all(std::string_view from, std::string text) {
    node_.hub().deliver_to_all(registry::Asker::http(), 0,
                               std::make_shared<const registry::Message>(
                                   registry::Message{std::string(from), std::move(text), true}),
                               name(from));
    settle();
  }
  /// What came of messages since it was last asked: "sent", a word each.
  std::string came_of() {
    std::string words;
    for (std::size_t i = 0; i < registry::kDeliveryOutcomeCount; ++i) {
      const auto outcome = static_cast<registry::DeliveryOutcome>(i);
      while (told_[i] < node_.hub().counters().outcomes[i]) {
        ++told_[i];
        words += (words.empty() ? "" : " ") + std::string(to_string(outcome));
      }
    }
    return words;
  }

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

  void settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      node_.run_hub(now_);
      while (const auto transmit = node_.hub().poll_transmit()) {
        is_quiet = false;
        datagrams.push_back(common::format_endpoint(transmit->to) + " < " +
                            std::string(common::as_text(*transmit->datagram)));
        node_.handle_transmitted(transmit->delivery, true);
      }
      auto& login = *node_.two_connection();
      while (const auto verify = login.poll_verification(now_)) {
        is_quiet = false;
        login.handle_verified(now_, common::WallTime{1}, verify->client,
                              verify->secret == verify->password);
      }
      for (const auto& [which, held] : node_.doors()) {
        while (const auto action = held->poll_action()) {
          is_quiet = false;
          carry_out(*held, *action);
        }
      }
    }
    while (node_.poll_event()) {
    }
    ENSURE(!node_.hub().poll_result());
  }

 private:
  struct Stream {
    registry::doors::MessageDoor* door = nullptr;
    std::string out;
    std::size_t writes = 0;
    bool is_closed = false;
  };

  StreamId accept(registry::doors::MessageDoor& door, std::string_view source,
                  const common::Endpoint& local) {
    const StreamId id = ++last_stream_;
    streams_[id].door = &door;
    door.handle_accepted_from(now_, id, endpoint(source), local);
    settle();
    return id;
  }

  void carry_out(registry::doors::MessageDoor& door, const registry::doors::StreamAction& action) {
    if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
      Stream& stream = streams_.at(write->stream);
      ENSURE(!stream.is_closed);
      stream.out += *write->bytes;
      ++stream.writes;
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      streams_.at(closed->stream).is_closed = true;
    } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
      streams_[++last_stream_].door = &door;
      door.handle_dialed(now_, dial->client, last_stream_);
    }
  }

  TestRandom random_{1};
  std::array<std::uint64_t, registry::kDeliveryOutcomeCount> told_{};
  registry::Node node_;
  common::TimePoint now_{std::chrono::hours(1)};
  StreamId last_stream_ = 0;
  std::map<StreamId, Stream> streams_;
};

}  // namespace test
