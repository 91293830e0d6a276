// Drives a Listener: time, the registry's answers and the hook are the test's; what happened is one
// text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "peer/listener.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

class ListenerRun {
 public:
  using Failure = peer::ExchangeFailure;

  static peer::Listener::Options options() {
    return {.name = name("ali"), .registry = "127.0.0.1:8080", .count = {}, .wait = {}};
  }

  explicit ListenerRun(peer::Listener::Options options = ListenerRun::options(),
                       std::uint64_t seed = 1)
      : random_(seed), listener(std::move(options), random_) {}

  ListenerRun& start() {
    listener.start(now);
    drain();
    return *this;
  }
  /// start(), and the registry grants so long a lease; nothing for an old registry.
  ListenerRun& started(std::optional<common::Duration> lease = 200s) {
    start();
    return answer(peer::Accepted{lease});
  }
  ListenerRun& answer(peer::RegistrationOutcome outcome) {
    listener.handle_registration(now, endpoint("127.0.0.1:50001"), std::move(outcome));
    drain();
    return *this;
  }
  ListenerRun& fail(Failure::Kind kind, std::string text = "connection refused") {
    listener.handle_registration(now, endpoint("127.0.0.1:50001"),
                                 common::unexpected{Failure{kind, std::move(text)}});
    drain();
    return *this;
  }
  ListenerRun& message(std::string_view bytes) {
    listener.handle_datagram(now, {1'795'215'021'407}, common::as_bytes(bytes));
    drain();
    return *this;
  }
  ListenerRun& messages(int count, std::string_view bytes = "veli: x") {
    for (int i = 0; i < count; ++i) message(bytes);
    return *this;
  }
  ListenerRun& input(std::string_view line) {
    listener.handle_input_line(now, line);
    drain();
    return *this;
  }
  ListenerRun& hook_done() {
    listener.handle_hook_done(now);
    drain();
    return *this;
  }
  ListenerRun& stop(common::ExitStatus status = common::ExitStatus::kInterrupted) {
    listener.handle_stop(now, status);
    drain();
    return *this;
  }
  /// Moves the clock to the next timeout and runs it; the wait is returned.
  common::Duration step() {
    const auto due = listener.next_timeout();
    ENSURE(due.has_value());
    const auto waited = *due - now;
    now = std::max(now, *due);
    listener.handle_timeout(now);
    drain();
    return waited;
  }
  ListenerRun& pass(common::Duration duration) {
    now += duration;
    listener.handle_timeout(now);
    drain();
    return *this;
  }

  std::string take_log() { return std::exchange(log, {}); }

  std::string log;    // "REGISTER; note: …; LEAVE 0; hook veli x; "
  std::string out;    // standard output
  std::string notes;  // standard error, a line each
  std::vector<peer::Received> hooked;
  common::TimePoint now = at(1h);

 private:
  void drain() {
    while (auto action = listener.poll_action()) {
      if (const auto* request = std::get_if<peer::Listener::Register>(&*action)) {
        log += request->verb == peer::Verb::kRegister ? "REGISTER; "
               : request->verb == peer::Verb::kUpdate ? "UPDATE; "
                                                      : "LOGOUT; ";
      } else if (const auto* print = std::get_if<peer::Listener::Print>(&*action)) {
        out += print->text;
      } else if (const auto* note = std::get_if<peer::Listener::Note>(&*action)) {
        notes += note->text + '\n';
      } else if (const auto* hook = std::get_if<peer::Listener::RunHook>(&*action)) {
        hooked.push_back(hook->received);
        log += "hook " + hook->received.message.text + "; ";
      } else if (const auto* leave = std::get_if<peer::Listener::Leave>(&*action)) {
        log += "LEAVE " + std::to_string(static_cast<int>(leave->status)) + "; ";
      }
    }
  }

  TestRandom random_;  // before the listener that draws from it

 public:
  peer::Listener listener;
};

}  // namespace test
