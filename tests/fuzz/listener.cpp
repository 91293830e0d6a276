// A script of calls on the `listen` core: datagrams, the registry's answers, the person's lines,
// the hook, signals and time. The first line chooses its options.
#include "peer/listener.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/script_answer.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using common::TimePoint;
using peer::Listener;
using peer::Verb;

constexpr std::array<common::Duration, 6> kSteps = {1ms, 499ms, 1s, 30s, 61s, 1h};
constexpr const char* kQuestion = "Do you want to log out?[y/n]";
const common::Endpoint kEndpoint{common::IpAddress::v4({127, 0, 0, 1}), 50'001};

/// ASKS TERMINAL JSON HOOK COUNT WAIT, a character each.
Listener::Options options_of(fuzz::ScriptLine line) {
  Listener::Options options{.name = *common::UserName::parse("ann"),
                            .registry = "127.0.0.1:8080",
                            .asks = line.flag(),
                            .is_terminal = line.flag(),
                            .json = line.flag(),
                            .has_hook = line.flag(),
                            .hook_takes_plain = true};
  if (const auto count = line.number(36)) options.count = count;
  if (const auto wait = line.number(36)) options.wait = wait * 1s;
  return options;
}

class World {
 public:
  explicit World(Listener::Options options) : options_(options), listener_(options, random_) {
    listener_.start(now_);
    drain();
  }

  /// An unknown call, or one that the shell could not make now, does nothing.
  ///   d BYTES   i LINE                  a datagram, a line of the person's
  ///   r STATUS FORM TAG BODY, f KIND    the registry answers, or does not
  ///   h   s STATUS                      the hook is done; a signal
  ///   t STEP, n                         time passes: a step, or until the next timeout
  void run(fuzz::ScriptLine line) {
    switch (line.call()) {
      case 'd':
        receive(line.text());
        break;
      case 'i':
        if (listener_.is_asking()) listener_.handle_input_line(now_, line.text());
        break;
      case 'r':
        if (under_way_) answer(peer::interpret_registration(*under_way_, fuzz::answer_of(line)));
        break;
      case 'f':
        if (under_way_) answer(common::unexpected{fuzz::failure_of(line)});
        break;
      case 'h':
        if (!std::exchange(is_hook_running_, false)) return;
        hooks_.pop_front();
        listener_.handle_hook_done(now_);
        break;
      case 's':
        if (has_left_) return;
        listener_.handle_stop(now_,
                              line.flag() ? ExitStatus::kTerminated : ExitStatus::kInterrupted);
        is_stopping_ = true;
        break;
      case 't':
        now_ += kSteps[line.number(kSteps.size())];
        time_out();
        break;
      case 'n':
        if (const auto next = listener_.next_timeout()) now_ = std::max(now_, *next);
        time_out();
        break;
      default:
        return;
    }
    drain();
  }

  /// Nothing keeps a peer that was asked to leave: no registry, no hook.
  void settle() {
    const TimePoint asked = now_;
    run(fuzz::ScriptLine("s0"));
    while (!has_left_) {
      ENSURE(listener_.next_timeout().has_value());
      run(fuzz::ScriptLine("n"));
      ENSURE(now_ <= asked + Listener::kLogoutTime);
    }
    for (const char* call : {"dann: too late", "s1", "t5", "h"}) run(fuzz::ScriptLine(call));
    ENSURE(!listener_.next_timeout());
  }

 private:
  void receive(const std::string& datagram) {
    // The front one is with the hook; the others wait, as many as may.
    const bool is_queued = options_.has_hook && hooks_.size() < Listener::kHookQueueMax;
    if (is_queued) hooks_.push_back(datagram);
    const bool was_stopping = is_stopping_;
    prints_ = 0;
    listener_.handle_datagram(now_, common::WallTime{1'700'000'000'000},
                              common::as_bytes(datagram));
    drain();
    const bool is_shown = prints_ > 0;
    ENSURE(!is_shown || (!datagram.empty() && !was_stopping));
    if (is_queued && !is_shown) hooks_.pop_back();
    messages_ += is_shown;
    // `count` messages were asked for, and no more.
    if (options_.count) ENSURE(messages_ <= *options_.count);
  }

  void answer(Listener::OutcomeOrFailure outcome) {
    const Verb verb = *std::exchange(under_way_, std::nullopt);
    const bool is_accepted = outcome && std::holds_alternative<peer::Accepted>(*outcome);
    if (is_accepted && verb != Verb::kLogout) was_registered_ = true;
    listener_.handle_registration(now_, kEndpoint, std::move(outcome));
    drain();
    // Whatever lease a registry grants, it is not asked again in the same instant.
    const auto next = listener_.next_timeout();
    if (is_accepted && !under_way_ && next && !options_.wait && !is_stopping_) ENSURE(*next > now_);
  }

  // The shell's loop: a timeout that is due is handled, and then another is due or none.
  void time_out() {
    constexpr int kCallsMax = 4;
    int calls = 0;
    do {
      ENSURE(++calls <= kCallsMax);
      listener_.handle_timeout(now_);
      drain();
    } while (listener_.next_timeout().value_or(TimePoint::max()) <= now_);
  }

  void drain() {
    while (const auto action = listener_.poll_action()) {
      ENSURE(!has_left_);  // nothing follows Leave
      if (const auto* request = std::get_if<Listener::Register>(&*action)) {
        check_register(request->verb);
      } else if (const auto* print = std::get_if<Listener::Print>(&*action)) {
        ++prints_;
        check_print(print->text);
      } else if (const auto* note = std::get_if<Listener::Note>(&*action)) {
        fuzz::ensure_harmless_lines(note->text);
      } else if (const auto* hook = std::get_if<Listener::RunHook>(&*action)) {
        check_hook(hook->received);
      } else {
        has_left_ = true;
      }
    }
    if (has_left_) ENSURE(!listener_.next_timeout());
  }

  void check_register(Verb verb) {
    ENSURE(!under_way_ && !is_logging_out_);  // one request at a time, and none after LOGOUT
    if (verb == Verb::kRegister) ENSURE(!was_registered_);
    if (verb == Verb::kUpdate) ENSURE(was_registered_);
    under_way_ = verb;
    if (verb == Verb::kLogout) is_logging_out_ = is_stopping_ = true;
  }

  void check_print(std::string_view text) const {
    constexpr std::string_view kClear = "\r\x1b[K";
    if (options_.is_terminal && text.starts_with(kClear)) text.remove_prefix(kClear.size());
    fuzz::ensure_harmless_lines(text);
    // A message's line ends, so that none can pass for the question.
    if (text.ends_with(kQuestion)) ENSURE(options_.asks && listener_.is_asking());
    if (!options_.json) return;
    if (text.starts_with('\n')) text.remove_prefix(1);
    if (!text.starts_with('{')) return;
    ENSURE(nlohmann::json::accept(text.substr(0, text.find('\n'))));
  }

  void check_hook(const peer::Received& received) {
    ENSURE(options_.has_hook && !is_hook_running_ && !hooks_.empty());
    is_hook_running_ = true;
    const auto expected = common::decode_classic(common::as_bytes(hooks_.front()));
    ENSURE(expected && expected->text == received.message.text);
    ENSURE(expected->sender == received.message.sender);
    ENSURE(received.id.size() == 32);
  }

  Listener::Options options_;
  fuzz::SplitmixRandom random_;
  Listener listener_;
  TimePoint now_;
  std::optional<Verb> under_way_;
  bool was_registered_ = false;
  bool is_logging_out_ = false;
  bool has_left_ = false;
  bool is_stopping_ = false;  // as far as can be seen from outside
  bool is_hook_running_ = false;
  std::deque<std::string> hooks_;  // datagrams whose hook has not ended
  std::uint64_t messages_ = 0;
  int prints_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::as_input(data, size);
  World world(options_of(fuzz::ScriptLine("o" + std::string(fuzz::take_line(input)))));
  fuzz::play(world, input);
  world.settle();
  return 0;
}
