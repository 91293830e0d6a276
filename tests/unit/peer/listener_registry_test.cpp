// `listen` and its registry: registering, refreshing, trying again, being refused.
#include <doctest/doctest.h>

#include "tests/unit/support/listener_run.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using peer::Listener;
using test::ListenerRun;
using FailureKind = peer::ExchangeFailure::Kind;

TEST_CASE("a listener registers first, and says where it is reached once it is listed") {
  ListenerRun run;
  run.start();
  CHECK(run.take_log() == "REGISTER; ");
  CHECK_FALSE(run.listener.next_timeout().has_value());
  run.answer(peer::Accepted{200s});
  CHECK(run.notes ==
        "ali is listening on 127.0.0.1:50001, registered at 127.0.0.1:8080. Ctrl-C logs out.\n");
  CHECK(run.out == "");
}

TEST_CASE("messages are shown from the first moment, whatever the registry says") {
  ListenerRun run;
  run.start();
  run.message("veli: early");
  CHECK(run.out == "veli: early\n");
}

TEST_CASE("the record is refreshed before a third of its lease is over, and within a minute") {
  struct Row {
    std::string_view name;
    common::Duration lease;
    common::Duration longest;
  };
  const Row rows[] = {
      {"our registry's own", 200s, 60s},    {"a short one", 30s, 10s}, {"a very short one", 3s, 1s},
      {"exactly three minutes", 180s, 60s}, {"a day", 24h, 60s},       {"ten years", 87'600h, 60s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    common::Duration least = 1000h;
    common::Duration most{};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      ListenerRun run(ListenerRun::options(), seed);
      run.started(row.lease);
      run.take_log();
      const auto waited = run.step();
      REQUIRE(run.take_log() == "UPDATE; ");
      least = std::min(least, waited);
      most = std::max(most, waited);
    }
    // Half to all of it, and well spread.
    CHECK(most <= row.longest);
    CHECK(most > row.longest * 9 / 10);
    CHECK(least >= row.longest / 2);
    CHECK(least < row.longest * 6 / 10);
  }
}

TEST_CASE("refreshing goes on for as long as the listener does, in silence") {
  ListenerRun run;
  run.started();
  run.notes.clear();
  for (int i = 0; i < 100; ++i) {
    run.take_log();
    run.step();
    REQUIRE(run.take_log() == "UPDATE; ");
    run.answer(peer::Accepted{200s});
  }
  CHECK(run.notes == "");
}

TEST_CASE("an old registry, which knows no leases, is not asked again") {
  ListenerRun run;
  run.started(std::nullopt);
  CHECK(run.take_log() == "REGISTER; ");
  CHECK_FALSE(run.listener.next_timeout().has_value());
}

TEST_CASE("a registry that grants no time at all is not asked without a pause") {
  ListenerRun run;
  run.started(0s);
  REQUIRE(run.listener.next_timeout().has_value());
  CHECK(*run.listener.next_timeout() > run.now);
}

TEST_CASE("an unreachable registry is tried again, more and more slowly, up to a bound") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    ListenerRun run(ListenerRun::options(), seed);
    run.start();
    common::Duration expected = Listener::kRetryMin;
    for (int attempt = 0; attempt < 12; ++attempt) {
      CAPTURE(attempt);
      run.take_log();
      run.fail(FailureKind::kUnreachable);
      const auto waited = run.step();
      CHECK(waited >= expected / 2);
      CHECK(waited <= expected);
      REQUIRE(run.take_log() == "REGISTER; ");
      expected = std::min<common::Duration>(2 * expected, Listener::kRetryMax);
    }
    CHECK(expected == Listener::kRetryMax);
  }
}

TEST_CASE("that the registry is away is said once each time it goes") {
  ListenerRun run;
  run.start();
  for (int i = 0; i < 5; ++i) {
    run.fail(FailureKind::kUnreachable);
    run.step();
  }
  const std::string away =
      "cannot reach the registry at 127.0.0.1:8080: connection refused\n  Still listening, and "
      "trying again until it is there. Is it running? Try: curl http://127.0.0.1:8080/healthz\n";
  CHECK(run.notes == away);
  run.notes.clear();
  run.answer(peer::Accepted{200s});
  CHECK(run.notes ==
        "ali is listening on 127.0.0.1:50001, registered at 127.0.0.1:8080. Ctrl-C logs out.\n");
  run.notes.clear();
  run.step();
  run.fail(FailureKind::kUnreachable);
  run.step();
  run.fail(FailureKind::kUnreachable);
  CHECK(run.notes == away);
  run.notes.clear();
  run.step();
  run.answer(peer::Accepted{200s});
  CHECK(run.notes == "registered again at 127.0.0.1:8080\n");
}

