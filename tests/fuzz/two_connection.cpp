// A script of clients of the two-connection door: bytes of any kind in any pieces, connections that
// end and break, dials, password checks and time. Every line that the door says is one of the
// dialect's, on the right connection; one line a receiver at a time; at the end nothing is left.
// The same bytes are read as a single line, too: whatever is recognized is that line.
#include <map>

#include "registry/node.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::IpAddress;
using common::TimePoint;
using registry::doors::StreamId;
using namespace std::chrono_literals;

class Ports final : public registry::GatewayPorts {
 public:
  std::optional<std::uint16_t> open() override { return ++last_; }
  void close(std::uint16_t) override {}

 private:
  std::uint16_t last_ = 20'000;
};

class World {
 public:
  World()
      : node_({.two_connection = registry::doors::TwoConnectionOptions{},
               .gateway_ports = &ports_,
               .gateway_ports_max = 2},
              random_, [] { return std::string(); }) {
    std::vector<registry::BadAccountLine> bad_lines;
    door().set_accounts(registry::Accounts::parse("a pw\nb pw\nc pw\nd pw\n", bad_lines));
  }

  void run(fuzz::ScriptLine& line) {
    const std::size_t index = line.number(8);
    const auto it = streams_.find(slots_[index]);
    Stream* stream = it == streams_.end() ? nullptr : &it->second;
    switch (line.call()) {
      case 'c': {  // connect
        const StreamId id = slots_[index] = ++last_stream_;
        streams_[id] = {};
        door().handle_accepted(now_, id, address(line.number(3)), {address(0), 9000});
        break;
      }
      case 'l': {  // a whole login
        if (stream == nullptr) break;
        const std::string user(1, static_cast<char>('a' + line.number(4)));
        bytes(it->first, "/login " + user + " pw\n/port 50000\n");
        break;
      }
      case 's':  // what a client says, then a line end
        if (stream != nullptr) bytes(it->first, line.text() + '\n');
        break;
      case 'r':  // the same without one
        if (stream != nullptr) bytes(it->first, line.text());
        break;
      case 'o':  // a receipt, or what is said in its place, on the push connection
        if (stream != nullptr && stream->push != 0 && streams_.contains(stream->push)) {
          const std::string said = line.text();
          bytes(stream->push, said.empty() ? "302 Message receipt successful\n" : said);
        }
        break;
      case 'e':
        if (stream != nullptr && !stream->is_closed) door().handle_end(now_, it->first);
        break;
      case 'E':  // the push connection's end: the door closes its side
        if (stream != nullptr && stream->push != 0 && !streams_.at(stream->push).is_closed) {
          const StreamId push = stream->push;
          door().handle_end(now_, push);
          settle();
          ENSURE(streams_.at(push).is_closed);
        }
        break;
      case 'x':
        if (stream != nullptr) cut(line.flag() && stream->push != 0 ? stream->push : it->first);
        break;
      case 'p':
        if (stream != nullptr && !stream->is_closed) door().handle_probed(now_, it->first);
        break;
      case 't':
        pass(100ms * (1 << line.number(12)));
        break;
      case 'v':
        is_verifying_slow_ = line.flag();
        break;
      case 'd':
        dials_fail_ = line.flag();
        break;
      case 'g': {
        node_.gateway()->prepare_all();
        node_.gateway()->handle_datagram(static_cast<std::uint16_t>(20'001 + index), address(0),
                                         common::as_bytes(line.text()));
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
    is_verifying_slow_ = false;
    settle();
    std::vector<StreamId> open;
    for (const auto& [id, stream] : streams_)
      if (!stream.is_closed) open.push_back(id);
    for (const StreamId id : open) cut(id);
    settle();
    ENSURE(door().client_count() == 0);
    ENSURE(node_.directory().size() == 0);
    ENSURE(node_.hub().under_way() == 0);
    ENSURE(node_.gateway()->open_count() == 0);
  }

 private:
  struct Stream {
    bool is_push = false;
    bool is_closed = false;
    StreamId push = 0;
    std::size_t commands = 0;  // lines that it has sent, at most
    std::size_t answers = 0;
    std::size_t receipts = 0;
    std::size_t pushed = 0;
    TimePoint last_pushed;
  };

  registry::doors::TwoConnectionDoor& door() { return *node_.two_connection(); }

  static IpAddress address(std::size_t index) {
    constexpr std::array<const char*, 3> kAddresses = {"127.0.0.1", "192.168.0.7", "203.0.113.5"};
    return *IpAddress::parse(kAddresses[index]);
  }

  void bytes(StreamId id, std::string_view said) {
    Stream& stream = streams_.at(id);
    if (stream.is_closed || said.empty()) return;
    const auto lines = static_cast<std::size_t>(std::count(said.begin(), said.end(), '\n'));
    stream.commands += lines;
    stream.receipts += stream.is_push ? lines : 0;
    door().handle_bytes(now_, id, said);
  }

  void cut(StreamId id) {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.is_closed) return;
    it->second.is_closed = true;
    door().handle_closed(now_, id);
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
      while (const auto verify = door().poll_verification(now_)) verifying_.push_back(*verify);
      while (!is_verifying_slow_ && !verifying_.empty()) {
        is_quiet = false;
        const auto verify = verifying_.back();
        verifying_.pop_back();
        door().handle_verified(now_, common::WallTime{1}, verify.client,
                               verify.secret == verify.password);
      }
      while (const auto action = door().poll_action()) {
        is_quiet = false;
        carry_out(*action);
      }
    }
    while (node_.poll_event() || door().poll_notice()) {
    }
  }

  void carry_out(const registry::doors::StreamAction& action) {
    if (const auto* write = std::get_if<registry::doors::Write>(&action)) {
      hear(write->stream, *write->bytes);
    } else if (const auto* closed = std::get_if<registry::doors::Close>(&action)) {
      streams_.at(closed->stream).is_closed = true;
    } else if (const auto* dial = std::get_if<registry::doors::Dial>(&action)) {
      ENSURE(dial->to.port >= 1024);
      std::optional<StreamId> made;
      if (!dials_fail_) {
        made = ++last_stream_;
        streams_[*made].is_push = true;
        if (const auto it = streams_.find(dial->client); it != streams_.end())
          it->second.push = *made;
      }
      door().handle_dialed(now_, dial->client, made);
    }
  }

  void hear(StreamId id, const std::string& line) {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.is_closed) return;
    Stream& stream = it->second;
    ENSURE(line.ends_with('\n') && line.find('\n') == line.size() - 1);
    ENSURE(line.find('\r') == line.npos && line.find('\0') == line.npos);
    if (stream.is_push) {
      ENSURE(line.starts_with("/from ") || line.starts_with("/broadcastfrom "));
      // The next only after a receipt, or when the last was given up.
      ENSURE(stream.pushed == 0 || stream.receipts > 0 || now_ >= stream.last_pushed + 5s);
      ++stream.pushed;
      stream.last_pushed = now_;
      return;
    }
    ENSURE(line.size() > 3 && std::all_of(line.begin(), line.begin() + 3,
                                          [](char c) { return c >= '0' && c <= '4'; }));
    ++stream.answers;
    // An overlong line is answered where it ends; none is answered twice.
    ENSURE(stream.answers <= stream.commands);
  }

