// netchat: messages and delete signals that come, from old programs, ours and strangers.
#include <doctest/doctest.h>

#include "tests/unit/support/netchat_run.hpp"

namespace {

using namespace test;
using peer::NetchatInbox;

const std::string kId = "0123456789abcdef0123456789abcdef";
const std::string kOther = "ffffffffffffffffffffffffffffffff";

TEST_CASE("a message is announced, and read when the person wants to") {
  NetchatRun run;
  run.online();
  run.receive("bob: \"see you at 10\"");
  CHECK(run.out == ">>You have a message from bob\n");
  run.out.clear();
  run.line("READ bob");
  CHECK(run.out == ">>see you at 10 - bob\n");
}

TEST_CASE("whatever comes harms nobody") {
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view read;
    std::string_view shown;
  };
  const Row rows[] = {
      {"inner quotes", "bob: \"a \"b\" c\"", "bob", ">>a \"b\" c - bob\n"},
      {"no quotes", "bob: hi", "bob", ">>hi - bob\n"},
      {"no blank", "bob:\"hi\"", "bob", ">>hi - bob\n"},
      {"cut", "bob: \"hi", "bob", ">>hi - bob\n"},
      {"5 kB", "bob: \"" + std::string(5000, 'x') + '"', "bob", ""},
      {"bad UTF-8", "bob: \"a\xff\"", "bob", ">>a\\xff - bob\n"},
      {"a command for the terminal", "bob: \"\x1b[2J\"", "bob", ">>\\x1b[2J - bob\n"},
      {"lines that imitate ours", "bob: \"a\n>>b - user\"", "bob", ">>a\\x0a>>b - user - bob\n"},
      {"nobody", "\"hi\"", "?", ">>hi - ?\n"},
      {"our own mark", "user: \"hi\"", "?", ">>hi - ?\n"},
      {"a name of old programs", "a:\"hi\"", "a", ">>hi - a\n"},
      {"one byte", "x", "?", ">>x - ?\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    NetchatRun run;
    run.online();
    run.receive(row.bytes);
    CHECK(run.out.starts_with(">>You have a message from "));
    run.out.clear();
    run.line("READ " + std::string(row.read));
    if (!row.shown.empty()) CHECK(run.out == row.shown);
    CHECK(run.out.size() > 5);
  }
}

TEST_CASE("a sender's name commands no terminal either") {
  NetchatRun run;
  run.online();
  run.receive("\x1b]0;x\x07: \"hi\"");
  CHECK(run.out == ">>You have a message from \\x1b]0;x\\x07\n");
}

TEST_CASE("a message may come in any pieces, and need not close") {
  const std::string whole = "bob: \"he said \"hi\" and left\"";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CAPTURE(cut);
    NetchatRun run;
    run.online();
    const auto link = run.next_link();
    REQUIRE(run.accept(link));
    if (cut > 0) run.hear(link, whole.substr(0, cut));
    run.pass(200ms);
    if (cut < whole.size()) run.hear(link, whole.substr(cut));
    CHECK(run.out.empty());
    run.pass(300ms);
    CHECK(run.out == ">>You have a message from bob\n");
    CHECK(run.closes == std::vector{link});
    CHECK(run.replies.empty());  // old programs are not answered
    run.hang_up(link);
    run.out.clear();
    run.line("READ bob");
    CHECK(run.out == ">>he said \"hi\" and left - bob\n");
  }
}

TEST_CASE("our own programs are told at once that it is there, and shown it once") {
  NetchatRun run;
  run.online();
  const auto link = run.next_link();
  REQUIRE(run.accept(link));
  run.hear(link, "bob: \"hi\" id=" + kId);
  CHECK(run.out == ">>You have a message from bob\n");
  CHECK(run.replies[link] == "TAKEN " + kId + "\n");
  CHECK(run.closes == std::vector{link});
  // The answer got lost on the way, and bob's program sends it again.
  const auto again = run.next_link();
  REQUIRE(run.accept(again));
  run.hear(again, "bob: \"hi\" id=" + kId);
  CHECK(run.replies[again] == "TAKEN " + kId + "\n");
  CHECK(run.out == ">>You have a message from bob\n");
}

TEST_CASE("a probe, and a connection that breaks, are nothing") {
  NetchatRun run;
  run.online();
  const auto probe = run.next_link();
  REQUIRE(run.accept(probe));
  run.hang_up(probe);
  const auto broken = run.next_link();
  REQUIRE(run.accept(broken));
  run.hear(broken, "bob: \"hi\"");
  run.hang_up(broken, "connection reset by peer");
  CHECK(run.out.empty());
}

