// The two-connection door: what its users are told, and what becomes of those who break off.
#include "registry/doors/two_connection.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;
using registry::doors::LoginRefusal;

TEST_CASE("a user logs in, is connected to, lists, and leaves") {
  DoorWorld world;
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n");
  CHECK(world.said(la) == k101);
  CHECK(world.node().directory().find(name("carol")) != nullptr);
  world.send(la, "/port 50001\n");
  CHECK(world.said(la) == k201);
  REQUIRE(world.dialed.size() == 1);
  CHECK(world.dialed[0].to == endpoint("127.0.0.1:50001"));
  CHECK(world.dialed[0].limit == 3s);
  world.send(la, "/list\n");
  CHECK(world.said(la) == "301 carol\n");
  world.send(la, "/exit\n");
  CHECK(world.said(la) == k310);
  CHECK(world.is_closed(la));
  CHECK(world.is_closed(la + 1));
  CHECK(world.node().directory().find(name("carol")) == nullptr);
  CHECK(world.door().client_count() == 0);
}

TEST_CASE("what comes split at any byte, or all at once, is the same conversation") {
  const std::string input =
      "/list\n/login carol s3cret\r\n/port 50001\n/list\n/to nobody x\n/dance\n/exit\n";
  const std::string expected = std::string(k401) + k101 + k201 + "301 carol\n" + k304 + k401 + k310;
  for (std::size_t split = 0; split <= input.size(); ++split) {
    CAPTURE(split);
    DoorWorld world;
    const auto la = world.connect();
    world.send(la, input.substr(0, split));
    if (split < input.size()) world.send(la, input.substr(split));
    CHECK(world.said(la) == expected);
  }
}

TEST_CASE("each state has its commands, and everything else is 401") {
  struct Row {
    const char* line;
    const char* before_login;
    const char* before_port;
    const char* online;
  };
  const Row rows[] = {
      {"/list\n", k401, "301 carol\n", "301 carol\n"},
      {"/port 50002\n", k401, k201, k401},
      {"/to carol x\n", k401, k401, ""},
      {"/toall x\n", k401, k401, k303},
      {"/exit\n", k401, k310, k310},
      {"/login carol s3cret\n", k101, k401, k401},
      {"/login dave pw2\n", k101, k401, k401},
      {"/login carol\n", k401, k401, k401},
      {"\n", k401, k401, k401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    DoorWorld world;
    const auto fresh = world.connect();
    world.send(fresh, row.line);
    CHECK(world.said(fresh) == row.before_login);
    DoorWorld second;
    const auto logged_in = second.connect();
    second.send(logged_in, "/login carol s3cret\n");
    second.said(logged_in);
    second.send(logged_in, row.line);
    CHECK(second.said(logged_in) == row.before_port);
    DoorWorld third;
    const auto online = third.log_in("carol", "s3cret");
    third.send(online.la, row.line);
    CHECK(third.said(online.la) == row.online);
  }
}

TEST_CASE("a message is confirmed after its receipt, not before") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave Hi there\n");
  CHECK(world.said(carol.la).empty());
  CHECK(world.said(dave.lb) == "/from carol Hi there\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  world.send(dave.la, "/to CAROL back\n");
  CHECK(world.said(carol.lb) == "/from dave back\n");
  world.send(carol.lb, "302 Message rec");
  CHECK(world.said(dave.la).empty());
  world.send(carol.lb, "eipt successful\r\n");
  CHECK(world.said(dave.la) == k303);
}

TEST_CASE("a user can write to himself") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.send(carol.la, "/to carol note\n");
  CHECK(world.said(carol.lb) == "/from carol note\n");
  world.send(carol.lb, k302);
  CHECK(world.said(carol.la) == k303);
}

TEST_CASE("two who write to each other at once both get their answers") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  for (int i = 0; i < 200; ++i) {
    world.send(carol.la, "/to dave a\n");
    world.send(dave.la, "/to carol b\n");
    world.send(carol.lb, k302);
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
    CHECK(world.said(dave.la) == k303);
  }
}

