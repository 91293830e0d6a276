// netchat: commands, sending and taking back.
#include <doctest/doctest.h>

#include "tests/unit/support/netchat_run.hpp"

namespace {

using namespace test;

TEST_CASE("LIST shows who there is") {
  NetchatRun run;
  run.online().line("LIST");
  CHECK(run.requests == std::vector<std::string>{"GET /userlist.txt"});
  SUBCASE("a new registry") {
    run.answer(200, R"({"v":1,"version":1,"users":[)"
                    R"({"name":"alice","endpoint":"127.0.0.1:40001","transport":"tcp"},)"
                    R"({"name":"carol","via":"relay","transport":"udp"}]})");
    CHECK(run.out == ">>[alice, carol]\n");
  }
  SUBCASE("an old one") {
    run.answer(200, "alice@127.0.0.1:40001\nbob@127.0.0.1:40002");
    CHECK(run.out == ">>[alice, bob]\n");
  }
  SUBCASE("nobody") {
    run.answer(200, "");
    CHECK(run.out == ">>[]\n");
  }
  SUBCASE("none to be had") {
    run.answer(500, "sorry");
    CHECK(run.out == ">>Failed to get user list!\n");
    run.end_input();
    run.answer(200);
    CHECK(run.status == 76);
  }
}

TEST_CASE("a message is sent to where the recipient listens") {
  NetchatRun run;
  run.online().line("SEND bob \"see you at 10\"");
  CHECK(run.requests == std::vector<std::string>{"GET /userlist.txt?username=bob"});
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.connects == std::vector<std::string>{"127.0.0.1:40002"});
  REQUIRE(run.said.size() == 1);
  CHECK(run.said[0] == "alice: \"see you at 10\" id=" + run.last_id());
  CHECK(run.out.empty());
  run.connected();
  SUBCASE("our own program says that it has it") {
    run.bytes("TAKEN " + run.last_id());
    CHECK(run.out.empty());
    run.bytes("\n");
    CHECK(run.out == kSent);
    CHECK(run.closes == std::vector{run.call});
    run.closed();
  }
  SUBCASE("an old one reads it and closes") {
    run.closed();
    CHECK(run.out == kSent);
  }
  SUBCASE("or waits for our end first") {
    run.pass(5s);
    CHECK(run.closes == std::vector{run.call});
    run.pass(10ms);
    run.closed();
    CHECK(run.out == kSent);
  }
  SUBCASE("our own program refuses it") {
    run.bytes("REFUSED " + run.last_id() + "\n");
    CHECK(run.out == ">>Failed to send message: bob's program refused it\n");
  }
  SUBCASE("nobody reads it") {
    run.pass(5s);
    run.pass(peer::Conversation::kCloseTime);
    run.closed();
    CHECK(run.out == ">>Failed to send message: bob did not read it in time; it may arrive\n");
  }
  SUBCASE("the connection breaks") {
    run.closed("connection reset by peer");
    CHECK(run.out == ">>Failed to send message: connection reset by peer\n");
  }
  SUBCASE("something else is there") {
    run.bytes("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 10000\r\n\r\n");
    CHECK(run.out == ">>Failed to send message: bob's address speaks something else\n");
  }
  SUBCASE("something short that is no reply is there") {
    run.bytes("hello");
    run.closed();
    CHECK(run.out == ">>Failed to send message: bob's address speaks something else\n");
  }
  const bool is_sent = run.out == kSent;
  run.out.clear();
  run.line("READ bob");
  CHECK(run.out == (is_sent ? ">>see you at 10 - user\n" : ">>No messages found!\n"));
  run.end_input();
  run.answer(200);
  CHECK((run.status == 0) == is_sent);
}

TEST_CASE("nobody there: the reason alone is said") {
  NetchatRun run;
  run.online().line("SEND bob \"hi\"");
  run.answer_user("bob", "127.0.0.1:40002");
  run.closed("connection refused");
  CHECK(run.out == ">>Failed to send message: connection refused\n");
  run.end_input();
  run.answer(200);
  CHECK(run.status == 75);
}

