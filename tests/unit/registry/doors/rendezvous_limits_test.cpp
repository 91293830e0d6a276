// The rendezvous door's limits: time, bytes, connections, and what it does about those who exceed
// them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "registry/doors/rendezvous.hpp"
#include "tests/unit/support/rendezvous_world.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using namespace test;
using common::encode_rendezvous_register;

TEST_CASE("HELLO counts from the user's own address alone") {
  RendezvousWorld w;
  const auto ali = w.join("ali", 7000, "10.0.0.5:47001", "10.0.0.1");
  w.pass(199s);
  SUBCASE("none") {}
  SUBCASE("from elsewhere") {
    w.hello(" 13  &&HELLO&&|ali", "10.0.0.6");
    CHECK(count(w.door().counters().dropped_hellos, "foreign_address") == 1);
  }
  SUBCASE("of nobody") {
    w.hello(" 13  &&HELLO&&|bob", "10.0.0.5");
    CHECK(count(w.door().counters().dropped_hellos, "unknown_name") == 1);
  }
  SUBCASE("broken") {
    w.hello("&&HELLO&&|ali", "10.0.0.5");
    w.hello(" 99  &&HELLO&&|ali", "10.0.0.5");
    CHECK(count(w.door().counters().dropped_hellos, "malformed") == 2);
    w.hello(" 12  &&EXIT&&|ali", "10.0.0.5");
    CHECK(count(w.door().counters().dropped_hellos, "not_hello") == 1);
  }
  w.pass(1s);
  CHECK(w.said(ali) ==
        "server> nothing was heard of you for too long. you have been removed. start again.");
  CHECK(w.is_closed(ali));
  CHECK(w.node().directory().find(name("ali")) == nullptr);
  CHECK(count(w.door().counters().closed, "silent") == 1);
}

TEST_CASE("who says HELLO, or anything else, stays") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  for (int i = 0; i < 20; ++i) {
    w.pass(60s);
    w.hello(" 13  &&HELLO&&|ali");
    w.send(bob, "&&SEARCH&&|ali|bob");
  }
  CHECK(!w.is_closed(ali));
  CHECK(!w.is_closed(bob));
  CHECK(w.said(ali) == "");
  CHECK(w.door().counters().hellos == 20);
  w.pass(200s);
  CHECK(w.is_closed(ali));
  CHECK(w.is_closed(bob));
}

TEST_CASE("silent connections, slow frames and garbage are closed, and counted by reason") {
  RendezvousWorld w;
  const auto silent = w.connect();
  w.pass(5min - 1s);
  CHECK(!w.is_closed(silent));
  w.pass(1s);
  CHECK(w.is_closed(silent));
  CHECK(count(w.door().counters().closed, "no_registration") == 1);

  const auto slow = w.connect();
  w.send_bytes(slow, "21   &&REG");
  w.pass(9s);
  w.send_bytes(slow, "ISTER&&|");
  CHECK(!w.is_closed(slow));
  w.pass(1s);
  CHECK(w.is_closed(slow));
  CHECK(count(w.door().counters().closed, "slow_frame") == 1);

  const auto garbage = w.connect();
  w.send_bytes(garbage, "GET / HTTP/1.1\r\n");
  CHECK(w.is_closed(garbage));
  CHECK(count(w.door().counters().closed, "bad_header") == 1);

  const auto overlong = w.join("ali");
  w.send_bytes(overlong, "10000xxxx");
  CHECK(w.is_closed(overlong));
  CHECK(count(w.door().counters().closed, "overlong_frame") == 1);
  CHECK(w.node().directory().find(name("ali")) == nullptr);

  const auto early = w.connect();
  w.send(early, "&&SEARCH&&|a|b");
  CHECK(w.said(early) == "");
  CHECK(count(w.door().counters().dropped_frames, "before_register") == 1);
}