TEST_CASE("after a registry came back the pauses begin anew") {
  ListenerRun run;
  run.start();
  for (int i = 0; i < 10; ++i) {
    run.fail(FailureKind::kUnreachable);
    run.step();
  }
  run.answer(peer::Accepted{200s});
  run.step();
  run.fail(FailureKind::kUnreachable);
  CHECK(run.step() <= Listener::kRetryMin);
}

TEST_CASE("a registry that cannot now is tried again as one that is away") {
  ListenerRun run;
  run.start();
  run.answer(peer::Unavailable{"the disk is full"});
  CHECK(run.notes.find("the disk is full") != std::string::npos);
  run.take_log();
  run.step();
  CHECK(run.take_log() == "REGISTER; ");
}

TEST_CASE("once it was listed, a listener claims its name back with UPDATE") {
  ListenerRun run;
  run.started();
  run.take_log();
  run.step();
  run.fail(FailureKind::kUnreachable);
  run.step();
  CHECK(run.take_log() == "UPDATE; UPDATE; ");
}

TEST_CASE("a name that somebody else holds ends it, with the classic text") {
  ListenerRun run;
  run.start();
  run.answer(peer::NameTaken{});
  CHECK(run.out == "This user already exists!\n");
  CHECK(run.notes ==
        "the name ali is held by somebody else at 127.0.0.1:8080\n  Choose another name, or wait "
        "until it is given up.\n");
  CHECK(run.take_log() == "REGISTER; LEAVE 77; ");
}

TEST_CASE("a name that was lost to somebody else ends it too") {
  ListenerRun run;
  run.started();
  run.step();
  run.take_log();
  run.answer(peer::NameTaken{});
  CHECK(run.out == "This user already exists!\n");
  CHECK(run.take_log() == "LEAVE 77; ");
}

TEST_CASE("what a registry refuses for good, or does not understand, ends a first registration") {
  struct Row {
    std::string_view name;
    peer::RegistrationOutcome outcome;
    std::string_view expected;
  };
  const Row rows[] = {
      {"refused", peer::Refused{"the address is not yours"}, "REGISTER; LEAVE 77; "},
      {"not understood", peer::NotUnderstood{"it answered status 500"}, "REGISTER; LEAVE 76; "},
      {"not listed", peer::NotListed{}, "REGISTER; LEAVE 76; "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ListenerRun run;
    run.start();
    run.answer(row.outcome);
    CHECK(run.take_log() == row.expected);
    CHECK(run.out == "");
    CHECK_FALSE(run.listener.next_timeout().has_value());
  }
}

TEST_CASE("what a registry does not understand, or answers oddly, is tried again once it was one") {
  for (const peer::RegistrationOutcome& outcome :
       {peer::RegistrationOutcome(peer::NotUnderstood{"it answered 502"}),
        peer::RegistrationOutcome(peer::NotListed{})}) {
    ListenerRun run;
    run.started();
    run.step();
    run.take_log();
    run.answer(outcome);
    CHECK(run.take_log() == "");
    run.step();
    CHECK(run.take_log() == "UPDATE; ");
  }
}

TEST_CASE("a first connection closed without an answer is tried again, but not for ever") {
  ListenerRun run;
  run.start();
  run.fail(FailureKind::kNoAnswer, "it closed without an answer");
  run.step();
  run.fail(FailureKind::kNoAnswer, "it closed without an answer");
  run.step();
  CHECK(run.take_log() == "REGISTER; REGISTER; REGISTER; ");
  run.fail(FailureKind::kNoAnswer, "it closed without an answer");
  CHECK(run.take_log() == "LEAVE 76; ");
}

TEST_CASE("something that is no registry ends a first registration, and is waited for later") {
  ListenerRun first;
  first.start();
  first.fail(FailureKind::kBroken, "what it says is not HTTP");
  CHECK(first.take_log() == "REGISTER; LEAVE 76; ");
  CHECK(first.notes == "127.0.0.1:8080 does not answer as a registry: what it says is not HTTP\n");
  for (const FailureKind kind : {FailureKind::kNoAnswer, FailureKind::kBroken}) {
    ListenerRun later;
    later.started();
    later.step();
    later.fail(kind);
    later.take_log();
    later.step();
    CHECK(later.take_log() == "UPDATE; ");
  }
}

TEST_CASE("an answer that comes after leaving is dropped") {
  ListenerRun run;
  run.start();
  run.answer(peer::NameTaken{});
  run.take_log();
  run.answer(peer::Accepted{200s});
  CHECK(run.take_log() == "");
}

TEST_CASE("a timeout called early or twice asks nothing twice") {
  ListenerRun run;
  run.started();
  run.take_log();
  run.pass(1s);
  CHECK(run.take_log() == "");
  run.step();
  run.pass(0s);
  run.pass(1s);
  CHECK(run.take_log() == "UPDATE; ");
}

}  // namespace
