// Texts between users of the rendezvous door and those of other doors: consent, the relay port, and
// what came of each.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "registry/doors/rendezvous.hpp"
#include "tests/unit/support/rendezvous_texts.hpp"
#include "tests/unit/support/rendezvous_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;

TEST_CASE("who has asked for a chat is found, though he is listed nowhere, until he is answered") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto veli = w.join("veli");
  w.send(ali, "&&SEARCH&&|ci|ali");
  CHECK(w.said(ali) == "ali> &&NOTFOUND&&|user not found");
  w.post("ci", "ali", "build 7 failed");
  CHECK(w.said(ali) == "ci> ci would like to chat with you? (OK/REJECT)");
  w.send(ali, "&&SEARCH&&|ci|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|ci found. its address is ('127.0.0.1', 6236)");
  w.send(veli, "&&SEARCH&&|ci|veli");  // he asked only ali
  CHECK(w.said(veli) == "veli> &&NOTFOUND&&|user not found");
  w.send(ali, "&&OK&&|ali|ci|7000");
  CHECK(w.said(ali) == entered("ci") + "\nci> &&MESSAGE&&|ci: build 7 failed");
  CHECK(w.came_of() == "sent");
}

TEST_CASE("what is held for several at once times out for each") {
  RendezvousWorld w;
  const auto rob = w.enter("rob");
  const auto ali = w.join("ali");
  const auto veli = w.join("veli", 7001, "127.0.0.1:47010");
  // Somebody writes to the room in their names: they are guests, and have not said that they want
  // to be.
  for (const char* guest : {"ali", "veli"}) {
    w.node().hub().deliver(
        registry::Asker::http(), 0,
        std::make_shared<const registry::Message>(registry::Message{guest, "hi", false}),
        common::UserName::room());
    w.settle();
  }
  w.said(ali);
  w.said(veli);
  const auto carol = w.log_in("carol");
  w.send_bytes(carol.la, "/to room hello\n");
  CHECK(w.door().held_count() == 3);  // of veli's line for ali, and carol's for both
  w.pass(10s);
  CHECK(w.door().held_count() == 0);
  CHECK(w.node().hub().under_way() == 0);
  CHECK(w.raw(carol.la) == k304);
  w.raw(rob);
}

TEST_CASE("a text is refused with its sender") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send_bytes(carol.la, "/to ali hello\n");
  w.send(ali, "&&REJECT&&|ali|carol");
  CHECK(w.said(ali) == std::string(kCarolAsks) + "\nali> you have rejected the chat request!");
  CHECK(w.raw(carol.la) == k304);
  CHECK(w.raw(carol.lb) == "");  // the result has said it
  CHECK(w.came_of() == "refused");
  CHECK(w.door().guest_count() == 0);
}

TEST_CASE("the sender hears in 8 s that nobody answered; the request stays for 60 s") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send_bytes(carol.la, "/to ali hello\n");
  w.said(ali);
  w.pass(8s - 1ns);
  CHECK(w.raw(carol.la) == "");
  w.pass(1ns);
  CHECK(w.raw(carol.la) == k304);
  CHECK(w.came_of() == "timed out");
  w.pass(30s);
  SUBCASE("accepted late: she hears of it as a message, and what was given up does not come") {
    w.send(ali, "&&OK&&|ali|carol|7000");
    CHECK(w.said(ali) == entered("carol"));
    CHECK(w.raw(carol.lb) ==
          "/from ali accepted the chat request. you can send your message now!\n");
    w.confirm(carol);
    w.send_bytes(carol.la, "/to ali hello again\n");
    CHECK(w.said(ali) == "carol> &&MESSAGE&&|carol: hello again");
    CHECK(w.raw(carol.la) == k303);
  }
  SUBCASE("rejected late") {
    w.send(ali, "&&REJECT&&|ali|carol");
    CHECK(w.raw(carol.lb) == "/from ali rejected the chat request!\n");
  }
  SUBCASE("a second text asks no second time") {
    w.send_bytes(carol.la, "/to ali second\n");
    CHECK(w.said(ali) == "");
    w.send(ali, "&&OK&&|ali|carol|7000");
    CHECK(w.said(ali) == entered("carol") + "\ncarol> &&MESSAGE&&|carol: second");
  }
  SUBCASE("too late") {
    w.pass(22s);
    w.send(ali, "&&OK&&|ali|carol|7000");
    CHECK(w.said(ali) == "ali> &&NOTFOUND&&|user not found");
    CHECK(w.door().guest_count() == 0);
  }
}