TEST_CASE("a broadcast goes to all others at the same time and is answered once, after the last") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  const auto erin = world.log_in("erin", "pw3");
  world.send(carol.la, "/toall Lunch?\n");
  CHECK(world.said(dave.lb) == "/broadcastfrom carol Lunch?\n");
  CHECK(world.said(erin.lb) == "/broadcastfrom carol Lunch?\n");
  CHECK(world.said(carol.lb).empty());
  world.send(erin.lb, k302);
  CHECK(world.said(carol.la).empty());
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  SUBCASE("one who leaves before his receipt makes it 304") {
    world.send(carol.la, "/toall Again\n");
    world.send(erin.lb, k302);
    world.cut(dave.lb);
    CHECK(world.said(carol.la) == k304);
  }
  SUBCASE("one who is only on his way in is no recipient") {
    world.send(erin.la, "/exit\n");
    world.said(erin.la);
    const auto late = world.connect();
    world.send(late, "/login erin pw3\n");
    world.send(carol.la, "/list\n/toall Again\n");
    CHECK(world.said(carol.la) == "301 carol dave erin\n");
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
    world.send(carol.la, "/to erin hello\n");
    CHECK(world.said(carol.la) == k304);
  }
}

TEST_CASE("a frozen receiver is 304 after five seconds and holds nobody else up") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  const auto erin = world.log_in("erin", "pw3");
  world.send(carol.la, "/to dave hello\n");
  world.pass(2s);
  world.send(erin.la, "/to carol meanwhile\n");
  world.send(carol.lb, k302);
  CHECK(world.said(erin.la) == k303);
  world.pass(2999ms);
  CHECK(world.said(carol.la).empty());
  world.pass(1ms);
  CHECK(world.said(carol.la) == k304);
  world.send(erin.la, "/to dave hello\n");
  CHECK(world.said(erin.la) == k304);  // at once
  world.send(dave.la, "/list\n");
  CHECK(world.said(dave.la) == "301 carol dave erin\n");  // his commands go on
}

TEST_CASE("commands that come while one is awaited are run after it, in order") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave 1\n/to dave 2\n/list\n");
  CHECK(world.said(dave.lb) == "/from carol 1\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == k303);
  CHECK(world.said(dave.lb) == "/from carol 2\n");
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == std::string(k303) + "301 carol dave\n");
}

TEST_CASE("one who sends and sends is read no further until his command is answered") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave 1\n");
  const std::string line = "/to nobody " + std::string(100, 'x') + '\n';
  std::string many;
  while (many.size() <= registry::doors::kInputBytesMax) many += line;
  world.send(carol.la, many);
  CHECK_FALSE(world.takes_more(carol.la));
  world.send(dave.lb, k302);
  CHECK(world.takes_more(carol.la));
  CHECK(world.said(carol.la).size() ==
        std::string(k303).size() + many.size() / line.size() * std::string(k304).size());
}

TEST_CASE("an overlong line is 401 once, and the connection goes on") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const std::string limit = "/to carol " + std::string(4096 - 10, 'x');
  world.send(carol.la, limit + "\r\n");
  CHECK(world.said(carol.lb).size() == std::string("/from carol ").size() + 4096 - 10 + 1);
  world.send(carol.lb, k302);
  CHECK(world.said(carol.la) == k303);
  world.send(carol.la, limit + "y\n/list\n");
  CHECK(world.said(carol.la) == std::string(k401) + "301 carol\n");
  for (int i = 0; i < 100; ++i) world.send(carol.la, std::string(1000, 'z'));
  CHECK(world.said(carol.la).empty());
  world.send(carol.la, "\n/list\n");
  CHECK(world.said(carol.la) == std::string(k401) + "301 carol\n");
}

TEST_CASE("a line that does not end in ten seconds ends its connection") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.pass(24h);  // who says nothing stays
  CHECK_FALSE(world.is_closed(carol.la));
  for (int i = 0; i < 9; ++i) {
    world.send(carol.la, "x");
    world.pass(1s);
  }
  CHECK_FALSE(world.is_closed(carol.la));
  world.send(carol.la, "x");
  world.pass(1s);
  CHECK(world.is_closed(carol.la));
  CHECK(world.is_closed(carol.lb));
  CHECK(world.node().directory().size() == 0);
}

TEST_CASE("who never logs in, or never gives a port, is given up") {
  DoorWorld world;
  const auto silent = world.connect();
  const auto half = world.connect();
  world.send(half, "/login carol s3cret\n");
  world.pass(59s);
  CHECK_FALSE(world.is_closed(half));
  world.pass(1s);
  CHECK(world.is_closed(half));
  CHECK(world.node().directory().size() == 0);
  world.pass(239s);
  CHECK_FALSE(world.is_closed(silent));
  world.pass(1s);
  CHECK(world.is_closed(silent));
}

