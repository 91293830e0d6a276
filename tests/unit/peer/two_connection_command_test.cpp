// Commands of `login`: one after the other, what their replies mean, and every way out.
#include <doctest/doctest.h>

#include "tests/unit/support/two_connection_run.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using test::TwoConnectionRun;
using Link = TwoConnectionRun::Link;
using Client = TwoConnectionRun::Client;

std::string left_with(int status) { return "LEAVE " + std::to_string(status) + "; "; }

TEST_CASE("a command is sent after the reply to the one before it, as it is") {
  TwoConnectionRun run;
  run.online();
  for (const char* line : {"/to dave  Hi  there ", "", "/list\r", "\r", "dance: ü\t!", "/EXIT"})
    run.input(line);
  CHECK(run.take_log() == "a /to dave  Hi  there ; ");
  run.reply("303 Message delivery success\r");
  CHECK(run.take_log() == "a /list; ");
  run.reply("301 dave carol");
  CHECK(run.take_log() == "a dance: ü\t!; ");
  run.reply("401 Unrecognized message");
  CHECK(run.take_log() == "a /EXIT; ");
  run.reply("401 Unrecognized message");
  CHECK(run.take_log() == "");
  CHECK(run.out ==
        "303 Message delivery success\n301 dave carol\n401 Unrecognized message\n"
        "401 Unrecognized message\n");
}

TEST_CASE("the status is that of the reply; of an input line as of a word of the command line") {
  struct Row {
    std::string_view command;
    std::string_view reply;
    int from_input;
    int from_words;
  };
  const Row rows[] = {
      {"/list", "301 carol", 0, 0},
      {"/to dave x", "303 Message delivery successful", 0, 0},
      {"/to dave x", "303", 0, 0},
      {"/to dave x", "304 Message delivery failed", 75, 75},
      {"/toall x", "304 Message delivery failed", 1, 1},
      {"/dance", "401 Unrecognized message", 65, 64},
      {"/login carol x", "102 Authentication failed", 77, 77},
      {"/login carol x", "103 You are already logged in", 77, 77},
      {"/login carol x", "101 Authentication successful", 0, 0},
      {"/port 1", "202 Build connection failed", 69, 69},
      {"/list", "500 What?", 76, 76},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reply);
    TwoConnectionRun input;
    input.online().input(row.command).input_end();
    CHECK(input.take_log() == "a " + std::string(row.command) + "; ");
    input.reply(row.reply);
    CHECK(input.take_log() == "a /exit; ");
    input.reply("310 Bye bye");
    CHECK(input.take_log() == left_with(row.from_input));
    CHECK(input.out == std::string(row.reply) + '\n');

    auto options = TwoConnectionRun::options();
    options.command = row.command;
    TwoConnectionRun words(options);
    words.start().reply("101 x").listening().take_log();
    words.reply("201 x");
    CHECK(words.take_log() == "a " + std::string(row.command) + "; ");
    CHECK_FALSE(words.client.wants_input());
    words.reply(row.reply).reply("310 Bye bye");
    CHECK(words.take_log() == "a /exit; " + left_with(row.from_words));
  }
}

TEST_CASE("of several commands the worst counts") {
  TwoConnectionRun run;
  run.online();
  for (const char* reply : {"304 x", "401 x", "304 x", "303 x"}) run.input("/to a b").reply(reply);
  run.input_end().reply("310 x");
  CHECK(run.take_log().ends_with("a /exit; LEAVE 65; "));
}

TEST_CASE("what cannot be sent is refused here, and the next line is sent") {
  TwoConnectionRun run;
  run.online();
  for (const std::string& line : {std::string(4097, 'x'), std::string(1 << 20, 'x'),
                                  std::string("\xff"), std::string("\x1b[2J")})
    run.input(line);
  CHECK(run.take_log() == "");
  CHECK(run.notes ==
        "not sent: the line is longer than 4,096 bytes\n"
        "not sent: the line is longer than 4,096 bytes\n"
        "not sent: the line is not UTF-8\n"
        "not sent: the line has a control character\n");
  run.input("/list").reply("301 carol").input_end().reply("310 x");
  CHECK(run.take_log() == "a /list; a /exit; LEAVE 65; ");
}

TEST_CASE("replies are the same wherever the stream is cut") {
  const std::string stream = "303 One\r\n304 Two\n301 carol dave\n";
  const auto outcome = [&](std::size_t first, std::size_t second) {
    TwoConnectionRun run;
    run.online().input("/to a b");
    run.bytes(Link::kCommands, stream.substr(0, first));
    run.bytes(Link::kCommands, stream.substr(first, second - first));
    run.bytes(Link::kCommands, stream.substr(second));
    return run.out;
  };
  for (std::size_t first = 0; first <= stream.size(); ++first)
    for (std::size_t second = first; second <= stream.size(); ++second)
      CHECK(outcome(first, second) == "303 One\n304 Two\n301 carol dave\n");
}

