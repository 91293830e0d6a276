// The rendezvous door: what its users are told, and what becomes of those who break off or do not
// keep to the dialect.
#include "registry/doors/rendezvous.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/support/rendezvous_world.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using namespace test;
using common::encode_rendezvous_frame;
using common::encode_rendezvous_register;

TEST_CASE("a user registers, searches, and logs out") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  CHECK(w.said(ali) == "");
  REQUIRE(w.node().directory().find(name("ali")) != nullptr);
  CHECK(w.node().directory().find(name("ali"))->user.door == common::Door::kRendezvous);
  w.send(ali, "&&SEARCH&&|veli|ali");
  CHECK(w.raw(ali) == " 3   ali 27  &&NOTFOUND&&|user not found");
  w.join("veli", 7001, "127.0.0.1:47010");
  w.send(ali, "&&SEARCH&&|veli|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|veli found. its address is ('127.0.0.1', 47010)");
  w.send(ali, "&&SEARCH&&|ali|ali");
  CHECK(w.said(ali) == "ali> &&INVALIDSEARCH&&|you can't search yourself. search for other users");
  w.send(ali, "&&LOGOUT&&");
  CHECK(w.said(ali) == "ali> &&LOGOUTSUCCESS&&");
  CHECK(w.node().directory().find(name("ali")) == nullptr);
  CHECK(!w.is_closed(ali));
  w.pass(2s);
  CHECK(w.is_closed(ali));
}

TEST_CASE("a private chat: asked, accepted, ended, and neither text passes the registry") {
  RendezvousWorld w;
  const auto ali = w.join("ali", 7820);
  const auto bob = w.join("bob", 6120);
  w.send(ali, "&&CHATREQUEST&&|bob|ali");
  CHECK(w.said(ali) == "");
  CHECK(w.said(bob) == "ali> ali would like to chat with you? (OK/REJECT)");
  w.send_bytes(bob, " 19  &&OK&&|bob|ali|6120");
  CHECK(w.said(ali) ==
        "bob> &&CLIENTOK&&|bob accepted the chat request. you can send your message now!|6120");
  CHECK(w.said(bob) ==
        "bob> &&CLIENTOK&&|you have entered into a private chat with ali. you can send your "
        "message now!|7820");
  w.send(ali, "&&MESSAGE&&|ali: hello");
  CHECK(w.said(bob) == "");
  CHECK(count(w.door().counters().dropped_frames, "private_text") == 1);
  w.send(ali, "&&EXIT&&|ali");
  CHECK(w.said(ali) == "ali> &&CLIENTEXIT&&|you left the chat room.");
  CHECK(w.said(bob) == "ali> &&CLIENTEXIT&&|ali left the chat room. the chat room has been closed");
}

TEST_CASE("a request is refused, and both hear of it") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.send(ali, "&&CHATREQUEST&&|bob|ali");
  w.said(bob);
  w.send(bob, "&&REJECT&&|bob|ali");
  CHECK(w.said(bob) == "bob> you have rejected the chat request!");
  CHECK(w.said(ali) == "bob> bob rejected the chat request!");
}

TEST_CASE("a group chat: everybody hears everything, the sender too") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto veli = w.join("veli");
  const auto can = w.join("can");
  w.send(ali, "&&GROUPCHAT&&|ali|veli|can|");
  CHECK(w.said(ali) ==
        "ali> you have added yourself to group chat 1. a request has been sent to your added "
        "friends. type EXIT GROUP to leave.");
  CHECK(w.said(veli) ==
        "ali> ali would like to add you to group chat room 1? (OK/REJECT GROUP <room_number>)");
  w.said(can);
  w.send(veli, "&&OKGROUP&&|veli|1");
  CHECK(w.said(ali) == "veli> veli joined the group chat");
  CHECK(w.said(veli) == "veli> veli joined the group chat");
  w.send(can, "&&REJECTGROUP&&|can|1");
  CHECK(w.said(can) == "can> you have rejected the group chat request!");
  CHECK(w.said(ali) == "can> can rejected the group chat request!");
  w.send(veli, "&&MESSAGE&&|veli: selam: herkese|ve");
  CHECK(w.said(ali) == "veli> &&MESSAGE&&|veli: selam: herkese|ve");
  CHECK(w.said(veli) == "veli> &&MESSAGE&&|veli: selam: herkese|ve");
  CHECK(w.said(can) == "");
  w.send(veli, "&&EXITGROUP&&|veli");
  CHECK(w.said(veli) == "veli> you left the chat room.");
  CHECK(w.said(ali) == "veli> veli left the chat room.");
}

