// A script of calls on the NetChat door and both gateways: users of either transport who come, move
// and go, connections to gateway ports in any pieces, datagrams, messages from the hub, and
// connections to users that come about or not.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "registry/doors/limits.hpp"
#include "registry/doors/netchat.hpp"
#include "registry/message_text.hpp"
#include "registry/node.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using namespace std::chrono_literals;
using common::IpAddress;
using common::TimePoint;
using common::Transport;
using registry::doors::StreamId;

constexpr std::array<common::Duration, 5> kSteps = {1ms, 300ms, 3s, 5s, 1h};
constexpr std::size_t kUsers = 6;
constexpr std::uint16_t kHttpPort = 8080;
constexpr std::size_t kPortsMax = 3;

class Ports final : public registry::GatewayPorts {
 public:
  explicit Ports(std::uint16_t first) : next_(first) {}
  std::optional<std::uint16_t> open() override {
    if (++asked_ % 7 == 0) return std::nullopt;
    open_ports.insert(next_);
    return next_++;
  }
  void close(std::uint16_t port) override { ENSURE(open_ports.erase(port) == 1); }

  std::set<std::uint16_t> open_ports;

 private:
  std::uint16_t next_;
  int asked_ = 0;
};

class World {
 public:
  World()
      : node_({.gateway_ports = &udp_,
               .tcp_gateway_ports = &tcp_,
               .gateway_ports_max = kPortsMax,
               .is_own_address = {}},
              random_, [] { return std::string(); }) {
    door().set_own_ports({kHttpPort});
  }