TEST_CASE("a line that came with a reply is not the reply to the next command") {
  TwoConnectionRun run;
  run.online().input("/to a b").input("/list");
  run.bytes(Link::kCommands, "303 x\n304 unasked\n");
  CHECK(run.take_log() == "a /to a b; a /list; ");
  run.reply("301 carol").input_end().reply("310 x");
  CHECK(run.take_log() == "a /exit; LEAVE 0; ");
  CHECK(run.out == "303 x\n304 unasked\n301 carol\n");
}

TEST_CASE("what a server says commands no terminal") {
  TwoConnectionRun run;
  run.online().input("/list").reply("301 \x1b[2J\xff");
  CHECK(run.out == "301 \\x1b[2J\\xff\n");
  run.reply("\x1b]0;title\x07");
  CHECK(run.notes ==
        "127.0.0.1:9000 does not answer as a two-connection server: \\x1b]0;title\\x07\n");
}

TEST_CASE("a reply has a bound, and a list a wider one") {
  TwoConnectionRun list;
  list.online().input("/list");
  const std::string names(Client::kListBytesMax - 4, 'n');
  list.bytes(Link::kCommands, "301 " + names).reply("");
  CHECK(list.out.size() == Client::kListBytesMax + 1);
  list.input("/list").bytes(Link::kCommands, "301 n" + names);
  CHECK(list.take_log() == "a /list; a /list; LEAVE 76; ");

  const std::string text(Client::kReplyBytesMax - 4, 'x');
  TwoConnectionRun other;
  other.online().input("/x").reply("303 " + text).input("/x");
  CHECK(other.take_log() == "a /x; a /x; ");
  other.bytes(Link::kCommands, "303 " + text + "x");
  CHECK(other.take_log() == "");  // this may be its CR
  other.bytes(Link::kCommands, "x");
  CHECK(other.take_log() == "LEAVE 76; ");
}

TEST_CASE("a script's lines wait where they are once there are enough") {
  TwoConnectionRun run;
  run.online();
  for (std::size_t i = 0; i < Client::kInputsMax; ++i) {
    CHECK(run.client.wants_input());
    run.input("/list");
  }
  CHECK(run.client.wants_input());  // the first is under way
  run.input("/list");
  CHECK_FALSE(run.client.wants_input());
  run.reply("301 carol");
  CHECK(run.client.wants_input());
}

