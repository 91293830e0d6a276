// A script of calls on the `login` core: what the server says on both connections, in any pieces,
// the person's lines, a reader who takes his time, signals and time. The first line chooses its
// options.
#include "peer/two_connection_client.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "peer/two_connection_protocol.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using common::TimePoint;
using peer::LinkId;
using peer::TwoConnectionClient;

constexpr std::array<common::Duration, 6> kSteps = {1ms, 100ms, 1s, 10s, 15s, 1h};
constexpr LinkId kCommands = TwoConnectionClient::kServerLink;
constexpr LinkId kMessages = TwoConnectionClient::kAcceptedLinkMin;
const common::IpAddress kServer = common::IpAddress::v4({127, 0, 0, 1});
const common::IpAddress kStranger = common::IpAddress::v4({127, 0, 0, 2});

/// TERMINAL JSON NAME PASSWORD COMMAND COUNT WAIT, a character each.
TwoConnectionClient::Options options_of(fuzz::ScriptLine line) {
  TwoConnectionClient::Options options{.name = {},
                                       .password = {},
                                       .server = "127.0.0.1:9000",
                                       .server_address = kServer,
                                       .is_terminal = line.flag(),
                                       .json = line.flag(),
                                       .command = {},
                                       .count = {},
                                       .wait = {}};
  if (!line.flag()) options.name = *common::UserName::parse("carol");
  if (!line.flag()) options.password = "s3cret";
  if (line.flag()) options.command = "/to dave hi";
  if (const auto count = line.number(36)) options.count = count;
  if (const auto wait = line.number(36)) options.wait = wait * 1s;
  return options;
}

class World {
 public:
  explicit World(TwoConnectionClient::Options options)
      : options_(options), client_(std::move(options), random_) {
    client_.start(now_);
    drain();
  }

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   a BYTES   b BYTES                 the server says something
  ///   A BROKEN   B BROKEN               a connection ends
  ///   c STRANGER                        somebody connects to where we listen
  ///   p FAILS                           there is a port to listen on, or none
  ///   i LINE   e                        a line of input, its end
  ///   w EIGHTHS   o                     so much of the output is written; it is closed
  ///   s STATUS                          a signal
  ///   t STEP, n                         time passes: a step, or until the next timeout
  void run(fuzz::ScriptLine line) {
    if (has_left_) return;
    switch (line.call()) {
      case 'a':
      case 'b':
        hear(line.call() == 'a' ? kCommands : kMessages, line.text());
        break;
      case 'A':
        client_.handle_closed(now_, kCommands, why(line));
        break;
      case 'B':
        if (has_messages_) client_.handle_closed(now_, kMessages, why(line));
        break;
      case 'c':
        if (is_listening_) connect(line.flag());
        break;
      case 'p':
        if (!std::exchange(is_asked_to_listen_, false)) return;
        is_listening_ = !line.flag();
        if (is_listening_) client_.handle_listening(now_, 30232);
        if (!is_listening_)
          client_.handle_listen_failed(now_, ExitStatus::kUnavailable, "the port is in use");
        break;
      case 'i':
        client_.handle_input_line(now_, line.text());
        break;
      case 'e':
        client_.handle_input_end(now_);
        break;
      case 'w':
        write(line.number(9));
        break;
      case 'o':
        if (!std::exchange(is_output_closed_, true)) client_.handle_output_closed(now_);
        break;
      case 's':
        client_.handle_stop(now_, line.flag() ? ExitStatus::kTerminated : ExitStatus::kInterrupted);
        break;
      case 't':
        now_ += kSteps[line.number(kSteps.size())];
        time_out();
        break;
      case 'n':
        if (const auto next = client_.next_timeout()) now_ = std::max(now_, *next);
        time_out();
        break;
      default:
        return;
    }
    drain();
  }

  /// Nothing keeps a client that was asked to leave: no server, no reader.
  void settle() {
    const TimePoint asked = now_;
    run(fuzz::ScriptLine("s0"));
    while (!has_left_) {
      ENSURE(client_.next_timeout().has_value());
      run(fuzz::ScriptLine("n"));
      ENSURE(now_ <= asked + TwoConnectionClient::kExitTime);
    }
    client_.handle_bytes(now_, {}, kCommands, common::as_bytes("101 too late\n"));
    client_.handle_input_line(now_, "/list");
    client_.handle_stop(now_, ExitStatus::kTerminated);
    client_.handle_timeout(now_ + 1h);
    ENSURE(!client_.poll_action() && !client_.next_timeout());
  }

 private:
  static std::string_view why(fuzz::ScriptLine& line) {
    return line.flag() ? "connection reset by peer" : "";
  }

