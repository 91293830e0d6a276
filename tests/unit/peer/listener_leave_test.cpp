// Every way out of `listen`: the question, signals, -n, -W, and what the registry says to LOGOUT.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/listener_run.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using peer::Listener;
using test::ListenerRun;
using FailureKind = peer::ExchangeFailure::Kind;

ListenerRun asked() {
  auto options = ListenerRun::options();
  options.asks = true;
  return ListenerRun(options);
}

TEST_CASE("yes logs out and leaves; what the registry says is told") {
  struct Row {
    std::string_view name;
    std::string_view answer;
    std::string_view out;
    std::string_view notes;
  };
  const Row rows[] = {
      {"done", "accepted", "", "ali logged out\n"},
      {"not in the list", "not listed", "ERROR: You are not in the list!\n", ""},
      {"not ours", "taken", "ERROR: You are not in the list!\n", ""},
      {"an old registry knows no LOGOUT", "no answer", "",
       "the registry does not know LOGOUT: the name stays listed there\n"},
      {"the registry is away", "unreachable", "",
       "could not log out: connection refused; the registration ends by itself\n"},
  };
  for (const Row& row : rows)
    for (const std::string_view yes : {"y", "Y", "y\r"}) {
      CAPTURE(row.name);
      auto options = ListenerRun::options();
      options.asks = true;
      ListenerRun run(options);
      run.started();
      run.messages(5);
      run.take_log();
      run.out.clear();
      run.notes.clear();
      run.input(yes);
      CHECK(run.take_log() == "LOGOUT; ");
      CHECK_FALSE(run.listener.is_asking());
      if (row.answer == "accepted") run.answer(peer::Accepted{});
      if (row.answer == "not listed") run.answer(peer::NotListed{});
      if (row.answer == "taken") run.answer(peer::NameTaken{});
      if (row.answer == "no answer") run.fail(FailureKind::kNoAnswer);
      if (row.answer == "unreachable") run.fail(FailureKind::kUnreachable);
      CHECK(run.out == row.out);
      CHECK(run.notes == row.notes);
      CHECK(run.take_log() == "LEAVE 0; ");
    }
}

TEST_CASE("a signal logs out and leaves with its own status") {
  for (const auto status :
       {ExitStatus::kInterrupted, ExitStatus::kTerminated, ExitStatus::kOutput}) {
    ListenerRun run;
    run.started();
    run.take_log();
    run.stop(status);
    CHECK(run.take_log() == "LOGOUT; ");
    run.answer(peer::Accepted{});
    CHECK(run.take_log() == "LEAVE " + std::to_string(static_cast<int>(status)) + "; ");
    CHECK(run.out == "");
  }
}

TEST_CASE("a LOGOUT of a record that is not there is no matter for standard output by itself") {
  ListenerRun run;
  run.started();
  run.stop();
  run.answer(peer::NotListed{});
  CHECK(run.out == "");
  CHECK(run.notes.ends_with("could not log out: not listed; the registration ends by itself\n"));
}

TEST_CASE("a leaving peer waits a second for the registry, and no longer") {
  ListenerRun run;
  run.started();
  run.take_log();
  run.stop();
  CHECK(run.listener.next_timeout() == run.now + Listener::kLogoutTime);
  run.pass(1s - 1ns);
  CHECK(run.take_log() == "LOGOUT; ");
  run.pass(1ns);
  CHECK(run.take_log() == "LEAVE 130; ");
  CHECK_FALSE(run.listener.next_timeout().has_value());
  run.answer(peer::Accepted{});
  CHECK(run.take_log() == "");
}

TEST_CASE("a second signal leaves at once, with the second's status") {
  ListenerRun run;
  run.started();
  run.take_log();
  run.stop(ExitStatus::kInterrupted);
  run.stop(ExitStatus::kTerminated);
  CHECK(run.take_log() == "LOGOUT; LEAVE 143; ");
  run.stop();
  CHECK(run.take_log() == "");
}

TEST_CASE("a signal while the first registration is under way waits for it, then logs out") {
  ListenerRun run;
  run.start();
  run.stop();
  CHECK(run.take_log() == "REGISTER; ");
  run.answer(peer::Accepted{200s});
  CHECK(run.take_log() == "LOGOUT; ");
  run.answer(peer::Accepted{});
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a signal while a refused registration is under way keeps the signal's status") {
  ListenerRun run;
  run.start();
  run.stop();
  run.answer(peer::Refused{"no"});
  CHECK(run.take_log() == "REGISTER; LEAVE 130; ");
}

TEST_CASE("a signal before the registry was ever there leaves at once: nothing is listed") {
  ListenerRun run;
  run.start();
  run.fail(FailureKind::kUnreachable);
  run.take_log();
  run.stop();
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a signal while a once reachable registry is away still tries to log out") {
  ListenerRun run;
  run.started();
  run.step();
  run.fail(FailureKind::kUnreachable);
  run.take_log();
  run.stop();
  CHECK(run.take_log() == "LOGOUT; ");
  run.fail(FailureKind::kUnreachable);
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a failed refresh while leaving does not keep it") {
  ListenerRun run;
  run.started();
  run.step();
  run.take_log();
  run.stop();
  CHECK(run.take_log() == "");
  run.fail(FailureKind::kUnreachable);
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a signal while the question stands ends its line on a terminal") {
  auto options = ListenerRun::options();
  options.asks = options.is_terminal = true;
  ListenerRun terminal(options);
  terminal.started();
  terminal.messages(5);
  terminal.out.clear();
  terminal.stop();
  CHECK(terminal.out == "\n");
  CHECK_FALSE(terminal.listener.is_asking());
  ListenerRun pipe = asked();
  pipe.started();
  pipe.messages(5);
  pipe.out.clear();
  pipe.stop();
  CHECK(pipe.out == "");
}