  ///   u USER PLACE   v USER PLACE   he registers with UDP, with TCP, or moves
  ///   l USER                        he leaves
  ///   g                             both lists are asked for
  ///   c PORT SOURCE                 somebody connects to a gateway port
  ///   b STREAM BYTES   e STREAM   x STREAM   he says something; ends; breaks off
  ///   q PORT BYTES                  a datagram comes to a gateway port
  ///   m USER TEXT   M TEXT          the hub delivers
  ///   k SUCCESS                     the oldest connection to a user is decided
  ///   t STEP   z                    time passes; the doors close
  void run(fuzz::ScriptLine line) {
    switch (line.call()) {
      case 'u':
      case 'v':
        put(line.number(kUsers), line.number(8),
            line.call() == 'u' ? Transport::kUdp : Transport::kTcp);
        break;
      case 'l':
        log_out(line.number(kUsers));
        break;
      case 'g':
        node_.gateway()->prepare_all();
        node_.tcp_gateway()->prepare_all();
        break;
      case 'c':
        connect(line.number(36), line.number(2));
        break;
      case 'b': {
        const StreamId id = stream(line.number(36));
        if (open_.contains(id)) door().handle_bytes(now_, id, line.text());
        break;
      }
      case 'e': {
        const StreamId id = stream(line.number(36));
        if (open_.contains(id)) door().handle_end(now_, id);
        break;
      }
      case 'x':
        cut(stream(line.number(36)));
        break;
      case 'q':
        node_.gateway()->handle_datagram(static_cast<std::uint16_t>(20'001 + line.number(36)),
                                         source(0), common::as_bytes(line.text()));
        break;
      case 'm':
        deliver(line.number(kUsers), line.text());
        break;
      case 'M':
        deliver({}, line.text());
        break;
      case 'k':
        decide(line.flag());
        break;
      case 't':
        pass(kSteps[line.number(kSteps.size())]);
        break;
      case 'z':
        node_.shut_down_doors(now_);
        break;
      default:
        break;
    }
    settle();
    check();
  }

  /// Whatever happened: in ten seconds all connections are gone and every message has its outcome.
  void finish() {
    while (!dials_.empty()) {
      decide(false);
      settle();
    }
    pass(10s);
    settle();
    ENSURE(door().stream_count() == 0);
    ENSURE(open_.empty());
    ENSURE(node_.hub().under_way() == 0);
    for (std::size_t i = 0; i < kUsers; ++i) log_out(i);
    settle();
    ENSURE(node_.directory().size() == 0);
    ENSURE(udp_.open_ports.empty() && tcp_.open_ports.empty());
    ENSURE(node_.gateway()->open_count() == 0 && node_.tcp_gateway()->open_count() == 0);
  }

 private:
  registry::doors::NetchatDoor& door() { return node_.netchat(); }

  static IpAddress source(std::size_t index) {
    return *IpAddress::parse(index == 0 ? "127.0.0.1" : "192.168.0.7");
  }
  static common::UserName user(std::size_t index) {
    return *common::UserName::parse(std::string(1, static_cast<char>('a' + index)));
  }
  static StreamId stream(std::size_t index) { return index + 1; }

  /// Where a user says that he is: the registry's own ports among others.
  static std::uint16_t place(std::size_t index) {
    constexpr std::array<std::uint16_t, 8> kPlaces = {2001, 2002,   2003,   kHttpPort,
                                                      1024, 30'001, 30'002, 20'001};
    return kPlaces[index];
  }

  void put(std::size_t index, std::size_t at, Transport transport) {
    node_.directory().update_user(
        now_,
        {.name = user(index),
         .endpoint = {source(0), place(at)},
         .transport = transport,
         .door = transport == Transport::kTcp ? common::Door::kNetchat : common::Door::kClassic},
        {.source = source(0), .token = std::nullopt});
    commit();
  }

  void log_out(std::size_t index) {
    const auto* record = node_.directory().find(user(index));
    if (record == nullptr) return;
    node_.directory().logout_user(now_, user(index), common::Endpoint(record->user.endpoint),
                                  {.source = source(0), .token = std::nullopt});
    commit();
  }

  void commit() {
    while (const auto change = node_.poll_change())
      node_.handle_committed(now_, {{change->id, node_.directory().version() + 1}});
  }

  void connect(std::size_t port, std::size_t from) {
    const StreamId id = ++last_stream_;
    open_.insert(id);
    door().handle_accepted(now_, id, source(from),
                           {source(0), static_cast<std::uint16_t>(30'001 + port)});
  }

  void cut(StreamId id) {
    if (open_.erase(id) > 0) door().handle_closed(now_, id);
  }

  void deliver(std::optional<std::size_t> to, const std::string& text) {
    auto line = registry::one_line_text(text);
    if (!line) return;
    const auto message = std::make_shared<const registry::Message>(
        registry::Message{"carol", *std::move(line), !to});
    const auto sender = *common::UserName::parse("carol");
    if (to) {
      node_.hub().deliver(registry::Asker::http(), 0, message, user(*to));
    } else {
      node_.hub().deliver_to_all(registry::Asker::http(), 0, message, sender);
    }
  }

  void decide(bool is_made) {
    if (dials_.empty()) return;
    const auto dial = dials_.begin()->second;
    dials_.erase(dials_.begin());
    std::optional<StreamId> made;
    if (is_made) {
      made = ++last_dialed_ + 1'000'000;
      dialed_[*made] = false;
    }
    door().handle_dialed(now_, dial.client, made);
  }

  void pass(common::Duration duration) {
    const TimePoint end = now_ + duration;
    while (const auto due = node_.next_timeout()) {
      if (*due > end) break;
      now_ = std::max(now_, *due);
      node_.handle_timeout(now_);
      commit();
      settle();
    }
    now_ = end;
    node_.handle_timeout(now_);
    commit();
  }

  void settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      node_.run_hub(now_);
      while (const auto transmit = node_.hub().poll_transmit()) {
        is_quiet = false;
        node_.handle_transmitted(transmit->delivery, true);
      }
      while (const auto action = door().poll_action()) {
        is_quiet = false;
        carry_out(*action);
      }
    }
    while (node_.poll_event() || node_.poll_release()) {
    }
  }

  void carry_out(const registry::doors::StreamAction& action) {
    if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
      // Only to those who were connected to: one message, as old programs can take it.
      ENSURE(!std::exchange(dialed_.at(write->stream), true));
      ENSURE(write->bytes->size() <= 1024 && write->bytes->find('"') != std::string::npos);
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      ENSURE(open_.erase(closed->stream) + dialed_.erase(closed->stream) == 1);
    } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
      ENSURE(dial->to.port >= 1024 && dial->to.port != kHttpPort);
      ENSURE(!tcp_.open_ports.contains(dial->to.port));
      ENSURE(dials_.emplace(dial->client, *dial).second);
      ENSURE(dials_.size() <= registry::doors::kNetchatDialsMax);
    } else {
      ENSURE(false);  // it resumes and probes nobody
    }
  }

  void check() {
    ENSURE(door().stream_count() <= open_.size());
    for (const auto* gateway : {node_.gateway(), node_.tcp_gateway()}) {
      const Ports& ports = gateway == node_.gateway() ? udp_ : tcp_;
      ENSURE(gateway->open_count() == ports.open_ports.size());
      ENSURE(gateway->open_count() <= kPortsMax);
      for (const std::uint16_t port : ports.open_ports) ENSURE(gateway->user_at(port) != nullptr);
    }
    // Nobody has a port for what he takes himself.
    node_.directory().for_each([](const registry::Record& record) {
      ENSURE(record.gateway_ports[record.user.transport] == 0);
    });
  }

  Ports udp_{20'001};
  Ports tcp_{30'001};
  fuzz::SplitmixRandom random_;
  registry::Node node_;
  TimePoint now_{std::chrono::hours(1)};
  std::set<StreamId> open_;  // accepted, and not closed by either side
  StreamId last_stream_ = 0;
  std::map<StreamId, registry::doors::Dial> dials_;
  std::map<StreamId, bool> dialed_;  // true: written to
  StreamId last_dialed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::play(world, fuzz::as_input(data, size));
  world.finish();
  return 0;
}