TEST_CASE(
    "of one sender a few texts wait, of all who are not listed as many as half the requests") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  for (std::size_t i = 0; i < registry::doors::kHeldMessagesMax + 3; ++i)
    w.post("zoe", "ali", fmt::format("m{}", i));
  CHECK(w.came_of() == "busy busy busy");
  CHECK(w.said(ali) == "zoe> zoe would like to chat with you? (OK/REJECT)");
  for (int i = 0; i < 100; ++i) w.post(fmt::format("s{}", i), "ali", "x");
  CHECK(w.door().held_count() == registry::doors::kHeldMessagesMax + 31);
  CHECK(w.door().guest_count() == 32);
  w.pass(8s);
  CHECK(w.door().held_count() == 0);
  w.pass(52s);
  CHECK(w.door().guest_count() == 0);
  CHECK(w.node().hub().under_way() == 0);
}

TEST_CASE("however many write under names of nobody's, whoever is listed can still ask") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  const auto carol = w.log_in("carol");
  for (int i = 0; i < 64; ++i) w.post(fmt::format("z{}", i), "ali", "x");
  w.came_of();
  w.said(ali);
  SUBCASE("a user of this door") {
    w.send(bob, "&&CHATREQUEST&&|ali|bob");
    CHECK(w.said(bob) == "");
    CHECK(w.said(ali) == "bob> bob would like to chat with you? (OK/REJECT)");
  }
  SUBCASE("a user of another") {
    w.send_bytes(carol.la, "/to ali hello\n");
    CHECK(w.raw(carol.la) == "");  // it waits for consent
    CHECK(w.said(ali) == kCarolAsks);
  }
  SUBCASE("a group's maker") {
    w.send(bob, "&&GROUPCHAT&&|bob|ali|");
    CHECK(w.said(ali).starts_with("bob> bob would like to add you to group chat room 1?"));
  }
  SUBCASE("but no further name of nobody's") {
    w.post("zoe", "ali", "x");
    CHECK(w.came_of() == "busy");
    CHECK(w.said(ali) == "");
  }
}

TEST_CASE("in a room, others find the user busy") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.log_in("carol");
  const auto dave = w.log_in("dave");
  SUBCASE("with one of his own door") {
    w.send(ali, "&&CHATREQUEST&&|bob|ali");
    w.send(bob, "&&OK&&|bob|ali|7000");
  }
  SUBCASE("in a group") { w.send(ali, "&&GROUPCHAT&&|ali|bob|"); }
  SUBCASE("with one of another door") {
    w.send(ali, "&&CHATREQUEST&&|carol|ali");
    w.send(bob, "&&CHATREQUEST&&|ali|bob");
    CHECK(w.said(bob) == "bob> &&BUSY&&|the user is busy. try again later.");
  }
  w.said(ali);
  w.send_bytes(dave.la, "/to ali hello\n");
  CHECK(w.said(ali) == "");
  CHECK(w.raw(dave.la) == k304);
  CHECK(w.came_of() == "busy");
}

TEST_CASE("a broadcast reaches those who have accepted its sender, and nobody is asked") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  const auto carol = w.log_in("carol");
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  w.said(ali);
  w.send_bytes(carol.la, "/toall lunch\n");
  CHECK(w.said(ali) == "carol> &&MESSAGE&&|carol: lunch");
  CHECK(w.said(bob) == "");
  CHECK(w.raw(carol.la) == k303);
}

TEST_CASE("a user talks with one of another door through the relay port, both ways") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send(ali, "&&SEARCH&&|carol|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|carol found. its address is ('127.0.0.1', 6236)");
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  CHECK(w.said(ali) ==
        "carol> &&CLIENTOK&&|carol accepted the chat request. you can send your message "
        "now!|6236");
  CHECK(w.raw(carol.lb) == "");
  const auto link = w.link();
  w.send(link, "&&MESSAGE&&|ali: hello carol");
  CHECK(w.raw(carol.lb) == "/from ali hello carol\n");
  w.confirm(carol);
  CHECK(w.said(ali) == "");
  CHECK(w.raw(link) == "");
  w.send_bytes(carol.la, "/to ali hello ali\n");
  CHECK(w.said(ali) == "carol> &&MESSAGE&&|carol: hello ali");
  CHECK(w.raw(carol.la) == k303);
  w.send(ali, "&&EXIT&&|ali");
  CHECK(w.said(ali) == "ali> &&CLIENTEXIT&&|you left the chat room.");
  CHECK(w.raw(carol.lb) == "");
  w.send(link, "&&MESSAGE&&|ali: too late");
  CHECK(w.raw(carol.lb) == "");
  CHECK(w.said(ali) == kTooLate);
  CHECK(count(w.door().counters().dropped_frames, "link_of_no_chat") == 1);
  CHECK(!w.is_closed(link));  // an old program would not survive that
}

