// `meet`: what it says to registries and partners, old ones above all, and what it leaves unsaid.
#include "peer/meet_client.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/meet_run.hpp"

namespace {

using namespace test;
using peer::MeetClient;

TEST_CASE("it listens, registers, and knows by finding itself that it is in") {
  MeetRun run;
  run.start();
  CHECK(run.take_log() == "LISTEN 0; ");
  run.listening(7820);
  CHECK(run.take_log() == "0 21   &&REGISTER&&|ali|7820; 0  18  &&SEARCH&&|ali|ali; ");
  CHECK(!run.client.wants_input());
  run.reply("&&INVALIDSEARCH&&|you can't search yourself. search for other users");
  CHECK(run.client.wants_input());
  CHECK(run.out == "");
  CHECK(run.notes ==
        "ali has been successfully added in the server's database\n"
        "TCP server of client ali is running at port 7820 and it is listening for connections!\n");
}

TEST_CASE("HELLO comes a whole period after the registration, and then each period") {
  auto options = MeetRun::options();
  SUBCASE("of 60 s") {}
  SUBCASE("of 6 s") { options.hello = 6s; }
  MeetRun run(options);
  run.online().pass(options.hello - 1ns);
  CHECK(run.take_log() == "");
  run.pass(1ns);
  CHECK(run.take_log() == "UDP 127.0.0.1:6235  13  &&HELLO&&|ali; ");
  run.pass(options.hello * 2);
  CHECK(run.take_log() ==
        "UDP 127.0.0.1:6235  13  &&HELLO&&|ali; UDP 127.0.0.1:6235  13  &&HELLO&&|ali; ");
}

TEST_CASE("a machine that slept for too long says no HELLO: an old registry would break on it") {
  MeetRun run;
  run.online();
  run.now += 201s;
  run.client.handle_timeout(run.now);
  run.drain();
  CHECK(run.take_log() == "LEAVE 69; ");
  CHECK(run.notes == "127.0.0.1:6234 has heard nothing of us for too long\n");
}

TEST_CASE("SEARCH shows what the registry says") {
  MeetRun run;
  run.online().input("SEARCH veli");
  CHECK(run.take_log() == "0  19  &&SEARCH&&|veli|ali; ");
  run.reply(kFoundVeli);
  CHECK(run.take_out() == "server: veli found. its address is ('127.0.0.1', 47010)\n");
  run.input("SEARCH can").reply(kNotFound);
  CHECK(run.take_out() == "server: user not found\n");
  run.input_end().reply("&&LOGOUTSUCCESS&&");
  CHECK(run.log.ends_with("LEAVE 67; "));
}

TEST_CASE("nobody is named to a registry that has not found him first") {
  struct Row {
    const char* typed;
    const char* said;  // when he is found
  };
  const Row rows[] = {
      {"CHAT REQUEST veli", "0  24  &&CHATREQUEST&&|veli|ali; "},
      {"OK veli", "0  20  &&OK&&|ali|veli|7820; "},
      {"REJECT veli", "0  19  &&REJECT&&|ali|veli; "},
      {"GROUP CHAT veli", "0  23  &&GROUPCHAT&&|ali|veli|; "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    MeetRun run;
    run.online().input(row.typed);
    CHECK(run.take_log() == "0  19  &&SEARCH&&|veli|ali; ");
    SUBCASE("found") {
      run.reply(kFoundVeli);
      CHECK(run.take_log() == row.said);
      CHECK(run.take_out() == "");
    }
    SUBCASE("not found") {
      run.reply(kNotFound);
      CHECK(run.take_log() == "");
      CHECK(run.take_out() + run.notes != "");
      run.input_end();
      CHECK(run.log == "0  10  &&LOGOUT&&; ");
      run.reply("&&LOGOUTSUCCESS&&");
      CHECK(run.log.ends_with("LEAVE 67; "));
    }
  }
}

TEST_CASE("a group is made of those who are found, with a bar at the end") {
  MeetRun run;
  run.online().input("GROUP CHAT veli can ayse");
  CHECK(run.take_log() == "0  19  &&SEARCH&&|veli|ali; ");
  run.reply(kFoundVeli);
  CHECK(run.take_log() == "0  18  &&SEARCH&&|can|ali; ");
  run.reply(kNotFound);
  CHECK(run.take_log() == "0  19  &&SEARCH&&|ayse|ali; ");
  run.reply("&&FOUND&&|ayse found. its address is ('127.0.0.1', 2)");
  CHECK(run.take_log() == "0  28  &&GROUPCHAT&&|ali|veli|ayse|; ");
  CHECK(run.notes == "user can is not found\n");
  run.reply(
      "you have added yourself to group chat 4. a request has been sent to your added "
      "friends. type EXIT GROUP to leave.");
  CHECK(run.prompt == "group 4> ");
}

TEST_CASE("a number that nobody invited us to is not answered") {
  MeetRun run;
  run.online().input("OK GROUP 3").input("REJECT GROUP 3");
  CHECK(run.take_log() == "");
  CHECK(run.notes ==
        "there is no request for group chat 3\nthere is no request for group chat 3\n");
  run.reply("veli would like to add you to group chat room 3? (OK/REJECT GROUP <room_number>)",
            "veli");
  run.input("OK GROUP 3");
  CHECK(run.take_log() == "0  17  &&OKGROUP&&|ali|3; ");
  run.reply("ali joined the group chat");
  CHECK(run.prompt == "group 3> ");
  run.input("EXIT GROUP");
  CHECK(run.take_log() == "0  17  &&EXITGROUP&&|ali; ");
  run.reply("you left the chat room.").input("OK GROUP 3");
  CHECK(run.take_log() == "");
}

TEST_CASE("a group's texts go to the registry one at a time, and our own are not shown again") {
  MeetRun run;
  run.grouped().input("one").input("two &&LOGOUT&&");
  CHECK(run.take_log() == "0  20  &&MESSAGE&&|ali: one; ");
  run.reply("&&MESSAGE&&|ali: one");
  CHECK(run.take_log() == "0  32  &&MESSAGE&&|ali: two & &LOGOUT&&; ");
  CHECK(run.out == "");
  run.reply("&&MESSAGE&&|veli: selam", "veli");
  CHECK(run.take_out() == "veli: selam\n");
  run.reply("&&MESSAGE&&|ali: two & &LOGOUT&&");
  CHECK(run.out == "");
  run.pass(10s);
  CHECK(run.log == "");
}

TEST_CASE("a text that the registry refuses ends the waiting for it, and not the client") {
  struct Row {
    const char* notice;
    int status;
  };
  const Row rows[] = {
      {"your message was not sent. it is empty, too long, or has control characters.", 65},
      {"your message was not sent. too many of yours are under way.", 75},
  };
  for (const Row& row : rows) {
    CAPTURE(row.notice);
    MeetRun run;
    run.grouped().input("one").input("two");
    CHECK(run.take_log() == "0  20  &&MESSAGE&&|ali: one; ");
    run.reply(row.notice);
    CHECK(run.take_log() == "0  20  &&MESSAGE&&|ali: two; ");
    CHECK(run.take_out() == fmt::format("server: {}\n", row.notice));
    run.reply("&&MESSAGE&&|ali: two").input_end();
    run.reply("you left the chat room.").reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log.ends_with(fmt::format("LEAVE {}; ", row.status)));
  }
}

TEST_CASE("texts of users of other doors come from the registry and are shown in any room") {
  MeetRun run;
  run.chatting().reply("&&MESSAGE&&|carol: hello from login", "carol");
  CHECK(run.take_out() == "carol: hello from login\n");
}

TEST_CASE("frames are the same glued, in pieces and split at every point") {
  const std::string stream =
      common::encode_rendezvous_pair("veli", "&&BUSY&&|veli is busy. try again later.") +
      common::encode_rendezvous_pair("can", "&&BUSY&&|can is busy. try again later.") +
      common::encode_rendezvous_pair("veli", "&&MESSAGE&&|veli: x");
  const std::string expected =
      "server: veli is busy. try again later.\nserver: can is busy. try again later.\nveli: x\n";
  for (std::size_t split = 0; split <= stream.size(); ++split) {
    CAPTURE(split);
    MeetRun run;
    run.online().bytes(MeetRun::kServer, stream.substr(0, split));
    run.bytes(MeetRun::kServer, stream.substr(split));
    CHECK(run.out == expected);
  }
}

TEST_CASE("off a terminal the lines behind a request wait for its answer") {
  struct Row {
    const char* answer;
    const char* then;
    int status;
  };
  const Row rows[] = {
      {"&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001",
       "CONNECT 1 127.0.0.1:9001; 1  22  &&MESSAGE&&|ali: hello; CLOSE 1; ", 0},
      {"veli rejected the chat request!", "0  10  &&LOGOUT&&; ", 65},
      {"&&BUSY&&|the user is busy. try again later.", "0  10  &&LOGOUT&&; ", 65},
      {"veli did not answer the chat request.", "0  10  &&LOGOUT&&; ", 65},
      {"&&NOTFOUND&&|user not found", "0  10  &&LOGOUT&&; ", 65},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    MeetRun run;
    run.online().input("CHAT REQUEST veli").input("hello").input_end();
    run.reply(kFoundVeli);
    run.take_log();
    run.reply(row.answer, "veli");
    CHECK(run.take_log() == row.then);
    if (row.status == 0) {
      // Said sooner, the end of the chat could be heard before the text.
      run.closed(peer::LinkId{1});
      CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
      run.reply(kYouLeft);
    }
    run.reply("&&LOGOUTSUCCESS&&");
    // The text had nobody to read it: that counts as a malformed line.
    CHECK(run.log.ends_with(fmt::format("LEAVE {}; ", row.status)));
  }
}

TEST_CASE("what came of the request alone is the exit status") {
  struct Row {
    const char* answer;
    int status;
  };
  const Row rows[] = {
      {"veli rejected the chat request!", 77},
      {"&&BUSY&&|the user is busy. try again later.", 75},
      {"veli did not answer the chat request.", 75},
      {"too many of your chat requests are not answered yet.", 75},
      {"&&NOTFOUND&&|user not found", 67},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    MeetRun run;
    run.online().input("CHAT REQUEST veli").input_end().reply(kFoundVeli);
    run.reply(row.answer, "veli").reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log.ends_with(fmt::format("LEAVE {}; ", row.status)));
  }
  MeetRun run;
  run.online().input("CHAT REQUEST veli").input_end().reply(kFoundVeli);
  run.take_log();
  run.pass(65s);
  CHECK(run.notes == "your chat request was not answered\n");
  run.reply("&&LOGOUTSUCCESS&&");
  CHECK(run.log.ends_with("LEAVE 75; "));
}

