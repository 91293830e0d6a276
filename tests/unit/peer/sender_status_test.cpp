// What `send` leaves with: the worst of everything that happened.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/sender_run.hpp"

namespace {

using peer::ExchangeFailure;
using peer::HttpAnswer;
using test::SenderRun;
using FailureKind = ExchangeFailure::Kind;

const std::vector<std::string> kTwo = {"Ali@127.0.0.1:50001", "Veli@127.0.0.1:50002"};

peer::Sender::AnswerOrFailure failure(FailureKind kind, std::string text) {
  return common::unexpected{ExchangeFailure{kind, std::move(text)}};
}
peer::Sender::AnswerOrFailure answer(int status, std::string body = "") {
  return HttpAnswer{.status = status, .is_json = false, .etag = "", .body = std::move(body)};
}

TEST_CASE("what a registry does not help with ends the command with its own status") {
  struct Row {
    std::string_view name;
    peer::Sender::AnswerOrFailure answer;
    int status;
    std::string_view text;
  };
  const std::vector<Row> rows = {
      {"unreachable", failure(FailureKind::kUnreachable, "connection refused"), 69,
       "cannot reach the registry at 127.0.0.1:8080: connection refused\n  Is it running? Try: "
       "curl http://127.0.0.1:8080/healthz\n"},
      {"closed without an answer", failure(FailureKind::kNoAnswer, "it closed without an answer"),
       76, "the registry at 127.0.0.1:8080 did not help: it closed without an answer\n"},
      {"no HTTP", failure(FailureKind::kBroken, "what it says is not HTTP"), 76,
       "the registry at 127.0.0.1:8080 did not help: what it says is not HTTP\n"},
      {"refused", answer(421, "not my name"), 77,
       "the registry at 127.0.0.1:8080 did not help: not my name\n"},
      {"cannot now", answer(503, "later"), 75,
       "the registry at 127.0.0.1:8080 did not help: later\n"},
      {"not understood", answer(500), 76,
       "the registry at 127.0.0.1:8080 did not help: it answered status 500\n"},
  };
  for (const std::string_view command : {"list", "broadcast \"x\"", "unicast Ali \"x\""})
    for (const Row& row : rows) {
      CAPTURE(command);
      CAPTURE(row.name);
      SenderRun run(kTwo);
      run.script.push_back(row.answer);
      run.line(command);
      CHECK(run.out == "");
      CHECK(run.err == row.text);
      CHECK(run.status() == row.status);
      CHECK(run.datagrams.empty());
      // The next command is tried afresh.
      run.line("unicast Ali \"x\"");
      CHECK(run.out == "message is sent to Ali\n");
      CHECK(run.status() == row.status);
    }
}

TEST_CASE("a multicast that loses its registry half way has sent what it sent") {
  SenderRun run(kTwo);
  run.script.push_back(
      HttpAnswer{.status = 200, .is_json = false, .etag = "", .body = "127.0.0.1:50001"});
  run.script.push_back(failure(FailureKind::kUnreachable, "no answer in time"));
  run.line("multicast [Ali, Veli] \"x\"");
  CHECK(run.out == "message is sent to Ali\n");
  CHECK(run.datagrams.size() == 1);
  CHECK(run.status() == 69);
}

TEST_CASE("one unknown is 67, some of several 1, all of several 67") {
  struct Row {
    std::string_view line;
    int expected;
  };
  const Row rows[] = {
      {"unicast Ali \"x\"", 0},           {"unicast Zoe \"x\"", 67},
      {"multicast [Ali, Veli] \"x\"", 0}, {"multicast [Ali, Zoe] \"x\"", 1},
      {"multicast [Zoe, Ali] \"x\"", 1},  {"multicast [Zoe, Can] \"x\"", 67},
      {"multicast [Zoe] \"x\"", 67},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    SenderRun run(kTwo);
    run.line(row.line);
    CHECK(run.status() == row.expected);
  }
}

TEST_CASE("what the network refuses is 75, or 1 when others were reached") {
  SenderRun one(kTwo);
  one.refusals["127.0.0.1:50001"] = "no buffer space";
  one.line("unicast Ali \"x\"");
  CHECK(one.status() == 75);
  SenderRun all(kTwo);
  all.refusals = {{"127.0.0.1:50001", "no"}, {"127.0.0.1:50002", "no"}};
  all.line("broadcast \"x\"");
  CHECK(all.status() == 75);
  SenderRun unknown_too(kTwo);
  unknown_too.refusals["127.0.0.1:50001"] = "no";
  unknown_too.line("multicast [Zoe, Ali] \"x\"");
  CHECK(unknown_too.status() == 75);
  SenderRun some(kTwo);
  some.refusals["127.0.0.1:50001"] = "no";
  some.line("broadcast \"x\"");
  CHECK(some.status() == 1);
}

TEST_CASE("a malformed command is 65 on standard input and 64 on the command line") {
  for (const std::string_view line : {"dance", "unicast Ali", "multicast [] \"x\""}) {
    CAPTURE(line);
    CHECK(SenderRun(kTwo).line(line).status() == 65);
  }
  CHECK(SenderRun(kTwo).words({"dance"}).status() == 64);
  CHECK(SenderRun(kTwo).words({"unicast", "Ali"}).status() == 64);
  CHECK(SenderRun(kTwo).words({"multicast", "[]", "x"}).status() == 64);
  CHECK(SenderRun(kTwo).words({"list", "all"}).status() == 64);
}

/// Makes a run's status what the row says by one command.
void provoke(SenderRun& run, int status) {
  switch (status) {
    case 64:
      run.words({"dance", "now"});
      break;
    case 65:
      run.line("dance");
      break;
    case 69:
      run.script.push_back(failure(FailureKind::kUnreachable, "x"));
      run.line("list");
      break;
    case 76:
      run.script.push_back(failure(FailureKind::kBroken, "x"));
      run.line("list");
      break;
    case 77:
      run.script.push_back(answer(403));
      run.line("list");
      break;
    case 75:
      run.script.push_back(answer(503));
      run.line("list");
      break;
    case 67:
      run.line("unicast Zoe \"x\"");
      break;
    case 1:
      run.line("multicast [Ali, Zoe] \"x\"");
      break;
    default:
      run.line("unicast Ali \"x\"");
  }
}

TEST_CASE("the status is the worst that occurred, whatever the order") {
  // From worst to least; 78 is left to the shell.
  const std::vector<int> severity = {64, 65, 69, 76, 77, 75, 67, 1, 0};
  for (std::size_t i = 0; i < severity.size(); ++i)
    for (std::size_t j = 0; j < severity.size(); ++j) {
      CAPTURE(severity[i]);
      CAPTURE(severity[j]);
      SenderRun run(kTwo);
      provoke(run, severity[i]);
      REQUIRE(run.status() == severity[i]);
      provoke(run, severity[j]);
      CHECK(run.status() == severity[std::min(i, j)]);
      provoke(run, 0);
      CHECK(run.status() == severity[std::min(i, j)]);
    }
}

}  // namespace