TEST_CASE("while leaving nothing more is shown, asked or answered") {
  ListenerRun run = asked();
  run.started();
  run.messages(5);
  run.stop();
  run.take_log();
  run.out.clear();
  run.message("veli: late");
  run.input("n");
  run.input("y");
  CHECK(run.out == "");
  CHECK(run.take_log() == "");
}

TEST_CASE("-n leaves after so many messages, logged out, with status 0") {
  for (const std::uint64_t count : {1u, 3u}) {
    auto options = ListenerRun::options();
    options.count = count;
    ListenerRun run(options);
    run.started();
    run.take_log();
    run.messages(static_cast<int>(count) - 1);
    CHECK(run.take_log() == "");
    run.message("veli: last");
    CHECK(run.take_log() == "LOGOUT; ");
    run.message("veli: one too many");
    run.answer(peer::Accepted{});
    CHECK(run.take_log() == "LEAVE 0; ");
    CHECK(static_cast<std::uint64_t>(std::count(run.out.begin(), run.out.end(), '\n')) == count);
  }
}

TEST_CASE("-n asks nothing at its end, even on the fifth message") {
  auto options = ListenerRun::options();
  options.count = 5;
  options.asks = true;
  ListenerRun run(options);
  run.started();
  run.messages(5);
  CHECK_FALSE(run.listener.is_asking());
  CHECK(run.out.find('?') == std::string::npos);
}

TEST_CASE("-n with a hook leaves when the last message has been through it") {
  auto options = ListenerRun::options();
  options.count = 2;
  options.has_hook = true;
  options.hook_takes_plain = true;
  ListenerRun run(options);
  run.started();
  run.take_log();
  run.message("veli: 1").message("veli: 2");
  CHECK(run.take_log() == "hook 1; ");
  run.hook_done();
  CHECK(run.take_log() == "hook 2; ");
  run.hook_done();
  CHECK(run.take_log() == "LOGOUT; ");
}

TEST_CASE("-n with a hook counts as well: what comes while the hook runs is one too many") {
  auto options = ListenerRun::options();
  options.count = 2;
  options.has_hook = true;
  options.hook_takes_plain = true;
  ListenerRun run(options);
  run.started();
  run.take_log();
  run.message("veli: 1").message("veli: 2").message("veli: 3").message("veli: 4");
  CHECK(run.out == "veli: 1\nveli: 2\n");
  run.hook_done().hook_done();
  CHECK(run.take_log() == "hook 1; hook 2; LOGOUT; ");
}

TEST_CASE("-n counts messages that came before the registration was answered") {
  auto options = ListenerRun::options();
  options.count = 1;
  ListenerRun run(options);
  run.start();
  run.message("veli: early");
  CHECK(run.take_log() == "REGISTER; ");
  run.answer(peer::Accepted{200s});
  run.answer(peer::Accepted{});
  CHECK(run.take_log() == "LOGOUT; LEAVE 0; ");
}

TEST_CASE("-W leaves after so long with 124, as timeout does") {
  auto options = ListenerRun::options();
  options.wait = 5s;
  ListenerRun run(options);
  run.started();
  run.take_log();
  run.pass(5s - 1ns);
  CHECK(run.take_log() == "");
  run.pass(1ns);
  CHECK(run.take_log() == "LOGOUT; ");
  run.answer(peer::Accepted{});
  CHECK(run.take_log() == "LEAVE 124; ");
}

TEST_CASE("-W that never saw the registry leaves with 69: that was the reason") {
  auto options = ListenerRun::options();
  options.wait = 5s;
  ListenerRun run(options);
  run.start();
  run.fail(FailureKind::kUnreachable);
  while (run.now < test::at(1h) + 5s) {
    run.step();
    if (run.log.ends_with("REGISTER; ")) run.fail(FailureKind::kUnreachable);
  }
  CHECK(run.log.ends_with("LEAVE 69; "));
}

TEST_CASE("-W counts from the start, and messages do not put it off") {
  auto options = ListenerRun::options();
  options.wait = 5s;
  ListenerRun run(options);
  run.started();
  run.take_log();
  for (int i = 0; i < 4; ++i) {
    run.pass(1s);
    run.message("veli: x");
  }
  run.pass(1s);
  CHECK(run.take_log() == "LOGOUT; ");
}

TEST_CASE("-n reached before -W leaves with 0") {
  auto options = ListenerRun::options();
  options.wait = 5s;
  options.count = 1;
  ListenerRun run(options);
  run.started();
  run.take_log();
  run.message("veli: x");
  run.pass(500ms);
  run.answer(peer::Accepted{});
  CHECK(run.take_log() == "LOGOUT; LEAVE 0; ");
}

TEST_CASE("nothing follows the leave: no hook, no request, no line") {
  auto options = ListenerRun::options();
  options.has_hook = true;
  options.hook_takes_plain = true;
  ListenerRun run(options);
  run.started();
  run.message("veli: 1").message("veli: 2");
  run.stop();
  run.answer(peer::Accepted{});
  REQUIRE(run.log.ends_with("LEAVE 130; "));
  run.take_log();
  run.hook_done();
  run.message("veli: 3");
  run.pass(10min);
  run.stop();
  CHECK(run.take_log() == "");
}

}  // namespace
