// A script of clients of the rendezvous door and of one beside it: bytes of any kind in any pieces,
// connections that end and break, texts from other doors, HELLO and time. All that the door says is
// two whole frames a write, of which the first is a name and no notice has a colon; at the end
// nothing is left.
#include <map>

#include "common/safe_text.hpp"
#include "registry/node.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::IpAddress;
using common::RendezvousKeyword;
using common::TimePoint;
using registry::doors::StreamId;
using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 6234;
constexpr std::uint16_t kRelayPort = 6236;

class World {
 public:
  World()
      : node_({.two_connection = registry::doors::TwoConnectionOptions{},
               .rendezvous = registry::doors::RendezvousOptions{}},
              random_, [] { return std::string(); }) {
    std::vector<registry::BadAccountLine> bad_lines;
    node_.two_connection()->set_accounts(registry::Accounts::parse("x pw\ny pw\n", bad_lines));
    door().set_relay_ports({kRelayPort, kRelayPort + 1});
    door().set_own_ports({8080});
  }

  void run(fuzz::ScriptLine& line) {
    const std::size_t index = line.number(8);
    const auto it = streams_.find(slots_[index]);
    Stream* stream = it == streams_.end() ? nullptr : &it->second;
    const StreamId id = stream == nullptr ? 0 : it->first;
    switch (line.call()) {
      case 'c':  // connect
        slots_[index] = accept(door(), line.number(3), kPort);
        break;
      case 'l':  // a connection to one of the relay ports
        slots_[index] = accept(door(), line.number(3), kRelayPort + last_stream_ % 2);
        break;
      case 'j': {  // connect and register, as one of six
        const std::size_t source = line.number(3);
        slots_[index] = accept(door(), source, kPort);
        bytes(slots_[index], common::encode_rendezvous_register(user(line.number(6)), 7000));
        break;
      }
      case 'f':  // a whole frame
        if (stream != nullptr) frame(id, line.text());
        break;
      case 'a': {  // a command about two of six
        constexpr std::array<std::string_view, 4> kCommands = {"CHATREQUEST", "SEARCH", "GROUPCHAT",
                                                               "EXIT"};
        std::string data = "&&" + std::string(kCommands[line.number(4)]) + "&&|";
        data += user(line.number(6)) + '|';
        data += user(line.number(6)) + '|';
        if (stream != nullptr) frame(id, data);
        break;
      }
      case 'r':  // any bytes
        if (stream != nullptr) bytes(id, line.text());
        break;
      case 'e':
        if (stream != nullptr && !stream->is_closed) stream->door->handle_end(now_, id);
        break;
      case 'x':
        if (stream != nullptr) cut(id);
        break;
      case 'b':
        if (stream != nullptr && !stream->is_closed && stream->door == &door())
          door().handle_backlog(now_, id, line.flag());
        break;
      case 'h': {
        const std::size_t source = line.number(3);
        door().handle_datagram(now_, address(source), line.text());
        break;
      }
      case 'i':  // a user of the other door, who may say something or confirm
        slots_[index] = accept(*node_.two_connection(), 0, 9000);
        bytes(slots_[index],
              "/login " + std::string(line.flag() ? "x" : "y") + " pw\n/port 5000\n");
        break;
      case 'o':
        if (stream != nullptr && stream->push != 0 && streams_.contains(stream->push))
          bytes(stream->push, "302 Message receipt successful\n");
        break;
      case 'p': {  // from whoever it may be
        const std::string from = user(line.number(6));
        const auto to = *common::UserName::parse(user(line.number(6)));
        node_.hub().deliver(registry::Asker::http(), 0,
                            std::make_shared<const registry::Message>(
                                registry::Message{from, "m" + std::to_string(index), false}),
                            to);
        break;
      }
      case 't':
        pass(100ms * (1 << line.number(14)));
        break;
      case 'z':
        node_.shut_down_doors(now_);
        break;
      default:
        break;
    }
    settle();
    ENSURE(door().held_count() <= 64 * 8 * 8);
  }

  void finish() {
    std::vector<StreamId> open;
    for (const auto& [id, stream] : streams_)
      if (!stream.is_closed) open.push_back(id);
    for (const StreamId id : open) {
      cut(id);
      settle();
    }
    pass(61s);
    ENSURE(door().client_count() == 0);
    ENSURE(door().guest_count() == 0);
    ENSURE(door().held_count() == 0);
    ENSURE(door().rooms().request_count() == 0);
    ENSURE(door().rooms().private_count() + door().rooms().group_count() == 0);
    ENSURE(node_.directory().size() == 0);
    ENSURE(node_.hub().under_way() == 0);
  }

