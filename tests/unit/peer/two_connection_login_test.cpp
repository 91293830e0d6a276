// `login` until it is online: name, password, the second connection.
#include <doctest/doctest.h>

#include "tests/unit/support/two_connection_run.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using test::TwoConnectionRun;
using Link = TwoConnectionRun::Link;

TwoConnectionRun run_asking(bool is_terminal, bool for_name = false) {
  auto options = TwoConnectionRun::options();
  options.is_terminal = is_terminal;
  options.password.reset();
  if (for_name) options.name.reset();
  return TwoConnectionRun(options);
}

TEST_CASE("login, port, online") {
  TwoConnectionRun run;
  run.start();
  CHECK(run.take_log() == "a /login carol s3cret; ");
  run.reply("101 Authentication successful");
  CHECK(run.take_log() == "LISTEN; ");
  run.listening(30232);
  CHECK(run.take_log() == "a /port 30232; ");
  CHECK(run.accepted("127.0.0.1", "127.0.0.1"));
  run.drain();
  CHECK(run.take_log() == "DEAF; ");
  run.reply("201 Build connection successful");
  CHECK(run.take_log() == "COMMAND?; ");
  CHECK(run.out == "");
  CHECK(run.notes ==
        "carol is logged in at 127.0.0.1:9000. /list, /to NAME TEXT, /toall TEXT, /exit\n");
}

TEST_CASE("off a terminal name and password are the first lines, and commands follow") {
  TwoConnectionRun run = run_asking(false, true);
  run.start();
  CHECK(run.client.wants_input());
  run.input("carol\r").input("s3cret\r").input("/list").input("/exit").input_end();
  CHECK(run.take_log() == "NAME?; PASSWORD?; a /login carol s3cret; ");
  CHECK_FALSE(run.client.wants_input());
  run.reply("101 x").listening().reply("201 x");
  CHECK(run.take_log() == "LISTEN; a /port 30232; COMMAND?; a /list; ");
  run.reply("301 carol");
  CHECK(run.take_log() == "a /exit; ");
  run.reply("310 Bye bye");
  CHECK(run.take_log() == "LEAVE 0; ");
  CHECK(run.out == "301 carol\n310 Bye bye\n");
}

TEST_CASE("a typed name is brought into normal form") {
  TwoConnectionRun run = run_asking(true, true);
  run.start().input("Zoe\u0308").input("x");
  CHECK(run.take_log() == "NAME?; PASSWORD?; a /login Zo\u00eb x; ");
}