  void hear(LinkId link, const std::string& bytes) {
    if (!client_.wants_bytes(link) || (link == kMessages && !has_messages_)) return;
    const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    if (link == kCommands) replies_ += lines;
    if (link == kMessages) deliveries_ += lines;
    is_hearing_messages_ = link == kMessages;
    client_.handle_bytes(now_, common::WallTime{1'700'000'000'000}, link, common::as_bytes(bytes));
    drain();
    is_hearing_messages_ = false;
  }

  void connect(bool is_stranger) {
    const common::Endpoint from{is_stranger ? kStranger : kServer, 40000};
    const bool is_taken = client_.handle_accepted(now_, kMessages, from, {kServer, 30232});
    if (is_taken) ENSURE(!is_stranger && !has_messages_);
    has_messages_ |= is_taken;
  }

  void write(std::size_t eighths) {
    if (is_output_closed_) return;
    const std::uint64_t size = (printed_ - written_) * std::min<std::size_t>(eighths, 8) / 8;
    written_ += size;
    client_.handle_written(now_, size);
  }

  // The shell's loop: a timeout that is due is handled, and then another is due or none.
  void time_out() {
    constexpr int kCallsMax = 4;
    int calls = 0;
    do {
      ENSURE(++calls <= kCallsMax);
      client_.handle_timeout(now_);
      drain();
    } while (client_.next_timeout().value_or(TimePoint::max()) <= now_);
  }

  void drain() {
    while (const auto action = client_.poll_action()) {
      ENSURE(!has_left_);  // nothing follows Leave
      if (const auto* send = std::get_if<TwoConnectionClient::Send>(&*action)) {
        check_send(*send);
      } else if (const auto* print = std::get_if<TwoConnectionClient::Print>(&*action)) {
        check_print(print->text);
      } else if (const auto* note = std::get_if<TwoConnectionClient::Note>(&*action)) {
        fuzz::ensure_harmless_lines(note->text);
      } else if (std::holds_alternative<TwoConnectionClient::Listen>(*action)) {
        ENSURE(!has_listened_);
        has_listened_ = is_asked_to_listen_ = true;
      } else if (std::holds_alternative<TwoConnectionClient::StopListening>(*action)) {
        ENSURE(std::exchange(is_listening_, false));
      } else if (std::holds_alternative<TwoConnectionClient::Leave>(*action)) {
        has_left_ = true;
      }
    }
    if (has_left_) ENSURE(!client_.next_timeout());
  }

  void check_send(const TwoConnectionClient::Send& send) {
    // One line a segment.
    ENSURE(send.bytes.find('\n') + 1 == send.bytes.size());
    if (send.link == kCommands) {
      ENSURE(!std::exchange(has_said_goodbye_, send.bytes == "/exit\n"));
      ENSURE(send.bytes.size() <= peer::kCommandBytesMax + 1);
      // Each but the first after a reply to the one before.
      ENSURE(++commands_ <= replies_ + 1);
      return;
    }
    ENSURE(send.bytes == peer::kReceipt && !is_output_closed_);
    // A receipt for each message that is written, and each line that is none. An overlong line has
    // its receipt before its end.
    const auto shown = static_cast<std::size_t>(
        std::upper_bound(messages_.begin(), messages_.end(), written_) - messages_.begin());
    ENSURE(++receipts_ <= shown + (deliveries_ + 1 - messages_.size()));
  }

  void check_print(std::string_view text) {
    printed_ += text.size();
    ENSURE(text.ends_with('\n'));
    text.remove_suffix(1);
    fuzz::ensure_harmless(text);
    if (options_.json) ENSURE(nlohmann::json::accept(text));
    if (!is_hearing_messages_) return;
    messages_.push_back(printed_);
    if (options_.count) ENSURE(messages_.size() <= *options_.count);
  }

  TwoConnectionClient::Options options_;
  fuzz::SplitmixRandom random_;
  TwoConnectionClient client_;
  TimePoint now_;
  bool is_asked_to_listen_ = false;
  bool has_listened_ = false;
  bool is_listening_ = false;
  bool has_messages_ = false;  // the second connection
  bool is_hearing_messages_ = false;
  bool is_output_closed_ = false;
  bool has_said_goodbye_ = false;
  bool has_left_ = false;
  std::size_t commands_ = 0;
  std::size_t replies_ = 0;     // lines heard on the first connection
  std::size_t deliveries_ = 0;  // and on the second
  std::size_t receipts_ = 0;
  std::uint64_t printed_ = 0;  // bytes in all
  std::uint64_t written_ = 0;
  std::vector<std::uint64_t> messages_;  // where each ends among them
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::as_input(data, size);
  World world(options_of(fuzz::ScriptLine("o" + std::string(fuzz::take_line(input)))));
  fuzz::play(world, input);
  world.settle();
  return 0;
}
