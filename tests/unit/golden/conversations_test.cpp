// Whole conversations between cores, kept as text. A seeded source makes even tokens repeat.
#include <doctest/doctest.h>

#include "tests/unit/support/golden.hpp"
#include "tests/unit/support/requests.hpp"
#include "tests/unit/support/small_world.hpp"

namespace {

using namespace std::chrono_literals;
using test::SmallWorld;

TEST_CASE("the classic sample: four listen, two send") {
  SmallWorld world(
      "Ali, Veli, Melih and Lara listen; Utku and Defne send. Ahmet is not there.\n"
      "The sample of the classic messenger, between our registry and our peers.");
  world.transcript.remark(
      "Each REGISTER is the classic one with fields that old registries "
      "ignore; the answer tells the lease.");
  auto& ali = world.listen("Ali", 50001);
  world.listen("Veli", 50002);
  auto& melih = world.listen("Melih", 50003);
  world.listen("Lara", 50004);
  world.pass(5s);
  world.transcript.remark(
      "A list, a message to one, to some of whom one is unknown, and a line "
      "that is no command.");
  world.send("Utku", {"list", "unicast Ali \"Hello Ali, how are you?\"",
                      "multicast [Ali, Veli, Lara, Ahmet] \"Nice app!\"", "dance", "exit"});
  world.pass(5s);
  world.transcript.remark(
      "A message to all; one name typed twice is sent twice. The second list "
      "is not sent again: nothing changed.");
  world.send("Defne", {"broadcast \"Good evening everyone\"",
                       "multicast [Melih, Melih] \"Twice is twice\"", "list", "exit"});
  world.pass(5s);
  world.transcript.remark("A second Ali is refused; Melih leaves and is not found any more.");
  world.listen("Ali", 50009);
  world.stop(melih);
  world.send("Utku", {"unicast Melih \"are you there?\"", "exit"});
  world.transcript.remark("Refreshed within a minute, without a write: the version stays.");
  world.pass(60s);
  world.stop(ali);
  test::check_golden("classic_sample.txt", world.transcript.text());
}

TEST_CASE("the old programs' own bytes, and what they are answered") {
  SmallWorld world(
      "D0 and D1 as they are, to the byte: one connection a request, one read an answer.");
  world.transcript.remark(
      "D0: nobody is there; two register; the list; a name taken; names and "
      "an address that nobody may have.");
  world.call("d0", test::kD0List);
  world.call("d0", test::d0_post("REGISTER alice@127.0.0.1:50001"));
  world.call("d0", test::d0_post("REGISTER bob@127.0.0.1:50002"));
  world.call("d0", test::kD0List);
  world.call("d0", test::d0_post("REGISTER alice@127.0.0.1:50003"));
  world.call("d0", test::d0_post("REGISTER a b@127.0.0.1:50003"));
  world.call("d0", test::d0_post("REGISTER eve@8.8.8.8:50003"));
  world.transcript.remark(
      "A length in characters is one byte short of this body: the port must "
      "not be cut.");
  world.call("d0", test::d0_post("REGISTER Şule@127.0.0.1:33251"));
  world.transcript.remark("LOGOUT names the whole record; the name is free afterwards.");
  world.call("d0", test::d0_post("LOGOUT alice@127.0.0.1:50009"));
  world.call("d0", test::d0_post("LOGOUT alice@127.0.0.1:50001"));
  world.call("d0", test::kD0List);
  world.transcript.remark(
      "D1: UPDATE claims and moves; lines in the list; a look-up is the bare "
      "address. Its users are of TCP, so D0 is not shown them.");
  world.call("d1", test::d1_get("/userlist.txt"));
  world.call("d1", test::d1_post("UPDATE carol@127.0.1.1:40001"));
  world.call("d1", test::d1_post("UPDATE carol@127.0.1.1:40002"));
  world.call("d1", test::d1_post("UPDATE dave@127.0.1.1:40003"));
  world.call("d1", test::d1_get("/userlist.txt"));
  world.call("d1", test::d1_get("/userlist.txt?username=carol"));
  world.call("d1", test::d1_get("/userlist.txt?username=zoe"));
  world.call("d0", test::kD0List);
  test::check_golden("old_programs.txt", world.transcript.text());
}

TEST_CASE("expiry and reclaim: a crash must not block a name") {
  SmallWorld world("Peers and old programs that vanish, and how their names come back.");
  world.transcript.remark(
      "Our peer is killed and started again: its token takes the name back at "
      "once, on another port.");
  auto& ali = world.listen("ali", 50001);
  world.pass(10s);
  world.kill(ali);
  auto& again = world.listen_again(ali, 50011);
  world.transcript.remark("Somebody else, with a token of his own, is refused.");
  world.listen("ali", 50012);
  world.transcript.remark("Killed for good: the record is gone after 200 s of silence.");
  world.kill(again);
  world.pass(201s);
  world.call("curl", test::modern("GET", "/userlist.txt?format=json"));

  world.transcript.remark(
      "An old program crashed. Within a minute its name is taken; then a "
      "probe finds nobody there.");
  world.call("d0", test::d0_post("REGISTER veli@127.0.0.1:50002"));
  world.pass(59s);
  world.call("d0", test::d0_post("REGISTER veli@127.0.0.1:50003"));
  world.pass(1s);
  world.call("d0", test::d0_post("REGISTER veli@127.0.0.1:50003"));
  world.call("d0", test::kD0List);

  world.transcript.remark(
      "What changed, for a reader who knows a version; and one that is not "
      "known any more.");
  world.call("curl", test::modern("GET", "/userlist.txt?since=2"));
  world.call("curl", test::modern("GET", "/userlist.txt?since=99"));
  world.transcript.remark("Nobody refreshes an old program's record: it lives for 24 hours.");
  world.pass(24h);
  world.call("d0", test::kD0List);
  test::check_golden("expiry_and_reclaim.txt", world.transcript.text());
}

TEST_CASE("the question after every fifth message") {
  SmallWorld world(
      "An asking listener, as the bonus client is: messages go on being shown while it asks.");
  auto& ali = world.listen("Ali", 50001, /*with_token=*/true, /*asks=*/true);
  world.listen("Veli", 50002);
  const std::string to_ali = "unicast Ali \"one more\"";
  world.transcript.remark("The fifth message draws the question; a sixth arrives while it stands.");
  world.send("Utku", {to_ali, to_ali, to_ali, to_ali, to_ali, to_ali, "exit"});
  world.transcript.remark("No answer but y and n counts; after no it is asked after five more.");
  world.type(ali, "maybe");
  world.type(ali, "n");
  world.send("Utku", {to_ali, to_ali, to_ali, to_ali, to_ali, "exit"});
  world.transcript.remark("Yes logs out; then Ali is not found.");
  world.type(ali, "y");
  world.send("Utku", {to_ali, "exit"});
  test::check_golden("logout_question.txt", world.transcript.text());
}

TEST_CASE("the same seed gives the same conversation") {
  const auto run = [] {
    SmallWorld world("twice");
    auto& ali = world.listen("Ali", 50001);
    world.pass(300s);
    world.stop(ali);
    return world.transcript.text();
  };
  CHECK(run() == run());
}

}  // namespace