TEST_CASE("silence, slowness and length have their ends") {
  NetchatRun run;
  run.online();
  const auto silent = run.next_link();
  const auto slow = run.next_link();
  const auto quotes = run.next_link();
  const auto endless = run.next_link();
  for (const auto link : {silent, slow, quotes, endless}) REQUIRE(run.accept(link));
  for (int i = 0; i < 49; ++i) {
    run.hear(slow, "x");
    run.hear(quotes, "\"");
    run.pass(100ms);
  }
  CHECK(run.client.wants_bytes(slow));
  run.hear(endless, "bob: \"" + std::string(NetchatInbox::kBytesMax - 6, 'x'));
  CHECK(run.client.wants_bytes(endless));
  run.hear(endless, "x");
  CHECK_FALSE(run.client.wants_bytes(endless));
  CHECK(run.err.ends_with("a message of more than 16384 bytes was left out\n"));
  run.pass(200ms);
  for (const auto link : {silent, slow, quotes}) CHECK_FALSE(run.client.wants_bytes(link));
  CHECK(run.closes.size() == 4);
  run.hear(slow, "late");  // nobody's any more
  run.hang_up(slow);
}

TEST_CASE("connections are bounded, for each address and for all") {
  NetchatRun run;
  run.online();
  for (std::size_t i = 0; i < NetchatInbox::kLinksPerSourceMax; ++i)
    REQUIRE(run.accept(run.next_link(), "10.0.0.5"));
  CHECK_FALSE(run.accept(run.next_link(), "10.0.0.5"));
  for (std::size_t i = NetchatInbox::kLinksPerSourceMax; i < NetchatInbox::kLinksMax; ++i)
    REQUIRE(run.accept(run.next_link()));
  CHECK_FALSE(run.accept(run.next_link()));
  run.pass(5s);
  CHECK(run.accept(run.next_link(), "10.0.0.5"));
}

TEST_CASE("while nobody reads what is shown, senders wait, and are not late for it") {
  NetchatRun run;
  run.online();
  run.writes = false;
  const auto link = run.next_link();
  REQUIRE(run.accept(link));
  run.hear(link, "bob: \"hi");
  std::size_t unwritten = 0;
  while (run.client.wants_bytes(link)) {
    run.receive("bob: \"hello\"");
    unwritten = run.out.size();
    REQUIRE(unwritten < 2 * peer::NetchatClient::kUnwrittenMax);
  }
  CHECK_FALSE(run.client.wants_input());
  run.pass(60s);
  run.client.handle_written(run.now, unwritten);
  run.writes = true;
  CHECK(run.client.wants_bytes(link));
  run.out.clear();
  run.hear(link, "\"");
  run.hang_up(link);
  CHECK(run.out == ">>You have a message from bob\n");
}