TEST_CASE("cut at any step, everything is freed and the sender is answered") {
  for (const bool cuts_la : {true, false}) {
    CAPTURE(cuts_la);
    DoorWorld world;
    const auto carol = world.log_in("carol", "s3cret");
    const auto dave = world.log_in("dave", "pw2");
    world.send(carol.la, "/to dave hello\n");
    world.cut(cuts_la ? dave.la : dave.lb);
    CHECK(world.said(carol.la) == k304);
    CHECK(world.is_closed(cuts_la ? dave.lb : dave.la));
    world.send(carol.la, "/list\n");
    CHECK(world.said(carol.la) == "301 carol\n");
    CHECK(world.door().client_count() == 1);
    CHECK(world.node().hub().under_way() == 0);
    // The name is free again.
    world.log_in("dave", "pw2");
    world.send(carol.la, "/list\n");
    CHECK(world.said(carol.la) == "301 carol dave\n");
  }
}

TEST_CASE("a push connection that ends is closed on our side as well") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.end(carol.lb);
  CHECK(world.is_closed(carol.lb));
  CHECK(world.is_closed(carol.la));
  CHECK(world.node().directory().size() == 0);
}

TEST_CASE("a sender who is cut off leaves his message to its fate") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.cut(carol.la);
  world.send(dave.lb, k302);
  CHECK(world.node().hub().under_way() == 0);
  world.send(dave.la, "/to dave still here\n");
  CHECK(world.said(dave.lb) == "/from carol hello\n/from dave still here\n");
}

TEST_CASE("a client that has sent everything is answered before it is let go") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave last words\n/list\n");
  world.end(carol.la);
  CHECK_FALSE(world.is_closed(carol.la));
  world.send(dave.lb, k302);
  CHECK(world.said(carol.la) == std::string(k303) + "301 carol dave\n");
  CHECK(world.is_closed(carol.la));
}

TEST_CASE("who leaves right after his receipt has confirmed it") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.send(dave.la, "/exit\n");  // read before the receipt, which was sent before it
  CHECK(world.said(dave.la).empty());
  SUBCASE("the receipt comes") {
    world.send(dave.lb, k302);
    CHECK(world.said(carol.la) == k303);
  }
  SUBCASE("it does not") {
    world.pass(500ms);
    CHECK(world.said(carol.la) == k304);
  }
  SUBCASE("its connection ends before it") {
    world.end(dave.lb);
    CHECK(world.said(carol.la) == k304);
  }
  CHECK(world.said(dave.la) == k310);
  CHECK(world.is_closed(dave.la));
}

TEST_CASE("a push connection that cannot be made is 202, and another may be tried") {
  DoorWorld world;
  world.dialing = DoorWorld::Dialing::kFail;
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n/port 50001\n");
  CHECK(world.said(la) == std::string(k101) + k202);
  world.dialing = DoorWorld::Dialing::kSucceed;
  world.send(la, "/port 50002\n");
  CHECK(world.said(la) == k201);
}

TEST_CASE("the registry dials nobody but the client, and neither system ports nor itself") {
  DoorWorld world;
  world.door().set_own_ports({8080, 5000});
  for (const std::string_view port : {"80", "1023", "8080", "5000"}) {
    CAPTURE(port);
    const auto la = world.connect("127.0.0.1");
    world.send(la, "/login carol s3cret\n/port " + std::string(port) + "\n/exit\n");
    CHECK(world.said(la) == std::string(k101) + k202 + k310);
  }
  CHECK(world.dialed.empty());
  // On another machine those ports are somebody else's.
  const auto far = world.connect("192.168.1.7");
  world.send(far, "/login carol s3cret\n/port 8080\n");
  REQUIRE(world.dialed.size() == 1);
  CHECK(world.dialed[0].to == endpoint("192.168.1.7:8080"));
}

TEST_CASE("who is gone when the dial ends leaves nothing behind") {
  DoorWorld world;
  world.dialing = DoorWorld::Dialing::kWait;
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n/port 50001\n");
  world.cut(la);
  const auto lb = world.answer_dial(true);
  CHECK(world.is_closed(lb));
  CHECK(world.door().client_count() == 0);
}

