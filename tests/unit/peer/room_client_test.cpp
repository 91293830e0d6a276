// `room`: its name, its lines, those of others, and how it leaves.
#include "peer/room_client.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/room_run.hpp"

namespace {

using namespace std::chrono_literals;
using test::kGreeting;
using test::kPrompt;
using test::RoomRun;

TEST_CASE("the name is said alone, and no line before the greeting") {
  RoomRun run;
  run.start();
  CHECK(run.log.empty());
  CHECK(!run.client.wants_input());
  run.hear("Please enter your user").hear("name: ");
  CHECK(run.take_log() == "> alice; ");
  CHECK(!run.client.wants_input());
  run.hear("<bob> before\n");  // an old server
  run.hear(kGreeting + "<bob> hi\n");
  CHECK(run.client.wants_input());
  CHECK(run.out == "<bob> before\n<bob> hi\n");
  CHECK(run.notes == "alice is in the room at 127.0.0.1:12000\n");
  run.input("hello");
  CHECK(run.take_log() == "> hello; ");
}

TEST_CASE("lines of a pipe leave one at a time, and then we do") {
  RoomRun run;
  run.enter();
  run.input("one").input("two\r").input("").input("three").input_end();
  CHECK(run.take_log() == "> one; ");
  run.pass(19ms);
  CHECK(run.log.empty());
  run.pass(1ms);
  CHECK(run.take_log() == "> two; ");
  run.takes = false;
  run.pass(20ms);
  CHECK(run.take_log() == "> three; ");  // the kernel has not taken it
  run.pass(1h);
  CHECK(run.log.empty());
  run.take_sent();
  CHECK(run.take_log() == "LEAVE 0; ");
}

TEST_CASE("what arrives is shown a line at a time, harmless, wherever it was cut") {
  RoomRun run;
  run.enter();
  run.hear("<bob> Göktu\xc4").hear("\x9f\n<bob> \x1b[2J\r<eve> x\n");
  CHECK(run.take_out() == "<bob> Göktuğ\n<bob> \\x1b[2J\\x0d<eve> x\n");
  SUBCASE("what has no end is shown after a while, and what follows is marked") {
    run.hear("<bob> hi");
    CHECK(run.out.empty());
    run.pass(499ms);
    CHECK(run.out.empty());
    run.pass(1ms);
    CHECK(run.take_out() == "<bob> hi\n");
    run.hear("<eve> forged\n<bob> ho\n");
    CHECK(run.out == "...<eve> forged\n<bob> ho\n");
  }
  SUBCASE("a cut that is mended in time is none") {
    run.hear("<bob> a").pass(400ms).hear("b").pass(400ms).hear("c\n").pass(1s);
    CHECK(run.out == "<bob> abc\n");
  }
  SUBCASE("at the server's end") {
    run.hear("<bob> last").closed();
    CHECK(run.out == "<bob> last\n");
    CHECK(run.log == "LEAVE 69; ");
  }
}

TEST_CASE("as JSON each line says from whom and to whom it is") {
  auto options = RoomRun::options();
  options.json = true;
  RoomRun run(options);
  run.enter();
  const auto shows = [&](std::string_view line, std::string_view members) {
    CAPTURE(line);
    run.hear(line);
    const std::string out = run.take_out();
    CHECK(out.starts_with(R"({"v":1,"id":")"));
    CHECK(out.find(members) != out.npos);
    CHECK(out.ends_with(",\"sealed\":false}\n"));
  };
  shows("<bob> say \"hi\"\n", R"("from":"bob","to":["room"],"text":"say \"hi\"")");
  shows("<bob to you> psst\n", R"("from":"bob","to":["alice"],"text":"psst")");
  shows("<bob to all> tea\n", R"("from":"bob","to":["all"],"text":"tea")");
  shows("server says\n", R"("from":null,"to":["room"],"text":"server says")");
  run.hear("<bob> a").pass(1s);
  run.take_out();
  shows("<eve> b\n", R"("from":null,"to":["room"],"text":"<eve> b")");
}

TEST_CASE("a name that is asked for again is taken") {
  RoomRun run;
  run.start().hear(kPrompt).hear(kPrompt);
  CHECK(run.log == "> alice; LEAVE 77; ");
  CHECK(run.notes == "127.0.0.1:12000 does not let alice in: the name is in use\n");
}

TEST_CASE("a server that is none, is silent or is gone has its status") {
  struct Row {
    const char* name;
    std::string said;
    int step;  // 0: time passes, 1: closed, 2: broken, 3: nothing more
    std::string log;
    std::string notes;
  };
  const std::string at = "127.0.0.1:12000";
  const Row rows[] = {
      {"another program", "HTTP/1.1 400\r\n", 3, "LEAVE 76; ",
       at + " does not answer as a chat-room server: HTTP/1.1 400\\x0d\\x0a\n"},
      {"silent", "", 0, "LEAVE 75; ", "no answer from " + at + " within 60 seconds\n"},
      {"silent after the name", kPrompt, 0, "> alice; LEAVE 75; ",
       "no answer from " + at + " within 15 seconds\n"},
      {"closed at once", "", 1, "LEAVE 76; ",
       at + " closed the connection before it let anybody in\n"},
      {"broken after the name", kPrompt, 2, "> alice; LEAVE 76; ",
       "the connection to " + at + " broke: reset before it let anybody in\n"},
      {"closed later", kPrompt + kGreeting, 1, "> alice; LEAVE 69; ",
       "alice is in the room at " + at + "\n" + at + " closed the connection\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RoomRun run;
    run.start();
    if (!row.said.empty()) run.hear(row.said);
    if (row.step == 0) run.pass(row.said.empty() ? 60s - 1ns : 15s - 1ns).pass(1ns);
    if (row.step == 1) run.closed();
    if (row.step == 2) run.closed("reset");
    CHECK(run.log == row.log);
    CHECK(run.notes == row.notes);
    CHECK(!run.client.next_timeout());
  }
}

TEST_CASE("a line that cannot be sent is said, and the others are sent") {
  RoomRun run;
  run.enter();
  run.input("a\x1b[2J").input(std::string(2048, 'x')).input("\xff").input("good").input_end();
  CHECK(run.notes ==
        "not sent: the line has a control character\nnot sent: the line has more than 2047 bytes\n"
        "not sent: the line is not UTF-8\n");
  CHECK(run.log == "> good; LEAVE 65; ");
}

TEST_CASE("on a terminal there are commands, off it every line is a text") {
  auto options = RoomRun::options();
  SUBCASE("off it") {
    RoomRun run(options);
    run.enter().input("/quit").pass(1s).input("//x");
    CHECK(run.log == "> /quit; > //x; ");
  }
  options.is_terminal = true;
  SUBCASE("at it") {
    RoomRun run(options);
    run.start().hear(kPrompt).hear(kGreeting);
    CHECK(run.take_log() == "> alice; COMMANDS > ; ");
    CHECK(run.notes ==
          "alice is in the room at 127.0.0.1:12000. Lines go to everybody in it; /quit leaves\n");
    run.notes.clear();
    run.input("/help me");
    CHECK(run.log.empty());
    CHECK(run.notes ==
          "no command: /help me\n  /quit leaves. // in front sends a text that begins with /.\n");
    run.input("//help");
    CHECK(run.take_log() == "> /help; ");
    run.input("/quit");
    CHECK(run.log == "LEAVE 0; ");
  }
  SUBCASE("the end of input leaves, before the greeting as well") {
    RoomRun run(options);
    run.start().input_end();
    CHECK(run.log == "LEAVE 0; ");
  }
}

TEST_CASE("a text on the command line is said once") {
  auto options = RoomRun::options();
  options.text = "/quit";
  options.is_terminal = true;
  RoomRun run(options);
  run.start().hear(kPrompt).hear(kGreeting);
  CHECK(run.log == "> alice; > /quit; LEAVE 0; ");
  CHECK(run.notes.empty());
}

TEST_CASE("-n and -W stay after the end of input, for what was asked for") {
  auto options = RoomRun::options();
  SUBCASE("so many messages, and none more") {
    options.count = 2;
    RoomRun run(options);
    run.enter().input("hi").input_end();
    CHECK(run.take_log() == "> hi; ");
    run.hear("<bob> one\n<bob> two\n<bob> three\n");
    CHECK(run.log == "LEAVE 0; ");
    CHECK(run.out == "<bob> one\n<bob> two\n");
  }
  SUBCASE("so long") {
    options.wait = 5s;
    RoomRun run(options);
    run.enter().input_end().pass(5s - 1ns);
    CHECK(run.log.empty());
    run.pass(1ns);
    CHECK(run.log == "LEAVE 124; ");
  }
  SUBCASE("or not even in the room") {
    options.wait = 5s;
    RoomRun run(options);
    run.start().pass(5s);
    CHECK(run.log == "LEAVE 124; ");
  }
}

TEST_CASE("a signal ends it at once, with its status, and so does a closed output") {
  RoomRun run;
  run.enter().input("one").input("two").stop();
  CHECK(run.log == "> one; LEAVE 130; ");
  RoomRun other;
  other.enter();
  other.client.handle_output_closed(other.now);
  CHECK(other.drain().log == "LEAVE 74; ");
}

TEST_CASE("who does not read what is printed is not read for, and input waits for the server") {
  RoomRun run;
  run.enter();
  run.reads = false;
  const std::string line = "<bob> " + std::string(8000, 'x') + "\n";
  for (int i = 0; i < 40 && run.client.wants_bytes(RoomRun::Client::kServerLink); ++i)
    run.hear(line);
  CHECK(!run.client.wants_bytes(RoomRun::Client::kServerLink));
  CHECK(run.out.size() < RoomRun::Client::kUnwrittenMax + 2 * line.size());
  run.client.handle_written(run.now, std::exchange(run.unwritten, 0));
  CHECK(run.client.wants_bytes(RoomRun::Client::kServerLink));

  run.takes = false;
  int lines = 0;
  for (; lines < 200 && run.client.wants_input(); ++lines)
    run.input(std::string(2000, 'y')).pass(20ms);
  CHECK(lines < 120);
  CHECK(!run.client.wants_input());
  run.takes = true;
  run.take_sent();
  for (int i = 0; i < 100; ++i) run.pass(20ms);
  CHECK(run.client.wants_input());
}

}  // namespace