TEST_CASE("who is not there is not found, whatever the registry") {
  struct Row {
    std::string_view name;
    int status;
    std::string_view body;
  };
  const Row rows[] = {
      {"ours", 404, R"({"code":40401,"http":404,"error":"x","online":1})"},
      {"an old one", 404, ""},
      {"one that answers 400", 400, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    NetchatRun run;
    run.online().line("SEND zoe \"hi\"");
    run.answer(row.status, row.body);
    CHECK(run.out == ">>User not found!\n");
    run.end_input();
    run.answer(200);
    CHECK(run.status == 67);
  }
  NetchatRun run;
  run.online().line("SEND a:b \"hi\"");  // nobody can have that name
  CHECK(run.requests.empty());
  CHECK(run.out == ">>User not found!\n");
}

TEST_CASE("an old registry's bare address is a NetChat user's") {
  NetchatRun run;
  run.online().line("SEND bob \"hi\"");
  run.answer(200, "127.0.0.1:40002");
  CHECK(run.connects == std::vector<std::string>{"127.0.0.1:40002"});
}

TEST_CASE("who speaks another dialect is reached by way of the registry") {
  struct Row {
    std::string_view name;
    int status;
    std::string_view body;
    std::string_view expected;
  };
  const Row rows[] = {
      {"confirmed", 200, R"({"v":1,"to":"carol","outcome":"delivered"})", kSent},
      {"handed to the network", 202, R"({"v":1,"to":"carol","outcome":"sent"})", kSent},
      {"no receipt", 504, R"({"code":50401,"http":504,"error":"no receipt in time"})",
       ">>Failed to send message: it was not confirmed, and may arrive: no receipt in time\n"},
      {"gone by now", 404, R"({"code":40401,"http":404,"error":"x"})", ">>User not found!\n"},
  };
  for (const bool is_connected : {true, false}) {
    for (const Row& row : rows) {
      CAPTURE(row.name);
      NetchatRun run;
      run.online().line("SEND carol \"he said \"hi\"\"");
      if (is_connected) {
        run.answer(200, R"({"name":"carol","via":"relay","transport":"udp"})");
      } else {
        run.answer_user("carol", "127.0.0.1:5000", "udp");
      }
      REQUIRE(run.requests.size() == 2);
      CHECK(run.requests[1] == "POST /v1/to/carol?from=alice he said \"hi\"");
      CHECK(run.connects.empty());
      run.answer(row.status, row.body);
      CHECK(run.out == row.expected);
    }
  }
}

TEST_CASE("what was sent by way of the registry is in the history, and cannot be taken back") {
  NetchatRun run;
  run.online().line("SEND carol \"hi\"");
  run.answer(200, R"({"name":"carol","via":"relay","transport":"udp"})");
  run.answer(200, R"({"v":1,"to":"carol","outcome":"delivered"})");
  run.out.clear();
  run.line("READ carol");
  CHECK(run.out == ">>hi - user\n");
  run.out.clear();
  run.line("DELETE carol");
  run.answer(200, R"({"name":"carol","via":"relay","transport":"udp"})");
  CHECK(run.out == ">>Failed to send delete notification: carol's program takes nothing back\n");
  // Not either when she has come back with a NetChat program: a signal without an id might hit
  // another message.
  run.out.clear();
  run.line("DELETE carol");
  run.answer_user("carol", "127.0.0.1:40002");
  CHECK(run.out == ">>Failed to send delete notification: carol's program takes nothing back\n");
  CHECK(run.connects.empty());
}

TEST_CASE("a text that no old program could take is not sent") {
  NetchatRun run;
  run.online().line("SEND bob \"" + std::string(1000, 'x') + '"');
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.out ==
        ">>Failed to send message: the text is too long: a NetChat message has 1024 "
        "bytes with the sender\n");
  run.out.clear();
  run.line("SEND bob \"a\xff\"");
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.out == ">>Failed to send message: the text is not UTF-8\n");
  CHECK(run.connects.empty());
  run.end_input();
  run.answer(200);
  CHECK(run.status == 65);
}

TEST_CASE("SEND_MULTI says once what came of all") {
  NetchatRun run;
  run.online().line("SEND_MULTI [bob,zoe,a:b,can] \"tea\"");
  run.answer_user("bob", "127.0.0.1:40002");
  run.connected();
  run.closed();
  run.answer(404);  // zoe
  run.answer_user("can", "127.0.0.1:40003");
  run.connected();
  SUBCASE("some unknown") {
    run.closed();
    CHECK(run.out == ">> Error: Message cannot be sent to zoe, a:b, user does not exist\n");
  }
  SUBCASE("some unknown, some not there") {
    run.closed("connection reset by peer");
    CHECK(run.out ==
          ">>Failed to send message: connection reset by peer\n"
          ">> Error: Message cannot be sent to zoe, a:b, user does not exist\n");
  }
  CHECK(run.connects == std::vector<std::string>{"127.0.0.1:40002", "127.0.0.1:40003"});
  run.end_input();
  run.answer(200);
  CHECK(run.status == 1);
}

TEST_CASE("SEND_MULTI to all who are there is one message sent") {
  NetchatRun run;
  run.online().line("SEND_MULTI [bob,can] \"tea\"");
  for (const std::string_view user : {"bob", "can"}) {
    run.answer_user(user, "127.0.0.1:40002");
    run.connected();
    run.closed();
  }
  CHECK(run.out == kSent);
}