TEST_CASE("what can be no name or password ends a script with 65 and is asked again of a person") {
  struct Row {
    std::string_view line;
    bool is_name;
    std::string_view note;
  };
  const Row rows[] = {
      {"a b", true, "the name has a character other than letters, digits, '_', '-' and '.'\n"},
      {"", true, "the name is empty\n"},
      {"server", true, "the name is reserved\n"},
      {"", false, "the password is empty\n"},
      {"two words", false, "the password has a blank\n"},
      {"\x1b", false, "the password has a control character\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.note);
    TwoConnectionRun script = run_asking(false, row.is_name);
    script.start().take_log();
    script.input(row.line);
    CHECK(script.notes == row.note);
    CHECK(script.take_log() == "LEAVE 65; ");
    TwoConnectionRun person = run_asking(true, row.is_name);
    person.start().take_log();
    person.input(row.line);
    CHECK(person.notes == row.note);
    CHECK(person.take_log() == (row.is_name ? "NAME?; " : "PASSWORD?; "));
  }
}

TEST_CASE("input that ends before the password ends a script with 65 and lets a person go") {
  TwoConnectionRun script = run_asking(false);
  script.start().input_end();
  CHECK(script.take_log() == "PASSWORD?; LEAVE 65; ");
  CHECK(script.notes ==
        "no password: neither --password-file nor PEER_PASSWORD nor a line of standard input\n");
  TwoConnectionRun nameless = run_asking(false, true);
  nameless.start().input_end();
  CHECK(nameless.take_log() == "NAME?; LEAVE 65; ");
  TwoConnectionRun person = run_asking(true);
  person.start().input_end();
  CHECK(person.take_log() == "PASSWORD?; LEAVE 0; ");
  TwoConnectionRun refused = run_asking(true);
  refused.start().input("x").reply("102 Authentication failed").input_end();
  CHECK(refused.take_log() == "PASSWORD?; a /login carol x; PASSWORD?; LEAVE 77; ");
}

TEST_CASE(
    "whatever is not 101 is a refused login: shown, 77 for a script, asked again of a person") {
  for (const std::string line :
       {"102 Authentication failed", "103 You are already logged in", "401 Authentication failed",
        "401 Unrecognized message", "999", "310 Bye bye"}) {
    CAPTURE(line);
    TwoConnectionRun script;
    script.start().reply(line);
    CHECK(script.take_log() == "a /login carol s3cret; LEAVE 77; ");
    CHECK(script.out == line + '\n');
    CHECK(script.notes == "127.0.0.1:9000 refused to log carol in\n");

    TwoConnectionRun person = run_asking(true);
    person.start().input("one");
    for (int i = 0; i < 5; ++i) {
      person.take_log();
      person.reply(line);
      CHECK(person.take_out() == line + '\n');
      CHECK(person.take_log() == "PASSWORD?; ");
      person.input("two");
      CHECK(person.take_log() == "a /login carol two; ");
    }
    CHECK(person.notes == "");

    TwoConnectionRun nameless = run_asking(true, true);
    nameless.start().input("dave").input("x").take_log();
    nameless.reply(line);
    CHECK(nameless.take_log() == "NAME?; ");
    nameless.input("carol").input("s3cret").reply("101 x");
    CHECK(nameless.take_log() == "PASSWORD?; a /login carol s3cret; LISTEN; ");
  }
}

TEST_CASE("a password from elsewhere that is refused is asked of a person") {
  auto options = TwoConnectionRun::options();
  options.is_terminal = true;
  TwoConnectionRun run(options);
  run.start().reply("102 Authentication failed");
  CHECK(run.take_log() == "a /login carol s3cret; PASSWORD?; ");
}

TEST_CASE("no port to listen on: leave is taken, with the status that says why") {
  TwoConnectionRun run;
  run.start().reply("101 x").take_log();
  run.client.handle_listen_failed(run.now, ExitStatus::kUnavailable, "the port is in use");
  run.drain();
  CHECK(run.take_log() == "a /exit; ");
  run.reply("310 Bye bye");
  CHECK(run.take_log() == "LEAVE 69; ");
  CHECK(run.notes == "the port is in use\n");
  CHECK(run.out == "");
}

TEST_CASE("a server that cannot connect back is told, shown, and left with 69") {
  TwoConnectionRun run;
  run.start().reply("101 x").listening().take_log();
  run.reply("202 Build connection failed");
  CHECK(run.out == "202 Build connection failed\n");
  CHECK(run.notes.starts_with("127.0.0.1:9000 could not connect back to TCP port 30232 here\n"));
  CHECK(run.take_log() == "a /exit; ");
  run.closed(Link::kCommands);  // as old servers do
  CHECK(run.take_log() == "LEAVE 69; ");
}

TEST_CASE("a server that does not know /port is none of these") {
  TwoConnectionRun run;
  run.start().reply("101 x").listening().take_log();
  run.reply("401 Unrecognized message").reply("310 Bye bye");
  CHECK(run.take_log() == "a /exit; LEAVE 76; ");
}

TEST_CASE("the second connection is one, and from the server's address") {
  TwoConnectionRun run;
  run.start().reply("101 x");
  CHECK_FALSE(run.accepted("127.0.0.1", "127.0.0.1"));  // not asked for yet
  run.listening().take_log();
  CHECK_FALSE(run.accepted("127.0.0.2", "127.0.0.1"));
  CHECK_FALSE(run.accepted("::1", "127.0.0.1"));
  CHECK_FALSE(run.client.wants_bytes(Link::kMessages));
  run.drain();
  CHECK(run.take_log() == "");
  CHECK(run.accepted("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(run.accepted("127.0.0.1", "127.0.0.1"));
  CHECK(run.client.wants_bytes(Link::kMessages));
  run.drain();
  CHECK(run.take_log() == "DEAF; ");
}

TEST_CASE("a server on this machine may come by another of its addresses") {
  for (const bool is_here : {true, false}) {
    auto options = TwoConnectionRun::options();
    options.is_server_here = is_here;
    TwoConnectionRun run(options);
    run.start().reply("101 x").listening();
    CHECK_FALSE(run.accepted("192.0.2.7", "127.0.0.1"));
    CHECK(run.accepted("192.0.2.7", "192.0.2.7") == is_here);
  }
}

TEST_CASE("the second connection may come after 201, and deliver before it") {
  TwoConnectionRun late;
  late.start().reply("101 x").listening().reply("201 x").take_log();
  CHECK(late.accepted("127.0.0.1", "127.0.0.1"));
  late.drain().deliver("/from dave hi");
  CHECK(late.take_log() == "DEAF; b 302 Message receipt successful; ");
  TwoConnectionRun early;
  early.start().reply("101 x").listening().take_log();
  CHECK(early.accepted("127.0.0.1", "127.0.0.1"));
  early.drain().deliver("/from dave hi");
  CHECK(early.take_log() == "DEAF; b 302 Message receipt successful; ");
  CHECK(early.out == "dave: hi\n");
}

TEST_CASE("a server that is gone, silent or none: what it means depends on how far it was") {
  struct Row {
    std::string_view name;
    int replies;  // how many of the three there are
    std::string_view what;
    std::string_view log;
    std::string_view note;
  };
  const Row rows[] = {
      {"closed", 0, "closed", "LEAVE 76; ",
       "127.0.0.1:9000 closed the connection before the login\n"},
      {"broken", 0, "broken", "LEAVE 76; ",
       "the connection to 127.0.0.1:9000 broke: connection reset by peer before the login\n"},
      {"silent", 0, "silent", "LEAVE 75; ", "no answer from 127.0.0.1:9000 within 60 seconds\n"},
      {"garbage", 0, "garbage", "LEAVE 76; ",
       "127.0.0.1:9000 does not answer as a two-connection server: HTTP/1.1 400 Bad Request\n"},
      {"closed", 1, "closed", "LEAVE 69; ", "127.0.0.1:9000 closed the connection\n"},
      {"broken", 1, "broken", "LEAVE 69; ",
       "the connection to 127.0.0.1:9000 broke: connection reset by peer\n"},
      {"silent", 1, "silent", "LEAVE 75; ", "no answer from 127.0.0.1:9000 within 15 seconds\n"},
      {"garbage", 1, "garbage", "LEAVE 76; ",
       "127.0.0.1:9000 does not answer as a two-connection server: HTTP/1.1 400 Bad Request\n"},
      {"closed", 2, "closed", "LEAVE 69; ", "127.0.0.1:9000 closed the connection\n"},
      {"silent", 2, "silent", "", ""},  // nothing is awaited
      {"garbage", 2, "garbage", "LEAVE 76; ",
       "127.0.0.1:9000 does not answer as a two-connection server: HTTP/1.1 400 Bad Request\n"},
      {"messages closed", 2, "messages closed", "a /exit; ",
       "127.0.0.1:9000 closed the connection for messages\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.replies);
    TwoConnectionRun run;
    run.start();
    if (row.replies > 0) run.reply("101 x").listening();
    if (row.replies > 1) {
      CHECK(run.accepted("127.0.0.1", "127.0.0.1"));
      run.reply("201 x");
    }
    run.take_log();
    run.notes.clear();
    if (row.what == "closed") run.closed(Link::kCommands);
    if (row.what == "broken") run.closed(Link::kCommands, "connection reset by peer");
    if (row.what == "messages closed") run.closed(Link::kMessages);
    // A server may hold back what it says of a wrong password.
    if (row.what == "silent") run.pass((row.replies == 0 ? 60s : 15s) - 1ns).pass(1ns);
    if (row.what == "garbage") run.reply("HTTP/1.1 400 Bad Request\r");
    CHECK(run.take_log() == row.log);
    CHECK(run.notes == row.note);
  }
}

TEST_CASE("a server that refuses a person and then closes has refused") {
  TwoConnectionRun run = run_asking(true);
  run.start().input("x").reply("102 Authentication failed").closed(Link::kCommands);
  CHECK(run.take_log() == "PASSWORD?; a /login carol x; PASSWORD?; LEAVE 77; ");
}

TEST_CASE("-W ends every step with 124") {
  auto options = TwoConnectionRun::options();
  options.wait = 2s;
  TwoConnectionRun first(options);
  first.start().pass(2s);
  CHECK(first.take_log() == "a /login carol s3cret; LEAVE 124; ");
  TwoConnectionRun second(options);
  second.start().reply("101 x").listening().take_log();
  second.pass(2s);
  CHECK(second.take_log() == "");  // /port is under way: /exit after its reply
  second.reply("201 x");
  CHECK(second.take_log() == "a /exit; ");
  second.reply("310 Bye bye");
  CHECK(second.take_log() == "LEAVE 124; ");
}

}  // namespace