TEST_CASE("texts to one of another door may come on the registry's connection, too") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  w.said(ali);
  w.send(ali, "&&MESSAGE&&|ali: hello");
  CHECK(w.raw(carol.lb) == "/from ali hello\n");
  w.confirm(carol);
  CHECK(w.said(ali) == "");
}

TEST_CASE("the user hears what did not arrive, and who is gone") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  w.said(ali);
  const auto link = w.link();
  SUBCASE("a frozen program") {
    w.send(link, "&&MESSAGE&&|ali: one");
    w.pass(5s);
    CHECK(w.said(ali) == "carol> carol did not get your message. timed out.");
    w.send(link, "&&MESSAGE&&|ali: two");
    CHECK(w.said(ali) == "carol> carol did not get your message. timed out.");
  }
  SUBCASE("she left before") {
    w.cut(carol.la);
    w.send(link, "&&MESSAGE&&|ali: one");
    CHECK(w.said(ali) ==
          "carol> &&CLIENTEXIT&&|carol left the chat room. the chat room has been closed");
    CHECK(w.door().guest_count() == 0);
  }
  SUBCASE("she left and somebody came in her name") {
    w.cut(carol.la);
    const auto again = w.log_in("carol");
    w.send(link, "&&MESSAGE&&|ali: secret");
    CHECK(w.raw(again.lb) == "");
    CHECK(w.said(ali) ==
          "carol> &&CLIENTEXIT&&|carol left the chat room. the chat room has been closed");
  }
  SUBCASE("more than may be under way") {
    for (std::size_t i = 0; i <= registry::doors::kUnderWayMax; ++i)
      w.send(link, "&&MESSAGE&&|ali: x");
    CHECK(w.said(ali) == "ali> your message was not sent. too many of yours are under way.");
  }
  SUBCASE("the user leaves with messages under way") {
    w.send(link, "&&MESSAGE&&|ali: one");
    w.cut(ali);
    CHECK(w.is_closed(link));
    w.confirm(carol);
    CHECK(w.node().hub().under_way() == 0);
  }
}

TEST_CASE("a classic listener is reached by datagram, which can only be sent") {
  RendezvousWorld w;
  w.listen("zoe@127.0.0.1:50001");
  const auto ali = w.join("ali");
  w.send(ali, "&&SEARCH&&|zoe|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|zoe found. its address is ('127.0.0.1', 50001)");
  w.send(ali, "&&CHATREQUEST&&|zoe|ali");
  w.said(ali);
  const auto link = w.link();
  w.send(link, "&&MESSAGE&&|ali: hello zoe");
  CHECK(w.datagrams == std::vector<std::string>{"127.0.0.1:50001 < ali: hello zoe"});
  CHECK(w.said(ali) == "");
}

TEST_CASE("the room is a partner as well, and hears of it when he leaves") {
  RendezvousWorld w;
  const auto alice = w.enter("alice");
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send(ali, "&&SEARCH&&|room|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|room found. its address is ('127.0.0.1', 6236)");
  w.send(ali, "&&SEARCH&&|alice|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|alice found. its address is ('127.0.0.1', 6236)");
  w.send(ali, "&&CHATREQUEST&&|room|ali");
  CHECK(w.said(ali) ==
        "room> &&CLIENTOK&&|room accepted the chat request. you can send your message now!|6236");
  const auto link = w.link();
  w.send(link, "&&MESSAGE&&|ali: hello all");
  CHECK(w.raw(alice) == "<ali> hello all\n");
  w.send_bytes(alice, "hello ali\n");
  CHECK(w.said(ali) == "room> &&MESSAGE&&|room: <alice> hello ali");
  w.send_bytes(carol.la, "/to room tea?\n");
  CHECK(w.said(ali) == "room> &&MESSAGE&&|room: <carol> tea?");
  SUBCASE("EXIT") {
    w.send(ali, "&&EXIT&&|ali");
    CHECK(w.said(ali) == "ali> &&CLIENTEXIT&&|you left the chat room.");
  }
  SUBCASE("his end") { w.cut(ali); }
  CHECK(w.raw(alice) == "<carol> tea?\n");
  CHECK(w.node().hub().room().guest_count() == 1);  // carol
  CHECK(w.door().guest_count() == 0);
  w.send_bytes(alice, "anybody?\n");
  CHECK(w.said(ali) == "");
}