TEST_CASE("an old program's delete signal counts from where its sender is registered") {
  struct Row {
    std::string_view name;
    std::string_view from;
    std::string_view registered;
    bool is_deleted;
  };
  const Row rows[] = {
      {"there", "192.168.1.5", "192.168.1.5:40002", true},
      {"elsewhere", "192.168.1.6", "192.168.1.5:40002", false},
      {"this machine, by another of its loopback addresses", "127.0.0.1", "127.0.1.1:40002", true},
      {"this machine for somebody on another", "127.0.0.1", "192.168.1.5:40002", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    NetchatRun run;
    run.online();
    run.receive("bob: \"one\"");
    run.receive("bob: \"two\"");
    run.receive("DELETE_MESSAGE:bob", row.from);
    CHECK(run.requests == std::vector<std::string>{"GET /userlist.txt?username=bob"});
    run.answer_user("bob", row.registered);
    run.out.clear();
    run.line("READ bob");
    CHECK(run.out ==
          (row.is_deleted ? ">>one - bob\n>>Deleted - bob\n" : ">>one - bob\n>>two - bob\n"));
  }
}

TEST_CASE("a message of our own program is deleted by its id alone, and the sender is told") {
  NetchatRun run;
  run.online();
  run.receive("bob: \"one\" id=" + kId);
  run.receive("bob: \"two\" id=" + kOther);
  SUBCASE("with the id") {
    const auto link = run.next_link();
    REQUIRE(run.accept(link));
    run.hear(link, "DELETE_MESSAGE:bob:" + kId);
    CHECK(run.replies[link].empty());  // not before bob was looked up
    run.answer_user("bob", "127.0.0.1:40002");
    CHECK(run.replies[link] == "TAKEN " + kId + "\n");
    run.out.clear();
    run.line("READ bob");
    CHECK(run.out == ">>Deleted - bob\n>>two - bob\n");
  }
  SUBCASE("from another address") {
    const auto link = run.next_link();
    REQUIRE(run.accept(link, "192.168.1.6"));
    run.hear(link, "DELETE_MESSAGE:bob:" + kId);
    run.answer_user("bob", "192.168.1.5:40002");
    CHECK(run.replies[link] == "REFUSED " + kId + "\n");
  }
  SUBCASE("without an id it is forged, and nobody is asked") {
    run.receive("DELETE_MESSAGE:bob");
    CHECK(run.requests.empty());
  }
  SUBCASE("with a guessed one") {
    const std::string guess(32, '0');
    const auto link = run.next_link();
    REQUIRE(run.accept(link));
    run.hear(link, "DELETE_MESSAGE:bob:" + guess);
    CHECK(run.requests.empty());
    CHECK(run.replies[link] == "REFUSED " + guess + "\n");
  }
  SUBCASE("with the id, for another sender") {
    const auto link = run.next_link();
    REQUIRE(run.accept(link));
    run.hear(link, "DELETE_MESSAGE:can:" + kId);
    CHECK(run.replies[link] == "REFUSED " + kId + "\n");
  }
  SUBCASE("while the registry is away") {
    const auto link = run.next_link();
    REQUIRE(run.accept(link));
    run.hear(link, "DELETE_MESSAGE:bob:" + kId);
    run.fail_answer();
    CHECK(run.replies[link] == "REFUSED " + kId + "\n");
  }
}

TEST_CASE("delete signals without end make no more look-ups than one at a time") {
  NetchatRun run;
  run.online();
  for (int i = 0; i < 100; ++i) run.receive("bob: \"x\"");
  run.requests.clear();
  for (int i = 0; i < 100; ++i) run.receive("DELETE_MESSAGE:bob", "10.0.0.9");
  CHECK(run.requests.size() == 1);
  for (std::size_t i = 0; i < peer::NetchatClient::kChecksMax; ++i)
    run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.requests.size() == peer::NetchatClient::kChecksMax);
  CHECK(run.client.unanswered_requests() == 0);
}

TEST_CASE("-n leaves after so many messages, and takes no more") {
  auto options = NetchatRun::options();
  options.count = 2;
  NetchatRun run(options);
  run.online();
  run.end_input();  // a script's input may end before what it waits for has come
  CHECK_FALSE(run.status);
  const auto open = run.next_link();
  REQUIRE(run.accept(open));
  run.receive("bob: \"one\"");
  run.receive("bob: \"two\"");
  CHECK_FALSE(run.is_listening);
  CHECK_FALSE(run.accept(run.next_link()));
  run.hear(open, "bob: \"three\" id=" + kId);
  CHECK(run.replies[open] == "REFUSED " + kId + "\n");
  run.answer(200);
  CHECK(run.status == 0);
  CHECK(run.out == ">>You have a message from bob\n>>You have a message from bob\n");
}

TEST_CASE("with --json a message is an object with its text") {
  auto options = NetchatRun::options();
  options.json = true;
  NetchatRun run(options);
  run.online();
  run.receive("bob: \"hi\" id=" + kId);
  CHECK(run.out ==
        R"({"v":1,"id":")" + kId +
            R"(","ts":"2023-11-14T22:13:20.123Z","event":"message","from":"bob","to":["alice"],)"
            R"("text":"hi","sealed":false})"
            "\n");
  run.out.clear();
  run.receive("\"who\"");
  CHECK(run.out.find(R"("from":null)") != run.out.npos);
}

TEST_CASE("one can write to oneself") {
  NetchatRun run;
  run.online().line("SEND alice \"note\"");
  run.answer_user("alice", "127.0.0.1:40001");
  run.connected();
  const auto link = run.next_link();
  REQUIRE(run.accept(link));
  run.hear(link, run.said.back());
  run.bytes(run.replies[link]);
  CHECK(run.out == ">>You have a message from alice\n>>Message sent!\n");
  run.out.clear();
  run.line("READ alice");
  CHECK(run.out == ">>note - alice\n>>note - user\n");
}

}  // namespace
