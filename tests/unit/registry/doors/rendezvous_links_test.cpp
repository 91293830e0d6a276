// Connections to the rendezvous door's relay ports: whose they are, and which chat's.
#include <doctest/doctest.h>

#include "registry/doors/rendezvous.hpp"
#include "tests/unit/support/rendezvous_texts.hpp"
#include "tests/unit/support/rendezvous_world.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;

TEST_CASE("a text from another door waits for consent to its sender, and comes after it") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  w.send_bytes(carol.la, "/to ali hello there\n/to ali second\n");
  CHECK(w.said(ali) == kCarolAsks);
  CHECK(w.raw(carol.la) == "");
  CHECK(w.door().held_count() == 1);  // one command at a time
  w.send(ali, "&&OK&&|ali|carol|7000");
  CHECK(w.said(ali) == entered("carol") +
                           "\ncarol> &&MESSAGE&&|carol: hello there"
                           "\ncarol> &&MESSAGE&&|carol: second");
  CHECK(w.raw(carol.la) == std::string(k303) + k303);
  CHECK(w.came_of() == "sent sent");
  w.send_bytes(carol.la, "/to ali more\n");
  CHECK(w.said(ali) == "carol> &&MESSAGE&&|carol: more");
  CHECK(w.raw(carol.la) == k303);
  w.send(ali, "&&EXIT&&|ali");
  w.said(ali);
  w.send_bytes(carol.la, "/to ali again\n");
  CHECK(w.said(ali) == kCarolAsks);
}

TEST_CASE("a link is its user's alone, and says nothing but his texts") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali", 7820, "10.0.0.5:1", "10.0.0.1");
  const auto bob = w.join("bob");
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  CHECK(w.said(ali) ==
        "carol> &&CLIENTOK&&|carol accepted the chat request. you can send your message "
        "now!|10.0.0.1|6236");
  w.send(bob, "&&CHATREQUEST&&|carol|bob");
  const auto nobody_heard = [&] {
    const std::string heard = w.raw(carol.lb);
    CHECK(heard == "");
  };
  const auto foreign = w.link("127.0.0.1:2");
  w.send(foreign, "&&MESSAGE&&|ali: forged");
  nobody_heard();
  CHECK(count(w.door().counters().dropped_frames, "link_foreign_name") == 1);
  const auto link = w.link("10.0.0.5:3");
  for (const char* data : {"&&EXIT&&|ali", "&&REGISTER&&|eve|7000", "hello", "&&MESSAGE&&|hello",
                           "&&MESSAGE&&|: x", "&&MESSAGE&&|nobody: x"}) {
    CAPTURE(data);
    w.send(link, data);
    nobody_heard();
  }
  w.send(link, "&&MESSAGE&&|ali: mine");
  CHECK(w.raw(carol.lb) == "/from ali mine\n");
  w.confirm(carol);
  w.send(link, "&&MESSAGE&&|bob: not his");
  nobody_heard();
  w.send(link, "&&MESSAGE&&|ali: \x1b[2J");
  nobody_heard();
  CHECK(w.said(ali) ==
        "ali> your message was not sent. it is empty, too long, or has control characters.");
  w.send_bytes(link, "garbage");
  CHECK(w.is_closed(link));
  CHECK(!w.is_closed(ali));
}

TEST_CASE("links without end make room for new ones") {
  RendezvousWorld w;
  const auto carol = w.log_in("carol");
  const auto ali = w.join("ali");
  std::vector<RendezvousWorld::StreamId> links;
  for (std::size_t i = 0; i <= registry::doors::kUnboundLinksMax; ++i) links.push_back(w.link());
  CHECK(w.is_closed(links[0]));
  CHECK(!w.is_closed(links[1]));
  w.send(ali, "&&CHATREQUEST&&|carol|ali");
  w.said(ali);
  links.clear();
  for (std::size_t i = 0; i <= registry::doors::kLinksPerUserMax; ++i) {
    links.push_back(w.link());
    w.send(links[i], "&&MESSAGE&&|ali: x");
    w.confirm(carol);
  }
  CHECK(w.is_closed(links[0]));
  CHECK(!w.is_closed(links[1]));
  w.cut(ali);
  for (std::size_t i = 1; i <= registry::doors::kLinksPerUserMax; ++i) CHECK(w.is_closed(links[i]));
}

// --- What comes late -----------------------------------------------------------------------------

/// ali has talked with carol over `spoken` and connected `silent`, and that chat is over.
struct LateWorld : RendezvousWorld {
  LateWorld() {
    send(ali, "&&CHATREQUEST&&|carol|ali");
    send(spoken = link(), "&&MESSAGE&&|ali: for carol");
    CHECK(raw(carol.lb) == "/from ali for carol\n");
    confirm(carol);
    silent = link();
    said(ali);
  }

  /// Whatever comes of the first chat now reaches nobody; ali is told, if he is there.
  void check_late(std::string_view told) {
    for (const StreamId id : {spoken, silent, link()}) {
      CAPTURE(id);
      if (is_closed(id)) continue;  // with the user whose it was
      send(id, "&&MESSAGE&&|ali: secret for carol");
      CHECK(said(ali) == told);
      CHECK(!is_closed(id));
    }
    for (const StreamId lb : {carol.lb, dave.lb}) CHECK(raw(lb) == "");
  }
  void check_dave_hears(StreamId id, std::string_view text) {
    send(id, "&&MESSAGE&&|ali: " + std::string(text));
    CHECK(raw(dave.lb) == "/from ali " + std::string(text) + '\n');
    confirm(dave);
  }