TEST_CASE("a wrong password and an unknown user are told alike, and may be tried again") {
  DoorWorld world;
  const auto la = world.connect();
  world.send(la, "/login carol wrong\n/login nobody s3cret\n/login a@b x\n/login carol s3cret\n");
  CHECK(world.said(la) == std::string(k102) + k102 + k102 + k101);
  CHECK(world.door().counters().refused_logins.at(LoginRefusal::kPassword) == 3);
}

TEST_CASE("an account whose name is bound to a key has 102, and the log says why") {
  DoorWorld world;
  world.node().directory().load(world.now(), {}, 1, {test::bound_name(1, "carol")});
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n");
  CHECK(world.said(la) == k102);
  CHECK(world.door().counters().refused_logins.at(LoginRefusal::kBoundName) == 1);
}

TEST_CASE("among hashed accounts every check costs as much as a hash") {
  const std::string hash =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b0dWRWJTmaaJObG";
  DoorWorld world("carol s3cret\ndave " + hash + '\n');
  world.verifies_at_once = false;
  for (const std::string_view user : {"carol", "nobody", "dave", "a@b"})
    world.send(world.connect(), "/login " + std::string(user) + " pw\n");
  REQUIRE(world.to_verify.size() == 4);
  CHECK(world.to_verify[0].dummy_hash == hash);
  CHECK(world.to_verify[1].dummy_hash == hash);
  CHECK(world.to_verify[1].secret.empty());
  CHECK(world.to_verify[2].dummy_hash.empty());
  CHECK(world.to_verify[2].secret == hash);
  CHECK(world.to_verify[3].dummy_hash == hash);
  DoorWorld plain;
  plain.verifies_at_once = false;
  plain.send(plain.connect(), "/login nobody pw\n");
  CHECK(plain.to_verify.at(0).dummy_hash.empty());
}

TEST_CASE("who hangs up while his password is checked is gone when it is") {
  DoorWorld world;
  world.verifies_at_once = false;
  const auto gone = world.connect();
  world.send(gone, "/login carol s3cret\n");
  const auto la = world.connect();
  world.send(la, "/login dave pw2\n");
  REQUIRE(world.to_verify.size() == 2);
  world.cut(gone);
  world.verify_next();
  world.verify_next();
  CHECK(world.said(la) == k101);
  CHECK(world.node().directory().size() == 1);
}

TEST_CASE("who ends while he is held back is let go of") {
  DoorWorld world;
  const auto la = world.connect();
  for (int i = 0; i < 6; ++i) world.send(la, "/login carol wrong\n");
  world.end(la);
  CHECK(world.is_closed(la));
  CHECK(world.door().client_count() == 0);
  world.pass(30s);
}

TEST_CASE("a user is listed as his account is spelled") {
  DoorWorld world;
  const auto carol = world.log_in("CAROL", "s3cret");
  world.send(carol.la, "/list\n");
  CHECK(world.said(carol.la) == "301 carol\n");
}

TEST_CASE("an account that is removed while its login is contested is not let in") {
  DoorWorld world;
  const auto first = world.log_in("carol", "s3cret");
  const auto second = world.connect();
  world.send(second, "/login carol s3cret\n");
  world.set_accounts("dave pw2\n");
  world.cut(first.la);
  CHECK(world.said(second) == k102);
}

TEST_CASE("after five failures the next is answered late, and the right password at once") {
  DoorWorld world;
  const auto la = world.connect();
  for (int i = 0; i < 5; ++i) world.send(la, "/login carol wrong\n");
  world.said(la);
  world.send(la, "/login carol wrong\n/login carol s3cret\n");
  CHECK(world.said(la).empty());
  const auto owner = world.connect();
  world.send(owner, "/login dave pw2\n");
  CHECK(world.said(owner) == k101);
  world.pass(999ms);
  CHECK(world.said(la).empty());
  world.pass(1ms);
  CHECK(world.said(la) == std::string(k102) + k101);
  CHECK(world.door().counters().throttled_logins == 1);
}