TEST_CASE("who does not read is dropped, and the others go on") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.send(ali, "&&GROUPCHAT&&|ali|bob|");
  w.send(bob, "&&OKGROUP&&|bob|1");
  w.backlog(bob, true);
  SUBCASE("by bytes") {
    const std::string text = "&&MESSAGE&&|ali: " + std::string(4000, 'x');
    for (int i = 0; i < 300 && !w.is_closed(bob); ++i) w.send(ali, text);
    CHECK(w.is_closed(bob));
    CHECK(w.raw(bob).size() < registry::doors::kBytesBehindMax + 2000);
    CHECK(!w.is_closed(ali));
    CHECK(w.said(ali).ends_with("bob> bob left the chat room."));
  }
  SUBCASE("by time") {
    w.pass(9s);
    CHECK(!w.is_closed(bob));
    w.pass(1s);
    CHECK(w.is_closed(bob));
  }
  SUBCASE("unless he catches up") {
    w.pass(9s);
    w.backlog(bob, false);
    w.pass(60s);
    CHECK(!w.is_closed(bob));
    return;
  }
  CHECK(count(w.door().counters().closed, "does_not_read") == 1);
}

TEST_CASE("who is behind in reading is busy, and nobody can have him dropped by asking him") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.backlog(ali, true);
  SUBCASE("invitations") {
    for (std::size_t sent = 0; sent <= 2 * registry::doors::kBytesBehindMax; sent += 100) {
      w.send(bob, "&&GROUPCHAT&&|bob|ali|");
      w.send(bob, "&&EXITGROUP&&|bob");
    }
    CHECK(w.said(bob).find("&&BUSY&&|ali is busy. try again later.") != std::string::npos);
    CHECK(w.raw(ali) == "");
  }
  SUBCASE("requests") {
    w.send(bob, "&&CHATREQUEST&&|ali|bob");
    CHECK(w.said(bob) == "bob> &&BUSY&&|the user is busy. try again later.");
    CHECK(w.raw(ali) == "");
  }
  SUBCASE("texts from other doors") {
    w.post("zoe", "ali", "hi");
    CHECK(w.came_of() == "busy");
    CHECK(w.raw(ali) == "");
  }
  CHECK(!w.is_closed(ali));
  w.backlog(ali, false);
  w.send(bob, "&&CHATREQUEST&&|ali|bob");
  CHECK(w.said(ali) == "bob> bob would like to chat with you? (OK/REJECT)");
}

TEST_CASE("who registers while he is behind in reading is busy, too") {
  RendezvousWorld w;
  const auto ali = w.connect();
  const auto bob = w.join("bob");
  w.backlog(ali, true);
  w.send_bytes(ali, encode_rendezvous_register("ali", 7000));
  w.send(bob, "&&CHATREQUEST&&|ali|bob");
  CHECK(w.said(bob) == "bob> &&BUSY&&|the user is busy. try again later.");
}

TEST_CASE("connections are bounded, and those of one address more closely") {
  RendezvousWorld w;
  std::vector<RendezvousWorld::StreamId> held;
  for (std::size_t i = 0; i < registry::doors::kStreamsPerSourceMax; ++i)
    held.push_back(w.connect("203.0.113.5:40000"));
  const auto refused = w.connect("203.0.113.5:40000");
  CHECK(w.is_closed(refused));
  CHECK(!w.is_closed(w.connect("203.0.113.6:40000")));
  CHECK(!w.is_closed(w.connect()));
  w.cut(held.front());
  CHECK(!w.is_closed(w.connect("203.0.113.5:40000")));
  CHECK(count(w.door().counters().refused, "too_many_from_source") == 1);
}

TEST_CASE("when the registry closes, everybody is told and nothing is left") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.post("zoe", "ali", "hi");
  w.said(ali);
  w.node().shut_down_doors(w.now());
  w.settle();
  CHECK(w.said(ali) == "server> the registry is closing.");
  CHECK(w.is_closed(ali));
  CHECK(w.is_closed(bob));
  CHECK(w.came_of() == "left");
  CHECK(w.door().client_count() == 0);
  CHECK(w.door().guest_count() == 0);
  CHECK(w.node().directory().size() == 0);
  CHECK(w.node().hub().under_way() == 0);
}

}  // namespace
