// netchat: every way of leaving, and the status of each.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/unit/support/netchat_run.hpp"

namespace {

using namespace test;
using common::ExitStatus;

TEST_CASE("a COMMAND is done, and then it leaves") {
  auto options = NetchatRun::options();
  options.command = "SEND bob hi";
  NetchatRun run(options);
  run.online();
  run.answer_user("bob", "127.0.0.1:40002");
  run.connected();
  run.closed();
  CHECK(run.out == kSent);
  CHECK(run.requests.back() == "POST / LOGOUT alice@127.0.0.1:40001");
  run.answer(200);
  CHECK(run.status == 0);
}

TEST_CASE("every way of leaving logs out") {
  struct Row {
    std::string_view name;
    void (*leave)(NetchatRun& run);
    int status;
  };
  const Row rows[] = {
      {"EXIT", [](NetchatRun& run) { run.line("EXIT"); }, 0},
      {"the end of input", [](NetchatRun& run) { run.end_input(); }, 0},
      {"SIGTERM", [](NetchatRun& run) { run.stop(ExitStatus::kTerminated); }, 143},
      {"closed output",
       [](NetchatRun& run) {
         run.client.handle_output_closed(run.now);
         run.pass(0s);
       },
       74},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const bool answers : {true, false}) {
      NetchatRun run;
      run.online();
      row.leave(run);
      CHECK(run.client.unanswered_requests() == 1);
      CHECK_FALSE(run.status);
      if (answers) {
        run.answer(200);
      } else {
        run.pass(1s);
      }
      CHECK(run.status == row.status);
    }
  }
}

TEST_CASE("a second signal does not wait, and a registration under way is taken back") {
  NetchatRun run;
  run.client.handle_listening(run.now, 40001);
  run.stop(ExitStatus::kInterrupted);
  CHECK_FALSE(run.status);
  SUBCASE("once it is there") {
    run.answer(200);
    CHECK(run.requests.back() == "POST / LOGOUT alice@127.0.0.1:40001");
    run.answer(200);
    CHECK(run.status == 130);
    CHECK(run.out.empty());
  }
  SUBCASE("by another signal at once") {
    run.stop(ExitStatus::kTerminated);
    CHECK(run.status == 143);
  }
  SUBCASE("refused: there is nothing to take back") {
    run.answer(406);
    CHECK(run.status == 130);
  }
}

TEST_CASE("in the middle of a message a signal leaves all the same") {
  NetchatRun run;
  run.online().line("SEND bob \"hi\"");
  run.answer_user("bob", "127.0.0.1:40002");
  run.connected();
  run.stop(ExitStatus::kInterrupted);
  run.bytes("TAKEN " + run.last_id() + "\n");
  run.closed();
  run.answer(200);
  CHECK(run.status == 130);
}

TEST_CASE("-W leaves after its time, and says whose fault it was") {
  auto options = NetchatRun::options();
  options.wait = 2s;
  SUBCASE("online") {
    NetchatRun run(options);
    run.online();
    run.end_input();  // a script's input may end before what it waits for has come
    run.pass(3s);
    run.answer(200);
    CHECK(run.status == 124);
  }
  SUBCASE("never registered") {
    NetchatRun run(options);
    run.client.handle_listening(run.now, 40001);
    run.pass(4s);
    CHECK(run.status == 69);
  }
}

}  // namespace