TEST_CASE("passwords do not travel in the clear from public addresses, unless it is allowed") {
  DoorWorld world;
  const auto far = world.connect("203.0.113.9");
  world.send(far, "/login carol s3cret\n");
  CHECK(world.said(far) == k102);
  CHECK(world.door().poll_notice()->fields.back().second == "public address");
  const auto near = world.connect("192.168.1.9");
  world.send(near, "/login carol s3cret\n");
  CHECK(world.said(near) == k101);
  DoorWorld open("carol s3cret\n", {.allow_public_login = true});
  const auto allowed = open.connect("203.0.113.9");
  open.send(allowed, "/login carol s3cret\n");
  CHECK(open.said(allowed) == k101);
}

TEST_CASE("a second login is refused while the first is there, and takes over when it is dead") {
  DoorWorld world;
  const auto first = world.log_in("carol", "s3cret");
  const auto second = world.connect();
  world.send(second, "/login carol s3cret\n");
  CHECK(world.said(second).empty());
  REQUIRE(world.probed == std::vector{first.la});
  SUBCASE("alive") {
    const auto third = world.connect();
    world.send(third, "/login carol s3cret\n");
    CHECK(world.said(third) == k102);  // one at a time
    world.answer_probe(first.la);
    CHECK(world.said(second) == k102);
    CHECK_FALSE(world.is_closed(first.la));
  }
  SUBCASE("its machine knows no such connection") {
    world.cut(first.la);
    CHECK(world.said(second) == k101);
    CHECK(world.is_closed(first.lb));
  }
  SUBCASE("nothing is heard of it") {
    world.pass(2999ms);
    CHECK(world.said(second).empty());
    world.pass(1ms);
    CHECK(world.said(second) == k101);
    CHECK(world.is_closed(first.la));
    CHECK(world.door().client_count() == 1);
  }
  SUBCASE("the second gives up before that") {
    world.cut(second);
    world.answer_probe(first.la);
    CHECK_FALSE(world.is_closed(first.la));
    const auto third = world.connect();
    world.send(third, "/login carol s3cret\n");
    world.answer_probe(first.la);
    CHECK(world.said(third) == k102);
  }
}

TEST_CASE("a name that is registered elsewhere is in use") {
  DoorWorld world("carol s3cret\n");
  world.door().set_accounts({});  // before there was an account
  world.listen("carol@127.0.0.1:50001");
  world.set_accounts("carol s3cret\n");
  const auto la = world.connect();
  world.send(la, "/login carol s3cret\n");
  CHECK(world.said(la) == k102);
  CHECK(world.door().poll_notice()->fields.back().second == "in use");
}

TEST_CASE("new accounts count for the next login, and who is in stays") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.set_accounts("frank pw\n");
  world.send(carol.la, "/list\n");
  CHECK(world.said(carol.la) == "301 carol\n");
  const auto late = world.connect();
  world.send(late, "/login dave pw2\n/login frank pw\n");
  CHECK(world.said(late) == std::string(k102) + k101);
}

TEST_CASE("connections are bounded, per address but for loopback") {
  DoorWorld world;
  for (std::size_t i = 0; i < registry::doors::kStreamsPerSourceMax; ++i)
    world.connect("192.168.1.9");
  const auto refused = world.connect("192.168.1.9");
  CHECK(world.is_closed(refused));
  CHECK(world.door().counters().refused.at("too_many_from_source") == 1);
  CHECK_FALSE(world.is_closed(world.connect("192.168.1.10")));
  for (std::size_t i = 0; i < 2 * registry::doors::kStreamsPerSourceMax; ++i)
    CHECK_FALSE(world.is_closed(world.connect()));
}

TEST_CASE("an end without end on the push connection is given up") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  world.send(carol.lb, "nonsense\n302\n\n");
  CHECK_FALSE(world.is_closed(carol.lb));
  for (int i = 0; i < 5; ++i) world.send(carol.lb, std::string(1000, 'x'));
  CHECK(world.is_closed(carol.lb));
  CHECK(world.is_closed(carol.la));
}

TEST_CASE("when the registry stops, who waits is answered and all are closed") {
  DoorWorld world;
  const auto carol = world.log_in("carol", "s3cret");
  const auto dave = world.log_in("dave", "pw2");
  world.send(carol.la, "/to dave hello\n");
  world.node().shut_down_doors(world.now());
  world.settle();
  CHECK(world.said(carol.la) == k304);
  for (const auto id : {carol.la, carol.lb, dave.la, dave.lb}) CHECK(world.is_closed(id));
  CHECK(world.node().directory().size() == 0);
}

}  // namespace