  fuzz::SplitmixRandom random_;
  Ports ports_;
  registry::Node node_;
  TimePoint now_{1h};
  StreamId last_stream_ = 0;
  std::array<StreamId, 8> slots_{};
  std::map<StreamId, Stream> streams_;
  std::vector<registry::doors::TwoConnectionDoor::Verify> verifying_;
  bool is_verifying_slow_ = false;
  bool dials_fail_ = false;
};

/// What was recognized, written as a line again.
std::string write_again(const registry::doors::CommandLine& command) {
  using namespace registry::doors;
  if (const auto* login = std::get_if<LoginLine>(&command))
    return "/login " + std::string(login->name) + ' ' + std::string(login->password);
  if (const auto* port = std::get_if<PortLine>(&command))
    return "/port " + std::to_string(port->port);
  if (const auto* to = std::get_if<ToLine>(&command))
    return "/to " + std::string(to->target) + ' ' + std::string(to->content);
  if (const auto* all = std::get_if<ToAllLine>(&command))
    return "/toall " + std::string(all->content);
  if (std::holds_alternative<ListLine>(command)) return "/list";
  if (std::holds_alternative<ExitLine>(command)) return "/exit";
  return {};
}

void check_line(std::string_view line) {
  const auto command = registry::doors::parse_two_connection_line(line);
  if (std::holds_alternative<registry::doors::UnrecognizedLine>(command)) return;
  if (line.ends_with('\r')) line.remove_suffix(1);
  ENSURE(write_again(command) == line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_line(input);
  World world;
  fuzz::play(world, input);
  world.finish();
  return 0;
}
