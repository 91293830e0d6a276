// A script of clients of the room door, with users of other doors: bytes of any kind in any pieces,
// connections that end and break, readers who fall behind, and time. Whatever the door says to
// somebody in the room is whole lines, each with the name of somebody who was there in front and
// nothing that commands a terminal; a nameless client is told nothing but the prompt; at the end
// nothing is left. The same bytes, cut anywhere, are the same lines.
#include <algorithm>
#include <map>
#include <set>

#include "common/safe_text.hpp"
#include "registry/doors/room_lines.hpp"
#include "registry/message_text.hpp"
#include "registry/node.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::IpAddress;
using common::TimePoint;
using registry::doors::kRoomPrompt;
using registry::doors::kRoomWelcome;
using registry::doors::RoomDoor;
using registry::doors::StreamId;
using namespace std::chrono_literals;

class World {
 public:
  World() : node_({.room = registry::doors::RoomOptions{}}, random_, [] { return std::string(); }) {
    for (const char* name : {"lara", "veli"}) {
      (void)node_.directory().register_user(
          now_, {.name = *common::UserName::parse(name), .endpoint = {address(0), 50'000}},
          {.source = address(0), .token = std::nullopt});
      while (const auto change = node_.poll_change())
        node_.handle_committed(now_, {{change->id, node_.directory().version() + 1}});
    }
  }

  void run(fuzz::ScriptLine& line) {
    const std::size_t index = line.number(8);
    const auto it = streams_.find(slots_[index]);
    Stream* stream = it == streams_.end() || it->second.is_closed ? nullptr : &it->second;
    const StreamId id = stream == nullptr ? 0 : it->first;
    switch (line.call()) {
      case 'c':  // connect
        if (stream != nullptr) break;
        slots_[index] = ++last_stream_;
        streams_[last_stream_] = {};
        door().handle_accepted(now_, last_stream_, address(line.number(3)), {address(0), 12'000});
        break;
      case 'n':  // a name
        if (stream != nullptr) bytes(id, std::string(1, static_cast<char>('a' + index)) + '\n');
        break;
      case 's':  // what a client says, then a line end
        if (stream != nullptr) bytes(id, line.text() + '\n');
        break;
      case 'r':  // the same without one
        if (stream != nullptr) bytes(id, line.text());
        break;
      case 'm': {  // much
        const std::size_t count = 1U << line.number(14);
        const std::string text = line.text();
        std::string much;
        for (std::size_t i = 0; i < count && much.size() < 4096; ++i) much += text;
        if (stream != nullptr) bytes(id, much);
        break;
      }
      case 'e':
        if (stream == nullptr || std::exchange(stream->has_ended, true)) break;
        door().handle_end(now_, id);
        break;
      case 'x':
        if (stream == nullptr) break;
        stream->is_closed = true;
        door().handle_closed(now_, id);
        break;
      case 'b':  // falls behind in reading, or has caught up
        if (stream != nullptr) door().handle_backlog(now_, id, line.flag());
        break;
      case 't':
        pass(100ms * (1 << line.number(16)));
        break;
      case 'p': {  // a message over HTTP
        registry::http::ApiRequest request;
        request.method = "POST";
        constexpr std::array<const char*, 4> kTo = {"room", "a", "b", "lara"};
        constexpr std::array<const char*, 4> kFrom = {"lara", "utku", "c", "veli"};
        request.path = std::string("/v1/to/") + kTo[line.number(4)];
        request.query = {{"from", kFrom[line.number(4)]}};
        const std::string text = line.text();
        request.body = text;  // a view
        request.source = address(0);
        (void)node_.handle(now_, common::WallTime{1}, 1, request);
        break;
      }
      case 'z':
        node_.shut_down_doors(now_);
        break;
      default:
        break;
    }
    settle();
  }

  void finish() {
    for (auto& [id, stream] : streams_) {
      if (std::exchange(stream.is_closed, true)) continue;
      door().handle_closed(now_, id);
      settle();
    }
    ENSURE(door().client_count() == 0 && door().nameless_count() == 0);
    ENSURE(node_.directory().attached_count() == 0);
    ENSURE(node_.hub().under_way() == 0);
    ENSURE(node_.hub().room().sessions().empty());
  }

 private:
  struct Stream {
    bool is_closed = false;
    bool has_ended = false;
    bool takes_more = true;
    bool is_in_room = false;
  };

  RoomDoor& door() { return static_cast<RoomDoor&>(*node_.doors().at(common::Door::kRoom)); }

  static IpAddress address(std::size_t index) {
    constexpr std::array<const char*, 3> kAddresses = {"127.0.0.1", "192.168.0.7", "203.0.113.5"};
    return *IpAddress::parse(kAddresses[index]);
  }

  void bytes(StreamId id, std::string_view said) {
    Stream& stream = streams_.at(id);
    if (said.empty() || stream.has_ended || !stream.takes_more) return;
    stream.takes_more = door().handle_bytes(now_, id, said);
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
  }

  void settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      node_.run_hub(now_);
      while (const auto transmit = node_.hub().poll_transmit()) {
        is_quiet = false;
        const std::string_view datagram = common::as_text(*transmit->datagram);
        ENSURE(datagram.size() <= 2048 && registry::is_message_text(datagram));
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
      hear(write->stream, *write->bytes);
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      streams_.at(closed->stream).is_closed = true;
    } else if (const auto* resumed = std::get_if<registry::doors::Resume>(&action)) {
      streams_.at(resumed->stream).takes_more = true;
    } else {
      ENSURE(false);  // this door dials nobody and asks for no probes
    }
  }

  void hear(StreamId id, std::string_view said) {
    Stream& stream = streams_.at(id);
    ENSURE(!stream.is_closed || stream.is_in_room || said == kRoomPrompt);
    if (!stream.is_in_room) {
      ENSURE(said == kRoomPrompt || said == kRoomWelcome);
      if (said == kRoomPrompt) return;
      stream.is_in_room = true;
      node_.directory().for_each(
          [&](const registry::Record& record) { names_.insert(record.user.name.text()); });
      return;
    }
    ENSURE(said.ends_with('\n'));
    while (!said.empty()) {
      const auto end = said.find('\n');
      hear_line(said.substr(0, end));
      ENSURE(end + 1 <= registry::doors::kRoomLineBytesMax);
      said.remove_prefix(end + 1);
    }
  }

  void hear_line(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    ENSURE(registry::is_message_text(line));
    const auto end = line.find("> ");
    ENSURE(line.starts_with('<') && end != line.npos);
    std::string_view from = line.substr(1, end - 1);
    for (const std::string_view words : {" to you", " to all"})
      if (from.ends_with(words)) from.remove_suffix(words.size());
    ENSURE(names_.contains(std::string(from)) || from == "utku" || from == "c");
  }

  fuzz::SplitmixRandom random_;
  registry::Node node_;
  TimePoint now_{1h};
  StreamId last_stream_ = 0;
  std::array<StreamId, 8> slots_{};
  std::map<StreamId, Stream> streams_;
  std::set<std::string> names_ = {"lara", "veli"};  // of all who ever were there
};

std::vector<std::string> lines_of(std::string_view bytes, std::size_t cut, std::size_t text_max) {
  registry::doors::RoomInput input;
  std::vector<std::string> lines;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    input.push(piece);
    while (input.has_next(text_max)) {
      const auto line = input.next(text_max);
      ENSURE(line && line->text.size() <= text_max && line->text.find('\n') == line->text.npos);
      lines.push_back(std::string(line->text) + std::string(line->end));
    }
    ENSURE(!input.next(text_max) && input.size() < text_max + 2);
  }
  lines.emplace_back(input.rest());
  return lines;
}

void check_lines(std::string_view bytes) {
  const std::uint64_t hash = fuzz::hash_of(bytes);
  const std::size_t text_max = 4 + hash % 61;
  const auto whole = lines_of(bytes, bytes.size(), text_max);
  ENSURE(whole == lines_of(bytes, (hash >> 8) % (bytes.size() + 1), text_max));
  std::string joined;
  for (const std::string& line : whole) joined += line;
  ENSURE(joined == bytes);  // nothing is lost
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_lines(input);
  World world;
  fuzz::play(world, input);
  world.finish();
  return 0;
}
