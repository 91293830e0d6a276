// The two-connection door: passwords and accounts, names that are in use, and the connection that
// it makes back to who has logged in.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "registry/doors/two_connection.hpp"
#include "tests/unit/support/door_world.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/two_connection_answers.hpp"

namespace {

using namespace test;
using registry::doors::LoginRefusal;

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

}  // namespace
