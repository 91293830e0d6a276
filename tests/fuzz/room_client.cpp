// A script of calls on the `room` core: what the server says, in any pieces, the person's lines, a
// reader and a kernel that take their time, signals and time. The first line chooses its options.
#include "peer/room_client.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using common::TimePoint;
using peer::RoomClient;

constexpr std::array<common::Duration, 6> kSteps = {1ms, 20ms, 500ms, 15s, 60s, 1h};
constexpr peer::LinkId kLink = RoomClient::kServerLink;

/// TERMINAL JSON TEXT COUNT WAIT, a character each.
RoomClient::Options options_of(fuzz::ScriptLine line) {
  RoomClient::Options options{.name = *common::UserName::parse("alice"),
                              .server = "127.0.0.1:12000",
                              .is_terminal = line.flag(),
                              .json = line.flag(),
                              .text = {},
                              .count = {},
                              .wait = {}};
  if (line.flag()) options.text = "hi all";
  if (const auto count = line.number(36)) options.count = count;
  if (const auto wait = line.number(36)) options.wait = wait * 1s;
  return options;
}

class World {
 public:
  explicit World(RoomClient::Options options)
      : options_(options), client_(std::move(options), random_) {
    client_.start(now_);
    drain();
  }

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   h BYTES         the server says something
  ///   p  g            it says its prompt, its greeting
  ///   x BROKEN        the connection ends
  ///   k EIGHTHS       the kernel takes so much of what was sent
  ///   i LINE   e      a line of input, its end
  ///   w EIGHTHS   o   so much of the output is written; it is closed
  ///   s STATUS        a signal
  ///   t STEP, n       time passes: a step, or until the next timeout
  void run(fuzz::ScriptLine line) {
    if (has_left_) return;
    switch (line.call()) {
      case 'h':
        hear(line.text());
        break;
      case 'p':
        hear("Please enter your username: ");
        break;
      case 'g':
        hear("You are connected to chatroom.");
        break;
      case 'x':
        if (std::exchange(is_closed_, true)) return;
        client_.handle_closed(now_, kLink, line.flag() ? "connection reset by peer" : "");
        break;
      case 'k': {
        const std::uint64_t size = (sent_ - taken_) * line.number(9) / 8;
        taken_ += size;
        if (size > 0 && !is_closed_) client_.handle_sent(now_, kLink, size);
        break;
      }
      case 'i':
        if (!has_input_ended_) client_.handle_input_line(now_, line.text());
        break;
      case 'e':
        if (!std::exchange(has_input_ended_, true)) client_.handle_input_end(now_);
        break;
      case 'w': {
        if (is_output_closed_) return;
        const std::uint64_t size = (printed_ - written_) * line.number(9) / 8;
        written_ += size;
        client_.handle_written(now_, size);
        break;
      }
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

  /// Nothing keeps a client that was asked to leave.
  void settle() {
    run(fuzz::ScriptLine("s0"));
    ENSURE(has_left_);
    client_.handle_bytes(now_, {}, kLink, common::as_bytes("<bob> too late\n"));
    client_.handle_input_line(now_, "too late");
    client_.handle_timeout(now_ + 1h);
    ENSURE(!client_.poll_action() && !client_.next_timeout());
    ENSURE(!client_.wants_input() && !client_.wants_bytes(kLink));
  }

 private:
  void hear(std::string_view bytes) {
    if (is_closed_ || bytes.empty() || !client_.wants_bytes(kLink)) return;
    client_.handle_bytes(now_, common::WallTime{1'700'000'000'000}, kLink, common::as_bytes(bytes));
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
      if (const auto* send = std::get_if<RoomClient::Send>(&*action)) {
        check_send(*send);
      } else if (const auto* print = std::get_if<RoomClient::Print>(&*action)) {
        check_print(print->text);
      } else if (const auto* note = std::get_if<RoomClient::Note>(&*action)) {
        fuzz::ensure_harmless_lines(note->text);
      } else if (std::holds_alternative<RoomClient::Leave>(*action)) {
        has_left_ = true;
      } else {
        ENSURE(std::holds_alternative<RoomClient::TakeCommands>(*action) && options_.is_terminal);
      }
    }
    if (has_left_) ENSURE(!client_.next_timeout());
  }

  void check_send(const RoomClient::Send& send) {
    // One line a segment, that an old server takes whole; first of all the name.
    ENSURE(send.bytes.find('\n') + 1 == send.bytes.size() && send.bytes.size() <= 2048);
    std::string_view text = send.bytes;
    text.remove_suffix(1);
    ENSURE(!peer::why_no_room_text(text));
    if (lines_ == 0) ENSURE(text == "alice");
    if (lines_ > 1) ENSURE(now_ >= last_line_ + RoomClient::kLinePause);
    if (++lines_ > 1) last_line_ = now_;
    sent_ += send.bytes.size();
  }

  void check_print(std::string_view text) {
    printed_ += text.size();
    ENSURE(text.ends_with('\n'));
    text.remove_suffix(1);
    fuzz::ensure_harmless(text);
    if (options_.json) ENSURE(nlohmann::json::accept(text));
    ++messages_;
    if (options_.count) ENSURE(messages_ <= *options_.count);
  }

  RoomClient::Options options_;
  fuzz::SplitmixRandom random_;
  RoomClient client_;
  TimePoint now_;
  TimePoint last_line_;
  bool is_closed_ = false;
  bool has_input_ended_ = false;
  bool is_output_closed_ = false;
  bool has_left_ = false;
  std::size_t lines_ = 0;  // sent
  std::uint64_t messages_ = 0;
  std::uint64_t sent_ = 0;  // bytes in all
  std::uint64_t taken_ = 0;
  std::uint64_t printed_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::as_input(data, size);
  World world(options_of(fuzz::ScriptLine("o" + std::string(fuzz::take_line(input)))));
  fuzz::play(world, input);
  world.settle();
  return 0;
}
