// netchat: being listed. The listener, the registration, and the lease.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/support/netchat_run.hpp"

namespace {

using namespace test;
using common::ExitStatus;

TEST_CASE("the listener is there before the registration, and then commands are taken") {
  NetchatRun run;
  CHECK(run.is_listening);
  CHECK(run.requests.empty());
  CHECK_FALSE(run.client.wants_input());
  run.client.handle_listening(run.now, 40001);
  run.stop(ExitStatus::kInterrupted);  // any call drains
  CHECK(run.requests == std::vector<std::string>{"POST / UPDATE alice@:40001"});
}

TEST_CASE("a registration is told as the old program does") {
  NetchatRun run;
  run.client.handle_listening(run.now, 40001);
  run.pass(0s);
  SUBCASE("taken by a new registry") {
    run.answer(200, R"({"v":1,"name":"alice","endpoint":"127.0.0.1:40001","lease_s":200})");
    CHECK(run.out == ">>User registered in server!\n");
    CHECK(run.prompt == "Waiting for a command (to exit write EXIT): ");
    CHECK(run.client.wants_input());
  }
  SUBCASE("by an old one") {
    run.answer(200);
    CHECK(run.out == ">>User registered in server!\n");
  }
  SUBCASE("refused") {
    run.answer(406);
    CHECK(run.out == ">>Registration failed!\n");
    CHECK(run.err.find("the name alice is taken") != run.err.npos);
    CHECK(run.status == 77);
  }
  SUBCASE("not there") {
    run.fail_answer();
    CHECK(run.out == ">>Registration failed!\n");
    CHECK(run.status == 69);
  }
  SUBCASE("no room now") {
    run.answer(503, "later");
    CHECK(run.out == ">>Registration failed!\n");
    CHECK(run.status == 75);
  }
}

TEST_CASE("a port that cannot be had ends it before anything is registered") {
  NetchatRun run;
  run.client.handle_listen_failed(run.now, ExitStatus::kUnavailable, "cannot listen");
  run.pass(0s);
  CHECK(run.requests.empty());
}

TEST_CASE("the lease is refreshed, also after the registry was away") {
  NetchatRun run;
  run.online();
  run.pass(59s);
  CHECK(run.requests.empty());
  run.pass(2s);
  CHECK(run.requests == std::vector<std::string>{"POST / UPDATE alice@:40001"});
  run.fail_answer();
  CHECK(run.err.find("cannot reach the registry at 127.0.0.1:8080: connection refused") !=
        run.err.npos);
  run.pass(6s);
  CHECK(run.requests.size() == 2);
  run.fail_answer();
  run.err.clear();
  run.pass(6s);
  run.answer(200, R"({"v":1,"name":"alice","endpoint":"127.0.0.1:40001","lease_s":30})");
  CHECK(run.err == "alice is registered again\n");
  run.requests.clear();
  run.pass(11s);
  CHECK(run.requests.size() == 1);
  SUBCASE("a name that has become somebody else's ends it") {
    run.answer(406);
    CHECK(run.status == 77);
  }
}

}  // namespace