TEST_CASE("replies that nobody reads hold the next command back, and time does not run") {
  TwoConnectionRun run;
  run.online().reads = false;
  run.input("/list").input("/list").take_log();
  run.reply("301 " + std::string(Client::kUnwrittenMax, 'x'));
  CHECK(run.take_log() == "");
  CHECK_FALSE(run.client.wants_bytes(Link::kCommands));
  CHECK_FALSE(run.client.wants_bytes(Link::kMessages));
  CHECK_FALSE(run.client.wants_input());
  CHECK_FALSE(run.client.next_timeout().has_value());
  run.written(run.unwritten);
  CHECK(run.take_log() == "a /list; ");
  // The reply may have come meanwhile.
  run.unwritten = 0;
  run.deliver("/from dave " + std::string(8000, 'x'));
  while (run.client.wants_bytes(Link::kMessages) && run.unwritten < Client::kUnwrittenMax)
    run.bytes(Link::kCommands, "303 " + std::string(60'000, 'x') + '\n');
  run.input("/list").pass(60s);
  CHECK(run.log.find("LEAVE") == std::string::npos);
}

TEST_CASE("a command that nobody answers ends it with 75") {
  TwoConnectionRun run;
  run.online().input("/to dave x").take_log();
  CHECK(run.client.next_timeout() == run.now + Client::kReplyTime);
  run.pass(15s - 1ns);
  CHECK(run.take_log() == "");
  run.pass(1ns);
  CHECK(run.take_log() == "LEAVE 75; ");
  CHECK(run.notes == "no answer from 127.0.0.1:9000 within 15 seconds\n");
  CHECK_FALSE(run.client.next_timeout().has_value());
}

TEST_CASE("an answer in time sets no clock for the next") {
  TwoConnectionRun run;
  run.online().input("/list").reply("301 carol");
  CHECK_FALSE(run.client.next_timeout().has_value());
}

TEST_CASE("/exit shows the goodbye; the end of input does not") {
  TwoConnectionRun typed;
  typed.online().input("/exit").input("/list").reply("310 Bye bye");
  CHECK(typed.take_log() == "a /exit; LEAVE 0; ");
  CHECK(typed.out == "310 Bye bye\n");
  TwoConnectionRun ended;
  ended.online().input_end().reply("310 Bye bye");
  CHECK(ended.take_log() == "a /exit; LEAVE 0; ");
  CHECK(ended.out == "");
  auto options = TwoConnectionRun::options();
  options.is_terminal = true;
  TwoConnectionRun person(options);
  person.online().input_end();
  CHECK(person.take_log() == "a /exit; ");
}

TEST_CASE("leave is taken within a second") {
  struct Row {
    std::string_view name;
    std::string_view event;
    int status;
  };
  const Row rows[] = {{"end of input", "end", 0},      {"SIGINT", "interrupt", 130},
                      {"SIGTERM", "terminate", 143},   {"SIGHUP", "hang up", 129},
                      {"output closed", "output", 74}, {"messages closed", "messages", 69}};
  for (const Row& row : rows)
    for (const std::string_view answer : {"310", "closed", "silent", "401"}) {
      CAPTURE(row.name);
      CAPTURE(answer);
      TwoConnectionRun run;
      run.online();
      if (row.event == "end") run.input_end();
      if (row.event == "interrupt") run.stop(ExitStatus::kInterrupted);
      if (row.event == "terminate") run.stop(ExitStatus::kTerminated);
      if (row.event == "hang up") run.stop(ExitStatus::kHungUp);
      if (row.event == "output") run.output_closed();
      if (row.event == "messages") run.closed(Link::kMessages);
      CHECK(run.take_log() == "a /exit; ");
      CHECK(run.client.next_timeout() == run.now + Client::kExitTime);
      if (answer == "310") run.reply("310 Bye bye");
      if (answer == "closed") run.closed(Link::kMessages).closed(Link::kCommands);
      if (answer == "401") run.reply("401 Unrecognized message");
      if (answer == "401" || answer == "silent") {
        run.pass(1s - 1ns);
        CHECK(run.take_log() == "");
        run.pass(1ns);
      }
      CHECK(run.take_log() == left_with(row.status));
      run.reply("310 x").input("/list").stop().pass(1h);
      CHECK(run.take_log() == "");
      CHECK_FALSE(run.client.next_timeout().has_value());
    }
}

TEST_CASE("who leaves while a reply is awaited says so after it, or not at all") {
  TwoConnectionRun answered;
  answered.online().input("/to dave x").take_log();
  answered.stop();
  CHECK(answered.take_log() == "");
  answered.reply("303 x");
  CHECK(answered.take_log() == "a /exit; ");
  CHECK(answered.out == "303 x\n");
  answered.reply("310 x");
  CHECK(answered.take_log() == "LEAVE 130; ");
  TwoConnectionRun silent;
  silent.online().input("/to dave x").take_log();
  silent.stop().pass(1s);
  CHECK(silent.take_log() == "LEAVE 130; ");
}

TEST_CASE("who leaves before 201 takes leave after it, whatever it is") {
  for (const std::string_view reply : {"201 x", "202 x", "401 x"}) {
    TwoConnectionRun run;
    run.start().reply("101 x").listening().take_log();
    run.stop();
    CHECK(run.take_log() == "");
    run.reply(reply);
    CHECK(run.take_log() == "a /exit; ");
    run.reply("310 x");
    CHECK(run.take_log() == "LEAVE 130; ");
  }
}

TEST_CASE("before the login there is nobody to take leave of") {
  TwoConnectionRun run;
  run.start().take_log();
  run.stop();
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a second signal leaves at once, with its own status") {
  TwoConnectionRun run;
  run.online().stop(ExitStatus::kInterrupted).stop(ExitStatus::kTerminated);
  CHECK(run.take_log() == "a /exit; LEAVE 143; ");
}

TEST_CASE("a server that says goodbye unasked is left") {
  TwoConnectionRun run;
  run.online().input("/exit now").reply("310 Bye bye");
  CHECK(run.take_log() == "a /exit now; LEAVE 0; ");
  CHECK(run.out == "310 Bye bye\n");
}

TEST_CASE("with -n or -W the end of input is not the end") {
  for (const bool has_count : {true, false}) {
    auto options = TwoConnectionRun::options();
    if (has_count) options.count = 1;
    if (!has_count) options.wait = 5s;
    TwoConnectionRun run(options);
    run.online().input("/list").input_end().reply("301 carol");
    CHECK(run.take_log() == "a /list; ");
    if (has_count) run.deliver("/from dave x").pass(Client::kReceiptPause);
    if (!has_count) run.pass(5s);
    CHECK(run.log.ends_with("a /exit; "));
    run.take_log();
    run.reply("310 x");
    CHECK(run.take_log() == left_with(has_count ? 0 : 124));
  }
}

TEST_CASE("a command of the command line waits for -n, and -W is but its limit") {
  auto options = TwoConnectionRun::options();
  options.command = "/to dave ping";
  options.wait = 5s;
  TwoConnectionRun limited(options);
  limited.online().reply("303 x").reply("310 x");
  CHECK(limited.take_log() == "a /exit; LEAVE 0; ");
  options.count = 1;
  TwoConnectionRun counted(options);
  counted.online().reply("303 x");
  CHECK(counted.take_log() == "");
  counted.deliver("/from dave pong").pass(Client::kReceiptPause).reply("310 x");
  CHECK(counted.take_log() == "b 302 Message receipt successful; a /exit; LEAVE 0; ");
  TwoConnectionRun late(options);
  late.online().reply("303 x").pass(5s).reply("310 x");
  CHECK(late.take_log() == "a /exit; LEAVE 124; ");
}

}  // namespace