  LoginUser carol = log_in("carol");
  LoginUser dave = log_in("dave");
  StreamId ali = join("ali");
  StreamId spoken = 0;
  StreamId silent = 0;
};

TEST_CASE("a text that comes after EXIT is for nobody, also when the next chat has begun") {
  LateWorld w;
  w.send(w.ali, "&&EXIT&&|ali");
  w.said(w.ali);
  w.check_late(kTooLate);
  SUBCASE("by his own request") {
    w.send(w.ali, "&&CHATREQUEST&&|dave|ali");
    CHECK(w.said(w.ali).ends_with("|6237"));
  }
  SUBCASE("by a new OK") {
    w.send_bytes(w.dave.la, "/to ali hello\n");
    w.said(w.ali);
    w.send(w.ali, "&&OK&&|ali|dave|7000");
    CHECK(w.said(w.ali).find("with dave. you can send your message now!|6237") !=
          std::string::npos);
  }
  w.check_late(kTooLate);
  const auto link = w.link("127.0.0.1:47101", 6237);
  w.check_dave_hears(link, "for dave");
  w.check_late(kTooLate);
  w.check_dave_hears(link, "more");
}

TEST_CASE("a text that comes after the partner is gone is for nobody") {
  LateWorld w;
  w.cut(w.carol.la);
  w.send(w.ali, "&&MESSAGE&&|ali: are you there");  // that is how it is noticed
  CHECK(w.said(w.ali) ==
        "carol> &&CLIENTEXIT&&|carol left the chat room. the chat room has been closed");
  w.check_late(kTooLate);
  SUBCASE("with another") { w.send(w.ali, "&&CHATREQUEST&&|dave|ali"); }
  SUBCASE("with one who came in her name") {
    w.carol = w.log_in("carol");
    w.send(w.ali, "&&CHATREQUEST&&|carol|ali");
  }
  CHECK(w.said(w.ali).ends_with("|6237"));
  w.check_late(kTooLate);
}

TEST_CASE("a text that comes after LOGOUT is for nobody, also when its user is back") {
  LateWorld w;
  w.send(w.ali, "&&EXIT&&|ali");
  w.send(w.ali, "&&LOGOUT&&");
  w.said(w.ali);
  w.check_late("");
  CHECK(w.is_closed(w.spoken));
  w.ali = w.join("ali");
  w.send(w.ali, "&&CHATREQUEST&&|dave|ali");
  CHECK(w.said(w.ali).ends_with("|6237"));
  w.check_late(kTooLate);
  w.check_dave_hears(w.link("127.0.0.1:47101", 6237), "for dave");
}

TEST_CASE("a second chat with the same partner is another chat") {
  LateWorld w;
  w.send(w.ali, "&&EXIT&&|ali");
  w.send(w.ali, "&&CHATREQUEST&&|carol|ali");
  w.said(w.ali);
  w.check_late(kTooLate);
}

TEST_CASE("no chat has the port of a link that its user has kept, so that none is mute") {
  LateWorld w;
  std::map<std::string, LateWorld::StreamId> links{{"6236", w.spoken}};
  for (int chat = 2; chat <= 12; ++chat) {
    CAPTURE(chat);
    w.send(w.ali, "&&EXIT&&|ali");
    w.send(w.ali, "&&CHATREQUEST&&|dave|ali");
    const std::string said = w.said(w.ali);
    const std::string port = said.substr(said.rfind('|') + 1);
    // As a program that has one connection a port, and keeps the first for as long as it lives.
    const bool is_kept = links.contains(port);
    if (!is_kept)
      links[port] = w.link("127.0.0.1:47101", static_cast<std::uint16_t>(std::stoi(port)));
    w.check_dave_hears(links[port], "for dave");
    if (!is_kept) w.cut(links[port]);
    if (!is_kept) links.erase(port);
  }
  CHECK(!w.is_closed(w.spoken));
}

TEST_CASE("a link that came before the chat is not the chat's, though its port is") {
  LateWorld w;
  const auto early = w.link("127.0.0.1:47101", 6237);
  w.send(w.ali, "&&EXIT&&|ali");
  w.send(w.ali, "&&CHATREQUEST&&|dave|ali");
  CHECK(w.said(w.ali).ends_with("|6237"));
  w.send(early, "&&MESSAGE&&|ali: early");
  CHECK(w.said(w.ali) == kTooLate);
  CHECK(w.raw(w.dave.lb) == "");
}

TEST_CASE("nor is a link anybody's in a chat of two of this door, or in a group") {
  LateWorld w;
  w.send(w.ali, "&&EXIT&&|ali");
  const auto bob = w.join("bob", 7001);
  SUBCASE("private") {
    w.send(bob, "&&CHATREQUEST&&|ali|bob");
    w.send(w.ali, "&&OK&&|ali|bob|7000");
  }
  SUBCASE("group") { w.send(w.ali, "&&GROUPCHAT&&|ali|bob|"); }
  w.said(w.ali);
  w.said(bob);
  w.check_late(kTooLate);
  CHECK(w.said(bob) == "");
}

}  // namespace