TEST_CASE("a person at a terminal need not wait for another person") {
  MeetRun run(MeetRun::at_terminal());
  run.online().input("CHAT REQUEST veli").reply(kFoundVeli);
  run.take_log();
  run.input("SEARCH can");
  CHECK(run.take_log() == "0  18  &&SEARCH&&|can|ali; ");
  // The chat is opened now: the registry hears no SEARCH from a room, if it came too late.
  run.reply("&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001",
            "veli");
  CHECK(run.notes == "what you asked for last was not done: you are in a chat now\n");
  CHECK(run.prompt == "veli> ");
  run.input("hello");
  CHECK(run.take_log() == "CONNECT 1 127.0.0.1:9001; 1  22  &&MESSAGE&&|ali: hello; ");
}

TEST_CASE("what cannot be done now is said, and nothing is sent") {
  struct Row {
    const char* line;
    const char* note;
  };
  const Row outside[] = {
      {"hello", "you are in no chat room, and nobody would read that."},
      {"EXIT", "you are in no chat room"},
      {"SEARCH", "SEARCH NAME"},
      {"OK", "OK NAME"},
  };
  for (const Row& row : outside) {
    CAPTURE(row.line);
    MeetRun run;
    run.online().input(row.line);
    CHECK(run.take_log() == "");
    CHECK(run.notes.starts_with(row.note));
    run.input_end().reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log.ends_with("LEAVE 65; "));
  }
  const Row inside[] = {
      {"LOGOUT", "you are in a chat room: EXIT before anything else"},
      {"SEARCH can", "you are in a chat room: EXIT before anything else"},
      {"CHAT REQUEST can", "you are in a chat room: EXIT before anything else"},
      {"OK GROUP 3", "you are in a chat room: EXIT before anything else"},
      {"\x1b[2J", "a text has 1 to 4096 bytes"},
      {"\xff", "a text has 1 to 4096 bytes"},
      {"a\u0085b", "a text has 1 to 4096 bytes"},
  };
  for (const Row& row : inside) {
    CAPTURE(row.line);
    MeetRun run;
    run.chatting().input(row.line);
    CHECK(run.take_log() == "");
    CHECK(run.notes.starts_with(row.note));
  }
  MeetRun run;
  run.chatting().input("").input("   ");
  CHECK(run.take_log() == "");
  CHECK(run.notes == "");
}