 private:
  struct Stream {
    registry::doors::MessageDoor* door = nullptr;
    bool is_closed = false;
    bool is_push = false;
    StreamId push = 0;
  };

  registry::doors::RendezvousDoor& door() { return *node_.rendezvous(); }

  static std::string user(std::size_t index) {
    constexpr std::array<const char*, 6> kNames = {"a", "b", "c", "x", "y", "Göktuğ"};
    return kNames[index];
  }
  static IpAddress address(std::size_t index) {
    constexpr std::array<const char*, 3> kAddresses = {"127.0.0.1", "192.168.0.7", "2001:db8::5"};
    return *IpAddress::parse(kAddresses[index]);
  }

  StreamId accept(registry::doors::MessageDoor& to, std::size_t source, std::uint16_t port) {
    const StreamId id = ++last_stream_;
    streams_[id].door = &to;
    to.handle_accepted_from(now_, id, {address(source), 40'000}, {address(source), port});
    settle();
    return id;
  }
  void frame(StreamId id, const std::string& data) {
    if (data.size() <= common::kRendezvousDataBytesMax)
      bytes(id, common::encode_rendezvous_frame(data));
  }
  void bytes(StreamId id, std::string_view said) {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.is_closed || said.empty()) return;
    it->second.door->handle_bytes(now_, id, said);
    settle();
  }
  void cut(StreamId id) {
    Stream& stream = streams_.at(id);
    if (stream.is_closed) return;
    stream.is_closed = true;
    stream.door->handle_closed(now_, id);
  }

  void pass(common::Duration duration) {
    const TimePoint end = now_ + duration;
    for (int steps = 0; steps < 10'000; ++steps) {
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
      while (const auto verify = node_.two_connection()->poll_verification(now_)) {
        is_quiet = false;
        node_.two_connection()->handle_verified(now_, common::WallTime{1}, verify->client,
                                                verify->secret == verify->password);
      }
      for (const auto& [name, held] : node_.doors()) {
        while (const auto action = held->poll_action()) {
          is_quiet = false;
          carry_out(*held, *action);
        }
        while (held->poll_notice()) {
        }
      }
    }
    while (node_.poll_event()) {
    }
  }

  void carry_out(registry::doors::MessageDoor& from, const registry::doors::StreamAction& action) {
    if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
      const auto it = streams_.find(write->stream);
      if (it == streams_.end() || it->second.is_closed) return;
      if (&from == &door()) hear(*write->bytes);
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      streams_.at(closed->stream).is_closed = true;
    } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
      ENSURE(&from != &door());
      const StreamId made = ++last_stream_;
      streams_[made].door = &from;
      streams_[made].is_push = true;
      streams_[dial->client].push = made;
      from.handle_dialed(now_, dial->client, made);
    }
  }

  static void hear(const std::string& bytes) {
    common::RendezvousSplitter splitter;
    splitter.push(bytes);
    const auto cause = splitter.next();
    const auto data = splitter.next();
    ENSURE(cause && data && splitter.is_idle() && !splitter.next());
    ENSURE(*cause == "server" || common::UserName::parse(*cause).has_value());
    ENSURE(common::is_utf8(*data));
    const auto parsed = common::parse_rendezvous_data(*data);
    const bool may_have_colon = parsed.keyword == RendezvousKeyword::kMessage ||
                                parsed.keyword == RendezvousKeyword::kClientOk;
    ENSURE(may_have_colon || data->find(':') == data->npos);
    // An old program takes the first field for the text, and the last for the port.
    ENSURE(parsed.field(0).find(':') == parsed.field(0).npos ||
           parsed.keyword == RendezvousKeyword::kMessage);
    if (parsed.keyword == RendezvousKeyword::kMessage) {
      ENSURE(common::harmless_rendezvous_text(parsed.text) == parsed.text);
      ENSURE(parsed.text.starts_with(*cause + ": "));
    }
    for (const char c : *data) ENSURE(c == '\t' || static_cast<unsigned char>(c) >= ' ');
  }

  fuzz::SplitmixRandom random_;
  registry::Node node_;
  TimePoint now_{1h};
  StreamId last_stream_ = 0;
  std::array<StreamId, 8> slots_{};
  std::map<StreamId, Stream> streams_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::play(world, fuzz::as_input(data, size));
  world.finish();
  return 0;
}
