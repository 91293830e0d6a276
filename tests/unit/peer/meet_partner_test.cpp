// `meet` and its partners: connections, and whose texts are shown.
#include <doctest/doctest.h>

#include "peer/meet_client.hpp"
#include "tests/unit/support/meet_run.hpp"

namespace {

using namespace test;
using peer::MeetClient;

constexpr peer::LinkId accepted_link(std::size_t index) {
  return peer::LinkId{static_cast<std::uint32_t>(MeetClient::kAcceptedLinkMin) +
                      static_cast<std::uint32_t>(index)};
}

TEST_CASE("the partner is connected to with the first text, and the connection stays") {
  MeetRun run;
  run.chatting();
  CHECK(run.log == "");
  run.input("hello veli");
  CHECK(run.take_log() == "CONNECT 1 127.0.0.1:9001; 1  27  &&MESSAGE&&|ali: hello veli; ");
  run.input("more");
  CHECK(run.take_log() == "1  21  &&MESSAGE&&|ali: more; ");
  CHECK(run.out == "");
  run.input("EXIT");
  CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  run.reply(kYouLeft);
  CHECK(run.take_log() == "");  // not even the connection is closed
  CHECK(run.take_out() == "server: you left the chat room.\n");
  run.reply("&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001",
            "veli");
  run.input("again");
  CHECK(run.take_log() == "1  22  &&MESSAGE&&|ali: again; ");
}

TEST_CASE("EXIT is said once the partner's connection has taken the last text") {
  MeetRun run;
  run.chatting().takes = false;
  run.input("one").input("two").input("EXIT").input("SEARCH veli");
  CHECK(run.take_log() ==
        "CONNECT 1 127.0.0.1:9001; 1  20  &&MESSAGE&&|ali: one; 1  20  &&MESSAGE&&|ali: two; ");
  SUBCASE("taken") {
    run.sent(peer::LinkId{1}, 25);
    CHECK(run.take_log() == "");
    run.sent(peer::LinkId{1}, 25);
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
    run.reply(kYouLeft);
    CHECK(run.take_log() == "0  19  &&SEARCH&&|veli|ali; ");
    CHECK(run.notes == "");
  }
  SUBCASE("not reached") {
    run.closed(peer::LinkId{1}, "connection timed out");
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
    CHECK(run.notes == "a text to veli may not have arrived: connection timed out\n");
  }
  SUBCASE("not taken for long") {
    run.pass(10s);
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
    run.pass(9s);
    CHECK(run.notes == "");
  }
  SUBCASE("the partner leaves first") {
    run.reply("&&CLIENTEXIT&&|veli left the chat room. the chat room has been closed", "veli");
    CHECK(run.take_log() == "0  19  &&SEARCH&&|veli|ali; ");
  }
  SUBCASE("a signal") {
    run.stop();
    CHECK(run.take_log() == "CLOSE 1; ");
    run.closed(peer::LinkId{1});
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
  }
}

TEST_CASE("a partner who cannot be reached is told of, and tried again with the next text") {
  MeetRun run;
  run.chatting().takes = false;
  run.input("hello");
  run.take_log();
  run.closed(peer::LinkId{1}, "connection refused");
  CHECK(run.notes == "a text to veli may not have arrived: connection refused\n");
  run.takes = true;
  run.input("again");
  CHECK(run.take_log() == "CONNECT 2 127.0.0.1:9001; 2  22  &&MESSAGE&&|ali: again; ");
  run.closed(peer::LinkId{2});
  CHECK(run.notes == "a text to veli may not have arrived: connection refused\n");
  run.input_end().reply(kYouLeft).reply("&&LOGOUTSUCCESS&&");
  CHECK(run.log.ends_with("LEAVE 75; "));
}

TEST_CASE("a text to a partner who has left meanwhile may be lost, too") {
  MeetRun run;
  run.chatting().takes = false;
  run.input("hello");
  run.reply("&&CLIENTEXIT&&|veli left the chat room. the chat room has been closed", "veli");
  run.closed(peer::LinkId{1}, "connection refused");
  CHECK(run.notes == "a text to veli may not have arrived: connection refused\n");
  run.takes = true;
  run.input_end().reply("&&LOGOUTSUCCESS&&");
  CHECK(run.log.ends_with("LEAVE 75; "));
}

TEST_CASE("a partner's texts are shown, and nobody else's") {
  MeetRun run;
  run.chatting();
  REQUIRE(run.accepted());
  run.partner_says("&&MESSAGE&&|veli: selam: ali|naber");
  CHECK(run.take_out() == "veli: selam: ali|naber\n");
  run.partner_says("&&MESSAGE&&|can: I am not veli");
  run.partner_says("&&EXIT&&|veli").partner_says("hello");
  CHECK(run.take_out() == "");
  REQUIRE(run.accepted("10.0.0.7:40000", peer::LinkId{MeetClient::kAcceptedLinkMin}));
  CHECK(run.notes == "");
}

TEST_CASE("a partner's last text may be here after the registry's word") {
  MeetRun run;
  run.chatting("|10.0.0.6|9001");
  REQUIRE(run.accepted("10.0.0.6:40000"));
  const peer::LinkId other{static_cast<std::uint32_t>(MeetClient::kAcceptedLinkMin) + 1};
  REQUIRE(run.accepted("10.0.0.7:40000", other));
  run.reply("&&CLIENTEXIT&&|veli left the chat room. the chat room has been closed", "veli");
  run.take_out();
  SUBCASE("within 5 s, where and as the partner") {
    run.pass(4s).partner_says("&&MESSAGE&&|veli: last");
    CHECK(run.take_out() == "veli: last\n");
    run.partner_says("&&MESSAGE&&|can: who?").partner_says("&&MESSAGE&&|veli: forged", other);
    CHECK(run.take_out() == "");
  }
  SUBCASE("in the next chat, too") {
    run.reply("&&CLIENTOK&&|can accepted the chat request. you can send your message now!|9002",
              "can");
    run.take_out();
    run.partner_says("&&MESSAGE&&|veli: last");
    CHECK(run.take_out() == "veli: last\n");
  }
  SUBCASE("not from 5 s on") {
    run.pass(5s).partner_says("&&MESSAGE&&|veli: too late");
    CHECK(run.take_out() == "");
  }
}

TEST_CASE("texts from another address than the partner's are not his") {
  MeetRun run;
  run.chatting("|10.0.0.6|9001");
  const peer::LinkId other{static_cast<std::uint32_t>(MeetClient::kAcceptedLinkMin) + 1};
  REQUIRE(run.accepted("10.0.0.6:40000"));
  REQUIRE(run.accepted("10.0.0.7:40000", other));
  run.partner_says("&&MESSAGE&&|veli: forged", other);
  CHECK(run.take_out() == "");
  run.partner_says("&&MESSAGE&&|veli: his");
  CHECK(run.take_out() == "veli: his\n");
}

TEST_CASE("a partner's first text may be here before the registry's word") {
  MeetRun run;
  run.online();
  REQUIRE(run.accepted());
  run.partner_says("&&MESSAGE&&|veli: early").partner_says("&&MESSAGE&&|can: who?");
  CHECK(run.take_out() == "");
  SUBCASE("within 5 s") {
    run.pass(4s).reply(
        "&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001", "veli");
    CHECK(run.take_out() ==
          "server: veli accepted the chat request. you can send your message now!\n"
          "veli: early\n");
  }
  SUBCASE("not from before") {
    run.pass(5s).reply(
        "&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001", "veli");
    CHECK(run.take_out() ==
          "server: veli accepted the chat request. you can send your message now!\n");
  }
}

TEST_CASE("a chat with a partner who has no usable port is left at once") {
  const char* unusable = "&&CLIENTOK&&|veli accepted the chat request. you can|22";
  MeetRun run;
  SUBCASE("behind a request") {
    run.online().input("CHAT REQUEST veli").input("SEARCH can").reply(kFoundVeli);
    run.take_log();
    run.reply(unusable, "veli");
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
    CHECK(run.notes == "the registry names no usable port of the partner\n");
    run.reply(kYouLeft);
    CHECK(run.take_log() == "0  18  &&SEARCH&&|can|ali; ");
    run.reply(kNotFound).input_end();
    CHECK(run.take_log() == "0  10  &&LOGOUT&&; ");
    run.reply("&&LOGOUTSUCCESS&&");
    CHECK(run.log == "LEAVE 75; ");
  }
  SUBCASE("at a terminal, while another question is open") {
    MeetRun person(MeetRun::at_terminal());
    person.online().input("CHAT REQUEST veli").reply(kFoundVeli).input("SEARCH can");
    person.take_log();
    person.reply(unusable, "veli");
    CHECK(person.take_log() == "0  12  &&EXIT&&|ali; ");
    CHECK(person.notes.ends_with("what you asked for last was not done: you are in a chat now\n"));
    person.reply(kNotFound).reply(kYouLeft).input("hello");
    CHECK(person.take_log() == "");
  }
  SUBCASE("while we log out") {
    run.online().stop();
    run.take_log();
    run.reply(unusable, "veli");
    CHECK(run.take_log() == "0  12  &&EXIT&&|ali; ");
    run.reply(kYouLeft);
    CHECK(run.take_log() == "0  10  &&LOGOUT&&; ");
    run.reply("&&LOGOUTSUCCESS&&");
    CHECK(run.take_log() == "LEAVE 130; ");
  }
}

TEST_CASE("of one stranger's connections no more than 16 are kept, of a partner's they are") {
  MeetRun run;
  run.chatting("|10.0.0.6|9001");
  for (std::size_t i = 0; i < 16; ++i) REQUIRE(run.accepted("10.0.0.7:40000", accepted_link(i)));
  CHECK(!run.accepted("10.0.0.7:40000", accepted_link(16)));
  for (std::size_t i = 20; i < 40; ++i) REQUIRE(run.accepted("10.0.0.6:40000", accepted_link(i)));
  run.closed(accepted_link(3));
  CHECK(run.accepted("10.0.0.7:40000", accepted_link(16)));
  CHECK(run.log == "");
}

TEST_CASE("whoever brought no partner's text makes room for who comes, the oldest first") {
  MeetRun run;
  run.chatting("|10.0.0.6|9001");
  constexpr std::size_t kMax = peer::MeetLinks::kAcceptedMax;
  REQUIRE(run.accepted("10.0.0.6:40000", accepted_link(0)));  // the partner's, and silent yet
  REQUIRE(run.accepted("10.0.0.6:40000", accepted_link(1)));
  run.partner_says("&&MESSAGE&&|veli: his", accepted_link(1));
  for (std::size_t i = 2; i < kMax; ++i) REQUIRE(run.accepted("127.0.0.1:1", accepted_link(i)));
  run.partner_says("&&MESSAGE&&|veli: forged", accepted_link(2));
  CHECK(run.log == "");
  REQUIRE(run.accepted("10.0.0.8:40000", accepted_link(kMax)));
  CHECK(run.take_log() == "CLOSE 2147483650; ");
  run.closed(accepted_link(2));
  for (std::size_t i = 1; i < kMax; ++i) {
    CAPTURE(i);
    REQUIRE(run.accepted("10.0.0.6:40000", accepted_link(kMax + i)));
    run.partner_says("&&MESSAGE&&|veli: more", accepted_link(kMax + i));
  }
  CHECK(run.log.ends_with("CLOSE 2147483775; CLOSE 2147483648; "));
  // All are partners'.
  CHECK(!run.accepted("10.0.0.6:40000", accepted_link(2 * kMax)));
  run.partner_says("&&MESSAGE&&|veli: last", accepted_link(1));
  CHECK(run.out.ends_with("veli: last\n"));
}

TEST_CASE("a connection that brought an early text is a partner's") {
  MeetRun run;
  run.online();
  REQUIRE(run.accepted("127.0.0.1:40000", accepted_link(0)));
  run.partner_says("&&MESSAGE&&|veli: early", accepted_link(0));
  run.reply("&&CLIENTOK&&|veli accepted the chat request. you can send your message now!|9001",
            "veli");
  for (std::size_t i = 1; i <= peer::MeetLinks::kAcceptedMax; ++i)
    REQUIRE(run.accepted("127.0.0.1:1", accepted_link(i)));
  CHECK(run.log == "CLOSE 2147483649; ");
}

TEST_CASE("connections to more partners than may be kept: the oldest is closed") {
  MeetRun run;
  run.online();
  for (std::size_t i = 0; i <= peer::MeetLinks::kOwnMax; ++i) {
    run.reply(fmt::format("&&CLIENTOK&&|veli accepted the chat request. you can|{}", 2000 + i),
              "veli");
    run.take_log();
    run.input("x");
    if (i == peer::MeetLinks::kOwnMax) {
      CHECK(run.log.starts_with("CLOSE 1; CONNECT "));
    } else {
      CHECK(run.log.starts_with("CONNECT "));
    }
    run.reply(kYouLeft);
  }
}

}  // namespace