TEST_CASE("all that is said is two frames in one write, whose first is a name") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto veli = w.join("veli");
  w.send(ali, "&&CHATREQUEST&&|veli|ali");
  CHECK(w.writes(veli) == 1);
  CHECK(w.raw(veli) == " 3   ali 44  ali would like to chat with you? (OK/REJECT)");
  w.send_bytes(ali, encode_rendezvous_frame("&&SEARCH&&|veli|ali") +
                        encode_rendezvous_frame("&&SEARCH&&|can|ali"));
  CHECK(w.writes(ali) == 2);
}

TEST_CASE("what comes split at any byte, or all at once, is the same conversation") {
  const std::string input =
      encode_rendezvous_register("ali", 7820) + encode_rendezvous_frame("&&SEARCH&&|nobody|ali") +
      "00018&&SEARCH&&|ali|ali15   &&DANCE&&|x|y|z" + encode_rendezvous_frame("&&LOGOUT&&");
  const std::string expected =
      "ali> &&NOTFOUND&&|user not found\n"
      "ali> &&INVALIDSEARCH&&|you can't search yourself. search for other users\n"
      "ali> &&LOGOUTSUCCESS&&";
  for (std::size_t split = 0; split <= input.size(); ++split) {
    CAPTURE(split);
    RendezvousWorld w;
    const auto ali = w.connect();
    if (split > 0) w.send_bytes(ali, input.substr(0, split));
    if (split < input.size()) w.send_bytes(ali, input.substr(split));
    CHECK(w.said(ali) == expected);
  }
}

