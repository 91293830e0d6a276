// `meet`, how it ends: by a person's word, by time, by a registry or a partner that fails.
#include <doctest/doctest.h>

#include "peer/meet_client.hpp"
#include "tests/unit/support/meet_run.hpp"

namespace {

using namespace test;

TEST_CASE("a text that nobody has taken when we leave is told of, and 75") {
  struct Row {
    common::ExitStatus stop;  // kOk: the end of input
    int status;
  };
  for (const Row& row :
       {Row{common::ExitStatus::kOk, 75}, Row{common::ExitStatus::kTerminated, 143}}) {
    CAPTURE(row.status);
    MeetRun run;
    run.chatting().takes = false;
    run.input("hello");
    run.take_log();
    if (row.stop == common::ExitStatus::kOk) {
      run.input_end();
    } else {
      run.stop(row.stop);
    }
    CHECK(run.take_log() == "CLOSE 1; ");
    run.pass(4s);
    CHECK(run.take_log() == fmt::format("LEAVE {}; ", row.status));
    CHECK(run.notes == "a text to veli may not have arrived: it was not taken in time\n");
  }
}

TEST_CASE("a partner who does not say that he has all of it when we leave is told of, and 75") {
  MeetRun run;
  run.chatting().input("hello").input_end();
  CHECK(run.log.ends_with("CLOSE 1; "));
  run.take_log();
  run.closed(peer::LinkId{1}, "it does not take what is sent to it");
  CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  CHECK(run.notes == "a text to veli may not have arrived: it does not take what is sent to it\n");
  run.reply(kYouLeft).reply("&&LOGOUTSUCCESS&&");
  CHECK(run.log.ends_with("LEAVE 75; "));
}

TEST_CASE("leaving is EXIT in a room, then LOGOUT, then the end") {
  MeetRun run;
  const char* left = kYouLeft;
  SUBCASE("from nowhere") {
    run.online().stop();
    left = nullptr;
  }
  SUBCASE("from a chat") {
    run.chatting().stop();
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  }
  SUBCASE("from a group") {
    run.grouped().stop();
    CHECK(run.take_log() == "0  17  &&EXITGROUP&&|ali; ");
    left = "you left the chat room.";
  }
  SUBCASE("from a chat that is being left") {
    run.chatting().input("EXIT").stop();
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  }
  if (left != nullptr) run.reply(left);
  CHECK(run.take_log() == "0  10  &&LOGOUT&&; ");
  CHECK(!run.client.wants_input());
  run.reply("&&LOGOUTSUCCESS&&");
  CHECK(run.take_log() == "LEAVE 130; ");
  CHECK(run.notes.ends_with("loggin out from session. goodbye ali\n"));
}

TEST_CASE("a chat that opens while we log out is left first") {
  MeetRun run;
  run.online().stop();
  CHECK(run.take_log() == "0  10  &&LOGOUT&&; ");
  run.reply("&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001",
            "veli");
  CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  run.reply(kYouLeft);
  CHECK(run.take_log() == "0  10  &&LOGOUT&&; ");
  run.reply("&&LOGOUTSUCCESS&&");
  CHECK(run.take_log() == "LEAVE 130; ");
}

TEST_CASE("a registry that does not answer keeps nobody") {
  MeetRun run;
  SUBCASE("while leaving: 2 s") {
    run.online().stop().pass(2s);
    CHECK(run.log == "0  10  &&LOGOUT&&; LEAVE 130; ");
  }
  SUBCASE("twice asked: at once") {
    run.online().stop().stop(common::ExitStatus::kTerminated);
    CHECK(run.log == "0  10  &&LOGOUT&&; LEAVE 143; ");
  }
  SUBCASE("to the registration") {
    run.start().listening();
    run.take_log();
    run.pass(10s);
    CHECK(run.log == "LEAVE 75; ");
    CHECK(run.notes == "no answer from 127.0.0.1:6234 within 10 seconds\n");
  }
  SUBCASE("to a SEARCH") {
    run.online().input("SEARCH veli");
    run.take_log();
    run.pass(10s);
    CHECK(run.log == "LEAVE 75; ");
  }
}

TEST_CASE("a registry that fails") {
  MeetRun run;
  SUBCASE("closes before") {
    run.start().listening().closed(MeetRun::kServer);
    CHECK(run.notes == "127.0.0.1:6234 closed the connection before we were in\n");
    CHECK(run.log.ends_with("LEAVE 76; "));
  }
  SUBCASE("closes later") {
    run.online().closed(MeetRun::kServer, "connection reset by peer");
    CHECK(run.notes == "the connection to 127.0.0.1:6234 broke: connection reset by peer\n");
    CHECK(run.log.ends_with("LEAVE 69; "));
  }
  SUBCASE("refuses the name") {
    run.start().listening().reply("your name was refused. it is in use. start again with another.");
    CHECK(run.out == "server: your name was refused. it is in use. start again with another.\n");
    CHECK(run.log.ends_with("LEAVE 77; "));
  }
  SUBCASE("is none") {
    run.start().listening().bytes(MeetRun::kServer, "HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK(run.notes == "127.0.0.1:6234 does not answer as a rendezvous registry\n");
    CHECK(run.log.ends_with("LEAVE 76; "));
  }
  SUBCASE("there is no port to listen at") {
    run.start();
    run.client.handle_listen_failed(run.now, common::ExitStatus::kUnavailable,
                                    "TCP port 1 is taken");
    run.drain();
    CHECK(run.notes == "TCP port 1 is taken\n");
    CHECK(run.log.ends_with("LEAVE 69; "));
  }
}

TEST_CASE("-n, -W and the end of input end it, each with its status") {
  auto options = MeetRun::options();
  SUBCASE("-n") {
    options.count = 2;
    MeetRun run(options);
    run.online().input_end();
    CHECK(run.log == "");
    run.reply("&&MESSAGE&&|carol: 1", "carol").reply("&&MESSAGE&&|carol: 2", "carol");
    CHECK(run.log == "0  10  &&LOGOUT&&; ");
    run.reply("&&MESSAGE&&|carol: 3", "carol").reply("&&LOGOUTSUCCESS&&");
    CHECK(run.out == "carol: 1\ncarol: 2\n");
    CHECK(run.log.ends_with("LEAVE 0; "));
  }
  SUBCASE("-W") {
    options.wait = 30s;
    MeetRun run(options);
    run.online().input_end().pass(30s);
    CHECK(run.log == "0  10  &&LOGOUT&&; ");
    run.reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log.ends_with("LEAVE 124; "));
  }
  SUBCASE("Ctrl-D at a terminal") {
    options.wait = 30s;
    options.is_terminal = true;
    MeetRun run(options);
    run.online().input_end();
    CHECK(run.log == "0  10  &&LOGOUT&&; ");
  }
  SUBCASE("a closed output") {
    MeetRun run(options);
    run.online().output_closed().reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log.ends_with("LEAVE 74; "));
  }
}

}  // namespace