TEST_CASE("as JSON, messages have the members they have elsewhere, and notices their own") {
  auto options = MeetRun::options();
  options.json = true;
  MeetRun run(options);
  run.online().reply("&&BUSY&&|the user is busy. try again later.", "veli");
  CHECK(run.take_out() ==
        R"({"v":1,"ts":"2026-11-20T22:50:21.407Z","event":"notice","kind":"busy",)"
        R"("text":"the user is busy. try again later."})"
        "\n");
  run.reply("&&MESSAGE&&|veli: say \"hi\"", "veli");
  CHECK(run.out.starts_with(R"({"v":1,"id":")"));
  CHECK(run.out.ends_with(
      R"(","ts":"2026-11-20T22:50:21.407Z","event":"message","from":"veli","to":["ali"],)"
      R"("text":"say \"hi\"","sealed":false})"
      "\n"));
}

TEST_CASE("nothing from outside commands the terminal") {
  MeetRun run;
  run.chatting("|9001").reply("\x1b[2Jnotice\r\n", "veli");
  run.reply("&&MESSAGE&&|ve\x1bli: \x1b[2J", "veli");
  REQUIRE(run.accepted());
  run.partner_says("&&MESSAGE&&|veli: \x1b]0;x\x07");
  CHECK(run.out == "server: \\x1b[2Jnotice\\x0d\\x0a\nve\\x1bli: \\x1b[2J\nveli: \\x1b]0;x\\x07\n");
}

TEST_CASE("who does not read, or is not read, has others wait") {
  MeetRun run;
  run.chatting();
  REQUIRE(run.accepted());
  SUBCASE("standard output") {
    run.reads = false;
    const std::string text = "&&MESSAGE&&|veli: " + std::string(4000, 'x');
    for (int i = 0; i < 200 && run.client.wants_bytes(MeetRun::kPartner); ++i)
      run.partner_says(text);
    CHECK(!run.client.wants_bytes(MeetRun::kPartner));
    CHECK(!run.client.wants_bytes(MeetRun::kServer));
    CHECK(!run.client.wants_input());
    CHECK(run.out.size() < MeetClient::kUnwrittenMax + 8192);
  }
  SUBCASE("the partner") {
    run.takes = false;
    const std::string text(4000, 'x');
    int said = 0;
    while (run.client.wants_input() && said < 1000) {
      run.input(text);
      ++said;
    }
    CHECK(said < 1000);
    CHECK(run.log.size() < MeetClient::kUnsentMax + 8192);
  }
}

}  // namespace