TEST_CASE("DELETE takes back the message that it was, at both ends") {
  NetchatRun run;
  run.online();
  run.send_to_ours("bob", "one");
  const std::string first = run.last_id();
  run.send_to_old("bob", "two");
  const std::string second = run.last_id();
  CHECK(first != second);
  run.out.clear();
  run.line("DELETE bob");
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.said.back() == "DELETE_MESSAGE:alice:" + second);
  run.connected();
  SUBCASE("an old program closes") {
    run.closed();
    CHECK(run.out == ">>one - user\n>>Deleted - user\n");
    run.out.clear();
    run.line("DELETE bob");
    run.answer_user("bob", "127.0.0.1:40002");
    CHECK(run.said.back() == "DELETE_MESSAGE:alice:" + first);
    run.connected();
    run.bytes("TAKEN " + first + "\n");
    CHECK(run.out == ">>Deleted - user\n>>Deleted - user\n");
    run.out.clear();
    run.line("DELETE bob");
    CHECK(run.out == ">>No messages to delete!\n");
  }
  SUBCASE("ours refuses: it stays as it was, and can be tried again") {
    run.bytes("REFUSED " + second + "\n");
    CHECK(run.out == ">>Failed to send delete notification: bob's program refused it\n");
    run.out.clear();
    run.line("READ bob");
    CHECK(run.out == ">>one - user\n>>two - user\n");
  }
  SUBCASE("nobody there") {
    run.closed("connection refused");
    CHECK(run.out == ">>Failed to send delete notification: connection refused\n");
  }
}

TEST_CASE("a message that was lost is in nobody's history, so DELETE hits the one before") {
  NetchatRun run;
  run.online();
  run.send_to_ours("bob", "one");
  const std::string first = run.last_id();
  run.line("SEND bob \"lost\"");
  run.answer_user("bob", "127.0.0.1:40002");
  run.closed("connection refused");
  run.line("DELETE bob");
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.said.back() == "DELETE_MESSAGE:alice:" + first);
}

TEST_CASE("DELETE of somebody who has left") {
  NetchatRun run;
  run.online();
  run.send_to_ours("bob", "one");
  run.out.clear();
  run.line("DELETE bob");
  run.answer(404);
  CHECK(run.out == ">>Failed to send delete notification: bob is not there any more\n");
  run.end_input();
  run.answer(200);
  CHECK(run.status == 67);
}

TEST_CASE("commands run one after the other, in their order") {
  NetchatRun run;
  run.online().line("SEND bob \"hi\"").line("READ bob").line("LIST");
  CHECK(run.requests.size() == 1);
  run.answer_user("bob", "127.0.0.1:40002");
  run.connected();
  CHECK(run.out.empty());
  run.closed();
  CHECK(run.out == std::string(kSent) + ">>hi - user\n");
  CHECK(run.requests.back() == "GET /userlist.txt");
}

TEST_CASE("a malformed line is told, and counts for the status") {
  NetchatRun run;
  run.online().line("dance").line("").line("   ");
  CHECK(run.out == ">>Unknown command!\n");
  CHECK(run.err.ends_with("the commands are LIST, SEND, SEND_MULTI, READ, DELETE and EXIT\n"));
  run.line("EXIT");
  CHECK(run.requests == std::vector<std::string>{"POST / LOGOUT alice@127.0.0.1:40001"});
  run.answer(200);
  CHECK(run.status == 65);
}

TEST_CASE("a program that takes messages and stays cannot use up our connections") {
  NetchatRun run;
  run.online();
  for (std::size_t i = 0; i < peer::Conversation::kOwnLinksMax; ++i) {
    run.line("SEND bob \"hi\"");
    run.answer_user("bob", "127.0.0.1:40002");
    run.connected();
    run.bytes("TAKEN " + run.last_id() + "\n");  // and no closed()
  }
  run.out.clear();
  run.line("SEND bob \"hi\"");
  run.answer_user("bob", "127.0.0.1:40002");
  CHECK(run.out == ">>Failed to send message: too many connections are still open\n");
  run.closed();
  run.out.clear();
  run.send_to_ours("bob", "again");
  CHECK(run.out == kSent);
}

TEST_CASE("with --json each line is an object") {
  auto options = NetchatRun::options();
  options.json = true;
  NetchatRun run(options);
  run.online();
  run.send_to_ours("bob", "a \"b\" \x1b ü");
  CHECK(run.out == "{\"v\":1,\"event\":\"reply\",\"text\":\"Message sent!\"}\n");
  run.out.clear();
  run.line("READ bob");
  CHECK(run.out ==
        "{\"v\":1,\"event\":\"reply\",\"text\":\"a \\\"b\\\" \\\\x1b \\u00fc - user\"}\n");
}

}  // namespace