TEST_CASE("who is in a chat with the room hears it, though he says nothing, until the chat ends") {
  RendezvousWorld w;
  const auto alice = w.enter("alice");
  const auto ali = w.join("ali");
  w.send(ali, "&&CHATREQUEST&&|room|ali");
  w.said(ali);
  w.send_bytes(alice, "hello\n");
  CHECK(w.said(ali) == "room> &&MESSAGE&&|room: <alice> hello");
  CHECK(w.raw(alice) == "");
  SUBCASE("EXIT") { w.send(ali, "&&EXIT&&|ali"); }
  SUBCASE("his end") { w.cut(ali); }
  w.said(ali);
  CHECK(w.node().hub().room().guest_count() == 0);
  w.send_bytes(alice, "anybody?\n");
  CHECK(w.said(ali) == "");
}

TEST_CASE("a room with as many guests as may be is busy") {
  RendezvousWorld w;
  std::vector<RendezvousWorld::StreamId> guests;
  for (std::size_t i = 0; i <= registry::Group::kGuestsMax; ++i) {
    const std::string guest = fmt::format("u{}", i);
    guests.push_back(w.join(guest));
    w.send(guests.back(), "&&CHATREQUEST&&|room|" + guest);
  }
  CHECK(w.said(guests.back()) ==
        fmt::format("u{}> &&BUSY&&|the user is busy. try again later.", guests.size() - 1));
  CHECK(!w.door().rooms().is_in_room(guests.back()));
  w.cut(guests.front());
  w.send(guests.back(), fmt::format("&&CHATREQUEST&&|room|u{}", guests.size() - 1));
  CHECK(w.door().rooms().is_in_room(guests.back()));
}

TEST_CASE("who is in the room is a partner alone, too") {
  RendezvousWorld w;
  const auto alice = w.enter("alice");
  const auto ali = w.join("ali");
  w.send(ali, "&&CHATREQUEST&&|alice|ali");
  w.said(ali);
  const auto link = w.link();
  w.send(link, "&&MESSAGE&&|ali: only you");
  CHECK(w.raw(alice) == "<ali to you> only you\n");
  w.send_bytes(alice, "to the room, not to him\n");
  CHECK(w.said(ali) == "");
}

TEST_CASE("somebody unlisted asks, and cannot be answered") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  w.post("zoe", "ali", "hi");
  w.send(ali, "&&OK&&|ali|zoe|7000");
  CHECK(w.said(ali) == "zoe> zoe would like to chat with you? (OK/REJECT)\n" + entered("zoe") +
                           "\nzoe> &&MESSAGE&&|zoe: hi");
  const auto link = w.link();
  w.send(link, "&&MESSAGE&&|ali: who are you");
  CHECK(w.said(ali) == "zoe> &&CLIENTEXIT&&|zoe left the chat room. the chat room has been closed");
}

TEST_CASE("a guest who then registers here is somebody else") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  w.post("zoe", "ali", "hi");
  w.send(ali, "&&OK&&|ali|zoe|7000");
  w.said(ali);
  const auto zoe = w.join("zoe", 7001);
  CHECK(w.said(ali) == "zoe> &&CLIENTEXIT&&|zoe left the chat room. the chat room has been closed");
  w.send(ali, "&&CHATREQUEST&&|zoe|ali");
  CHECK(w.said(zoe) == "ali> ali would like to chat with you? (OK/REJECT)");
}

TEST_CASE("users of other doors cannot be invited to groups") {
  RendezvousWorld w;
  w.log_in("carol");
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.send(ali, "&&GROUPCHAT&&|ali|carol|bob|");
  CHECK(w.said(bob).starts_with("ali> ali would like to add you to group chat room 1?"));
  CHECK(w.said(ali).ends_with(
      "ali> &&NOTFOUND&&|carol is at another door and cannot be in a group chat"));
}

TEST_CASE("a user of this door who writes by HTTP needs consent as well, and none in one room") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.post("bob", "ali", "by http");
  CHECK(w.said(ali) == "bob> bob would like to chat with you? (OK/REJECT)");
  w.send(ali, "&&OK&&|ali|bob|7001");
  CHECK(w.said(bob) ==
        "ali> &&CLIENTOK&&|ali accepted the chat request. you can send your message now!|7001");
  CHECK(w.said(ali).ends_with("bob> &&MESSAGE&&|bob: by http"));
  w.post("bob", "ali", "more");
  CHECK(w.said(ali) == "bob> &&MESSAGE&&|bob: more");
  CHECK(w.came_of() == "sent sent");
  w.post("ali", "ali", "to myself");
  CHECK(w.came_of() == "busy");
}

}  // namespace
