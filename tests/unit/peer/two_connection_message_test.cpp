// Messages of `login`: shown, then receipted, and never the other way round.
#include <doctest/doctest.h>

#include "tests/unit/support/two_connection_run.hpp"

namespace {

using namespace std::chrono_literals;
using test::TwoConnectionRun;
using Link = TwoConnectionRun::Link;
using Client = TwoConnectionRun::Client;

const std::string kReceipt = "b 302 Message receipt successful; ";

TEST_CASE("each kind of message is shown as `sender: text`") {
  struct Row {
    std::string_view line;
    std::string_view shown;
  };
  const Row rows[] = {
      {"/from dave Hi there", "dave: Hi there\n"},
      {"/from dave Hi there\r", "dave: Hi there\n"},
      {"/broadcastfrom dave Lunch?", "dave: Lunch?\n"},
      {"/broadcast dave Lunch?", "dave: Lunch?\n"},
      {"/from dave", "dave: \n"},
      {"/from \x1b[2J \x1b[2J", "\\x1b[2J: \\x1b[2J\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    TwoConnectionRun run;
    run.online().deliver(row.line);
    CHECK(run.out == row.shown);
    CHECK(run.take_log() == kReceipt);
    CHECK(run.notes == "");
  }
}

TEST_CASE("as JSON a message has the members it has elsewhere, and a reply its own") {
  auto options = TwoConnectionRun::options();
  options.json = true;
  TwoConnectionRun run(options);
  run.online().deliver("/from dave say \"hi\"");
  CHECK(run.out.starts_with(R"({"v":1,"id":")"));
  CHECK(run.out.ends_with(
      R"(","ts":"2026-11-20T22:50:21.407Z","event":"message","from":"dave","to":["carol"],)"
      R"("text":"say \"hi\"","sealed":false})"
      "\n"));
  run.take_out();
  run.input("/to dave x").reply("303 Message delivery successful").input("/x").reply("401");
  CHECK(run.out == R"({"v":1,"ts":"2026-11-20T22:50:21.407Z","event":"reply","code":303,)"
                   R"("text":"Message delivery successful"})"
                   "\n"
                   R"({"v":1,"ts":"2026-11-20T22:50:21.407Z","event":"reply","code":401,"text":""})"
                   "\n");
}

TEST_CASE("a receipt is sent once the last byte of its line is written") {
  TwoConnectionRun run;
  run.online().reads = false;
  run.deliver("/from dave one");
  CHECK(run.take_log() == "");
  run.written(std::string_view("dave: one").size());
  CHECK(run.take_log() == "");
  run.written(1);
  CHECK(run.take_log() == kReceipt);
}

TEST_CASE("glued messages are receipted one by one, in their order, wherever the stream is cut") {
  const std::string stream = "/from dave one\n/broadcastfrom erin two\r\n/forceQuit\n/from x y\n";
  for (std::size_t at = 0; at <= stream.size(); ++at) {
    CAPTURE(at);
    TwoConnectionRun run;
    run.online().reads = false;
    run.bytes(Link::kMessages, stream.substr(0, at));
    run.bytes(Link::kMessages, stream.substr(at));
    CHECK(run.out == "dave: one\nerin: two\nx: y\n");
    std::string seen;
    for (std::size_t i = 0; i < run.out.size(); ++i) {
      run.written(1);
      seen += run.out[i];
      if (!run.log.empty()) seen += '<' + run.take_log() + '>';
    }
    CHECK(seen == "dave: one\n<" + kReceipt + ">erin: two\n<" + kReceipt + kReceipt + ">x: y\n<" +
                      kReceipt + ">");
  }
}

TEST_CASE("a line that is no message is shown nowhere, receipted, and counted") {
  TwoConnectionRun run;
  run.online();
  for (const std::string& line :
       {std::string("/forceQuit"), std::string(), "/from x " + std::string(8192, 'x')}) {
    run.deliver(line);
    CHECK(run.take_log() == kReceipt);
  }
  CHECK(run.out == "");
  CHECK(run.notes == "a line from 127.0.0.1:9000 is no message and was left out\n");
  run.notes.clear();
  run.pass(1s).input_end().reply("310 x");
  CHECK(run.notes == "3 lines from 127.0.0.1:9000 were no messages\n");
}

TEST_CASE("the longest message is shown whole") {
  TwoConnectionRun run;
  const std::string text(Client::kDeliveryBytesMax - 11, 'x');
  run.online().deliver("/from dave " + text);
  CHECK(run.out == "dave: " + text + '\n');
  run.deliver("/from dave x" + text);
  CHECK(run.out.size() == text.size() + 7);
}

TEST_CASE("once standard output is closed nothing is receipted") {
  TwoConnectionRun run;
  run.online().reads = false;
  run.deliver("/from dave one").output_closed();
  CHECK(run.take_log() == "a /exit; ");
  run.deliver("/from dave two").deliver("/forceQuit").reply("310 x");
  CHECK(run.take_log() == "LEAVE 74; ");
}

TEST_CASE("standard output that closes while leaving is 74") {
  TwoConnectionRun run;
  run.online().stop().output_closed().reply("310 x");
  CHECK(run.take_log() == "a /exit; LEAVE 74; ");
}

TEST_CASE("messages wait at the server once enough of them wait here") {
  TwoConnectionRun run;
  run.online().reads = false;
  for (std::size_t i = 0; i < Client::kUnreceiptedMax; ++i) {
    CHECK(run.client.wants_bytes(Link::kMessages));
    run.deliver("/from dave x");
  }
  CHECK_FALSE(run.client.wants_bytes(Link::kMessages));
  CHECK(run.client.wants_bytes(Link::kCommands));
  run.written(run.unwritten);
  CHECK(run.client.wants_bytes(Link::kMessages));
}

TEST_CASE("-n leaves after so many messages are receipted; more are neither shown nor receipted") {
  auto options = TwoConnectionRun::options();
  options.count = 2;
  TwoConnectionRun run(options);
  run.online().deliver("/from dave one").deliver("/forceQuit");
  run.bytes(Link::kMessages, "/from dave two\n/from dave three\n/x\n");
  CHECK(run.out == "dave: one\ndave: two\n");
  CHECK(run.take_log() == kReceipt + kReceipt + kReceipt);
  // /exit comes later than the receipt, for the server to read it later.
  CHECK(run.client.next_timeout() == run.now + Client::kReceiptPause);
  run.pass(Client::kReceiptPause);
  CHECK(run.take_log() == "a /exit; ");
  run.reply("310 x");
  CHECK(run.take_log() == "LEAVE 0; ");
}

TEST_CASE("-n does not leave before the last message is written") {
  auto options = TwoConnectionRun::options();
  options.count = 1;
  TwoConnectionRun run(options);
  run.online().reads = false;
  run.deliver("/from dave one").pass(1h);
  CHECK(run.take_log() == "");
  run.written(run.unwritten).pass(1s);
  CHECK(run.take_log() == kReceipt + "LEAVE 0; ");
}

TEST_CASE("who leaves still receipts what the server is about to deliver") {
  TwoConnectionRun run;
  run.online().stop().deliver("/from dave last");
  CHECK(run.take_log() == "a /exit; " + kReceipt);
  CHECK(run.out == "dave: last\n");
}

TEST_CASE("a message and a command under way do not wait for each other") {
  TwoConnectionRun run;
  run.online().input("/to carol note to myself").take_log();
  run.deliver("/from carol note to myself");
  CHECK(run.take_log() == kReceipt);
  run.reply("303 x");
  CHECK(run.out == "carol: note to myself\n303 x\n");
}

}  // namespace