TEST_CASE("who is refused is told why, in words without a colon, and the connection closes") {
  struct Row {
    const char* name;
    std::string first;
    const char* said;
    const char* reason;
  };
  const Row rows[] = {
      {"taken", encode_rendezvous_register("veli", 7000),
       "veli> your name was refused. it is in use. start again with another.", "name_taken"},
      {"taken, in other letters", encode_rendezvous_register("VELI", 7000),
       "VELI> your name was refused. it is in use. start again with another.", "name_taken"},
      {"taken at another door", encode_rendezvous_register("zoe", 7000),
       "zoe> your name was refused. it is in use. start again with another.", "name_taken"},
      {"an account's", encode_rendezvous_register("carol", 7000),
       "carol> your name was refused. it belongs to an account. start again with another.",
       "account_name"},
      {"bound to a key", encode_rendezvous_register("ida", 7000),
       "ida> your name was refused. it belongs to a key. start again with another.", "bound_name"},
      {"empty", encode_rendezvous_register("", 7000), "server> your name was refused. it is empty.",
       "malformed_name"},
      {"with a blank", encode_rendezvous_register("a b", 7000),
       "server> your name was refused. it has a character other than letters, digits, '_', '-' "
       "and '.'.",
       "malformed_name"},
      {"with a colon", encode_rendezvous_register("a:b", 7000),
       "server> your name was refused. it has a character other than letters, digits, '_', '-' "
       "and '.'.",
       "malformed_name"},
      {"reserved", encode_rendezvous_register("Server", 7000),
       "server> your name was refused. it is reserved.", "malformed_name"},
      {"too long", encode_rendezvous_register(std::string(65, 'x'), 7000),
       "server> your name was refused. it is longer than 64 bytes.", "malformed_name"},
      {"a port of the system's", encode_rendezvous_register("ali", 22),
       "ali> your port was refused. it must be 1024 to 65535, and not the registry's own.", "port"},
      {"the registry's own port", encode_rendezvous_register("ali", 8080),
       "ali> your port was refused. it must be 1024 to 65535, and not the registry's own.", "port"},
      {"no port", encode_rendezvous_frame("&&REGISTER&&|ali"),
       "ali> your port was refused. it must be 1024 to 65535, and not the registry's own.", "port"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RendezvousWorld w;
    w.node().directory().load(w.now(), {}, 1, {bound_name(1, "ida")});
    w.door().set_own_ports({8080, RendezvousWorld::kPort});
    w.join("veli");
    w.listen("zoe@127.0.0.1:50001");
    const auto ali = w.connect();
    w.send_bytes(ali, row.first);
    const std::string said = w.said(ali);
    CHECK(said == row.said);
    CHECK(said.find(':') == said.npos);
    CHECK(w.is_closed(ali));
    CHECK(count(w.door().counters().refused_registrations, row.reason) == 1);
    CHECK(w.door().client_count() == 1);
  }
}

TEST_CASE("the registry's own ports are nobody's on its machine, and anybody's elsewhere") {
  struct Row {
    const char* name;
    const char* source;
    const char* local;
    bool is_refused;
    const char* told;  // bob, whom he accepts with that port
  };
  const Row rows[] = {
      {"loopback", "127.0.0.1:1", "127.0.0.1", true, "|7820"},
      {"loopback by IPv6", "[::1]:1", "::1", true, "|7820"},
      {"the machine's own address", "10.0.0.1:1", "10.0.0.1", true, "|10.0.0.1|7820"},
      {"another machine", "10.0.0.5:1", "10.0.0.1", false, "|10.0.0.5|8080"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RendezvousWorld w;
    w.door().set_own_ports({8080, RendezvousWorld::kPort});
    const auto refused = w.join("eve", 8080, row.source, row.local);
    CHECK(w.is_closed(refused) == row.is_refused);
    const auto ali = w.join("ali", 7820, row.source, row.local);
    const auto bob = w.join("bob");
    w.send(bob, "&&CHATREQUEST&&|ali|bob");
    w.send(ali, "&&OK&&|ali|bob|8080");
    CHECK(w.said(bob) ==
          std::string("ali> &&CLIENTOK&&|ali accepted the chat request. you can send your message "
                      "now!") +
              row.told);
  }
}

TEST_CASE("names of other scripts are counted in bytes") {
  RendezvousWorld w;
  const auto user = w.join("Göktuğ");
  w.send(user, "&&SEARCH&&|x|Göktuğ");
  CHECK(w.raw(user) == " 8   Göktuğ 27  &&NOTFOUND&&|user not found");
}

TEST_CASE("frames that fit neither state nor dialect are counted and not answered") {
  struct Row {
    const char* name;
    const char* data;
    const char* reason;
  };
  const Row rows[] = {
      {"no keyword", "hello", "unknown"},
      {"an empty frame", "", "unknown"},
      {"of the registry's", "&&FOUND&&|x", "unknown"},
      {"unknown", "&&DANCE&&|ali", "unknown"},
      {"REGISTER again", "&&REGISTER&&|eve|7000", "register_again"},
      {"HELLO by TCP", "&&HELLO&&|ali", "unknown"},
      {"a text outside of rooms", "&&MESSAGE&&|ali: BOOKS", "in_no_room"},
      {"EXIT outside", "&&EXIT&&|ali", "in_no_room"},
      {"EXIT GROUP outside", "&&EXITGROUP&&|ali", "in_no_room"},
      {"SEARCH as somebody else", "&&SEARCH&&|bob|eve", "foreign_name"},
      {"OK as somebody else", "&&OK&&|bob|ali|7000", "foreign_name"},
      {"EXIT as somebody else, outside", "&&EXIT&&|bob", "in_no_room"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RendezvousWorld w;
    const auto ali = w.join("ali");
    const auto bob = w.join("bob");
    w.send(ali, row.data);
    CHECK(w.said(ali) == "");
    CHECK(w.said(bob) == "");
    CHECK(count(w.door().counters().dropped_frames, row.reason) == 1);
    w.send(ali, "&&SEARCH&&|nobody|ali");
    CHECK(w.said(ali) == "ali> &&NOTFOUND&&|user not found");
  }
}

TEST_CASE("unknown names and numbers are answered, and nothing else happens") {
  struct Row {
    const char* data;
    const char* said;
  };
  const Row rows[] = {
      {"&&SEARCH&&|zoe|ali", "ali> &&NOTFOUND&&|user not found"},
      {"&&SEARCH&&||ali", "ali> &&NOTFOUND&&|user not found"},
      {"&&SEARCH&&|\xff|ali", "ali> &&NOTFOUND&&|user not found"},
      {"&&CHATREQUEST&&|zoe|ali", "ali> &&NOTFOUND&&|user not found"},
      {"&&CHATREQUEST&&|ali|ali", "ali> you can't chat with yourself."},
      {"&&OK&&|ali|zoe|7000", "ali> &&NOTFOUND&&|user not found"},
      {"&&OK&&|ali|bob|7000", "ali> there is no chat request from bob."},
      {"&&OK&&|ali|ali|7000", "ali> there is no chat request from ali."},
      {"&&OK&&", "ali> &&NOTFOUND&&|user not found"},
      {"&&REJECT&&|ali|zoe", "ali> &&NOTFOUND&&|user not found"},
      {"&&REJECT&&|ali|bob", "ali> there is no chat request from bob."},
      {"&&OKGROUP&&|ali|7", "ali> there is no request for group chat 7."},
      {"&&OKGROUP&&|ali|x", "ali> there is no request for group chat 0."},
      {"&&OKGROUP&&|ali|99999999999", "ali> there is no request for group chat 0."},
      {"&&REJECTGROUP&&|ali|7", "ali> there is no request for group chat 7."},
      {"&&GROUPCHAT&&|ali|zoe|", "ali> &&NOTFOUND&&|zoe not found"},
      {"&&GROUPCHAT&&|ali|a:b|", "ali> &&NOTFOUND&&|user not found"},
      {"&&GROUPCHAT&&|ali|", ""},
      {"&&GROUPCHAT&&|ali|ali|", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.data);
    RendezvousWorld w;
    const auto ali = w.join("ali");
    const auto bob = w.join("bob");
    w.send(ali, row.data);
    CHECK(w.said(ali) == row.said);
    CHECK(w.said(bob) == "");
    CHECK(w.door().rooms().group_count() + w.door().rooms().private_count() == 0);
  }
}

TEST_CASE("LOGOUT in a room is refused with a notice; EXIT and EXIT GROUP leave either kind") {
  for (const char* leave : {"&&EXIT&&|ali", "&&EXITGROUP&&|ali", "&&EXITGROUP&&ali"}) {
    CAPTURE(leave);
    RendezvousWorld w;
    const auto ali = w.join("ali");
    const auto bob = w.join("bob");
    SUBCASE("private") {
      w.send(ali, "&&CHATREQUEST&&|bob|ali");
      w.send(bob, "&&OK&&|bob|ali|7000");
      w.said(ali);
      w.send(ali, "&&LOGOUT&&");
      CHECK(w.said(ali) ==
            "ali> you are in a chat room. type EXIT or EXIT GROUP before you log out.");
      w.send(ali, leave);
      CHECK(w.said(ali) == "ali> &&CLIENTEXIT&&|you left the chat room.");
    }
    SUBCASE("group") {
      w.send(ali, "&&GROUPCHAT&&|ali|bob");
      w.said(ali);
      w.send(ali, "&&LOGOUT&&");
      CHECK(w.said(ali) ==
            "ali> you are in a chat room. type EXIT or EXIT GROUP before you log out.");
      w.send(ali, leave);
      CHECK(w.said(ali) == "ali> you left the chat room.");
    }
    w.send(ali, "&&LOGOUT&&");
    CHECK(w.said(ali) == "ali> &&LOGOUTSUCCESS&&");
  }
}

TEST_CASE("in a room, all but leaving and texts is ignored") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  const auto bob = w.join("bob");
  w.join("can");
  w.send(ali, "&&GROUPCHAT&&|ali|bob|");
  w.send(bob, "&&OKGROUP&&|bob|1");
  w.said(ali);
  w.said(bob);
  for (const char* data : {"&&SEARCH&&|can|ali", "&&CHATREQUEST&&|can|ali", "&&OK&&|ali|can|7000",
                           "&&REJECT&&|ali|can", "&&GROUPCHAT&&|ali|can|", "&&OKGROUP&&|ali|1",
                           "&&REJECTGROUP&&|ali|1"}) {
    CAPTURE(data);
    w.send(ali, data);
    CHECK(w.said(ali) == "");
    CHECK(w.said(bob) == "");
  }
  CHECK(count(w.door().counters().dropped_frames, "in_room") == 7);
}

TEST_CASE("a member's death closes a private chat and leaves a group") {
  for (const bool breaks : {true, false}) {
    CAPTURE(breaks);
    RendezvousWorld w;
    const auto ali = w.join("ali");
    const auto bob = w.join("bob");
    const auto die = [&] { breaks ? w.cut(ali) : w.end(ali); };
    SUBCASE("private") {
      w.send(ali, "&&CHATREQUEST&&|bob|ali");
      w.send(bob, "&&OK&&|bob|ali|7000");
      w.said(bob);
      die();
      CHECK(w.said(bob) ==
            "ali> &&CLIENTEXIT&&|ali left the chat room. the chat room has been closed");
    }
    SUBCASE("group") {
      w.send(ali, "&&GROUPCHAT&&|ali|bob|");
      w.send(bob, "&&OKGROUP&&|bob|1");
      w.said(bob);
      die();
      CHECK(w.said(bob) == "ali> ali left the chat room.");
      w.send(bob, "&&MESSAGE&&|bob: alone");
      CHECK(w.said(bob) == "bob> &&MESSAGE&&|bob: alone");
    }
    SUBCASE("he was asked") {
      w.send(bob, "&&CHATREQUEST&&|ali|bob");
      die();
      CHECK(w.said(bob) == "ali> ali did not answer the chat request.");
    }
    CHECK(w.node().directory().find(name("ali")) == nullptr);
    CHECK(w.door().client_count() == 1);
    w.join("ali");  // the name is free
    CHECK(w.node().directory().find(name("ali")) != nullptr);
  }
}

TEST_CASE("a text of a group carries its sender's name whatever he writes, and is one line") {
  struct Row {
    const char* name;
    std::string data;
    std::string said;
  };
  const std::string refused =
      "ali> your message was not sent. it is empty, too long, or has control characters.";
  const Row rows[] = {
      {"his own name", "&&MESSAGE&&|ali: hi", "ali> &&MESSAGE&&|ali: hi"},
      {"his name in other letters", "&&MESSAGE&&|ALI: hi", "ali> &&MESSAGE&&|ali: hi"},
      {"somebody else's name", "&&MESSAGE&&|bob: hi", "ali> &&MESSAGE&&|ali: bob: hi"},
      {"no name", "&&MESSAGE&&|hi", "ali> &&MESSAGE&&|ali: hi"},
      {"line ends", "&&MESSAGE&&|ali: a\r\nbob: b\n", "ali> &&MESSAGE&&|ali: a bob: b"},
      {"a keyword", "&&MESSAGE&&|ali: &&LOGOUTSUCCESS&&",
       "ali> &&MESSAGE&&|ali: & &LOGOUTSUCCESS&&"},
      {"bars", "&&MESSAGE&&|ali: a|b", "ali> &&MESSAGE&&|ali: a|b"},
      {"empty", "&&MESSAGE&&|ali: ", refused},
      {"escape", "&&MESSAGE&&|ali: \x1b[2J", refused},
      {"not UTF-8", "&&MESSAGE&&|ali: \xff", refused},
      {"as long as may be", "&&MESSAGE&&|ali: " + std::string(4096, 'x'),
       "ali> &&MESSAGE&&|ali: " + std::string(4096, 'x')},
      {"too long", "&&MESSAGE&&|ali: " + std::string(4097, 'x'), refused},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RendezvousWorld w;
    const auto ali = w.join("ali");
    w.join("bob");
    w.send(ali, "&&GROUPCHAT&&|ali|bob|");
    w.said(ali);
    w.send(ali, row.data);
    CHECK(w.said(ali) == row.said);
  }
}

TEST_CASE("a partner's address is named where it is not 127.0.0.1") {
  struct Row {
    const char* name;
    const char* ali;
    const char* ali_local;
    const char* bob;
    const char* bob_local;
    const char* to_ali;
    const char* to_bob;
  };
  const Row rows[] = {
      {"both here", "127.0.0.1:1", "127.0.0.1", "127.0.0.1:2", "127.0.0.1", "|6120", "|7820"},
      {"both here, one by IPv6", "127.0.0.1:1", "127.0.0.1", "[::1]:2", "::1", "|6120", "|7820"},
      {"both elsewhere", "10.0.0.5:1", "10.0.0.1", "10.0.0.6:2", "10.0.0.1", "|10.0.0.6|6120",
       "|10.0.0.5|7820"},
      {"one here, one elsewhere", "127.0.0.1:1", "127.0.0.1", "10.0.0.6:2", "10.0.0.1",
       "|10.0.0.6|6120", "|10.0.0.1|7820"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RendezvousWorld w;
    const auto ali = w.join("ali", 7820, row.ali, row.ali_local);
    const auto bob = w.join("bob", 6120, row.bob, row.bob_local);
    w.send(ali, "&&CHATREQUEST&&|bob|ali");
    w.said(bob);
    w.send(bob, "&&OK&&|bob|ali|6120");
    CHECK(w.said(ali) ==
          std::string("bob> &&CLIENTOK&&|bob accepted the chat request. you can send your message "
                      "now!") +
              row.to_ali);
    CHECK(w.said(bob) ==
          std::string("bob> &&CLIENTOK&&|you have entered into a private chat with ali. you can "
                      "send your message now!") +
              row.to_bob);
  }
}

TEST_CASE("an IPv6 address is shown without colons") {
  RendezvousWorld w;
  const auto ali = w.join("ali");
  w.join("bob", 7000, "[2001:db8::7]:47010", "2001:db8::1");
  w.send(ali, "&&SEARCH&&|bob|ali");
  CHECK(w.said(ali) == "ali> &&FOUND&&|bob found. its address is ('2001-db8--7', 47010)");
}

// --- Time ----------------------------------------------------------------------------------------

TEST_CASE("the log has the original's lines") {
  RendezvousWorld w;
  w.join("ali", 7000, "127.0.0.1:47010");
  w.hello(" 13  &&HELLO&&|ali");
  w.pass(200s);
  std::vector<std::string> lines;
  while (const auto notice = w.door().poll_notice()) {
    CHECK(notice->event.empty());
    lines.push_back(notice->classic);
  }
  CHECK(lines == std::vector<std::string>{
                     "accepted/registered new connection from ('127.0.0.1', 47010):47010 "
                     "username: ali",
                     "resetting activity time from ('127.0.0.1', 47010):47010 username: ali",
                     "terminating ('127.0.0.1', 47010):47010 username: ali"});
}

}  // namespace
