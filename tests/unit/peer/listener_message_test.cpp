// `listen` and what arrives: lines, JSON, the question after every fifth, hooks.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/listener_run.hpp"

namespace {

using namespace std::chrono_literals;
using peer::Listener;
using test::json_at;
using test::ListenerRun;

constexpr std::string_view kQuestion = "Do you want to log out?[y/n]";

Listener::Options asking(bool is_terminal = false) {
  auto options = ListenerRun::options();
  options.asks = true;
  options.is_terminal = is_terminal;
  return options;
}

Listener::Options hooking() {
  auto options = ListenerRun::options();
  options.has_hook = true;
  options.hook_takes_plain = true;
  return options;
}

TEST_CASE("each datagram is one line, as it was sent, made harmless") {
  struct Row {
    std::string_view name;
    std::string_view bytes;
    std::string_view expected;
  };
  const Row rows[] = {
      {"plain", "veli: Good evening everyone", "veli: Good evening everyone\n"},
      {"an empty text", "veli: ", "veli: \n"},
      {"no sender", "hello", "hello\n"},
      {"a tab stays", "veli: a\tb", "veli: a\tb\n"},
      {"an escape", "veli: \x1b[2J", "veli: \\x1b[2J\n"},
      {"an escape in the sender", "\x1b[2J: x", "\\x1b[2J: x\n"},
      {"a line end cannot forge a line", "veli: x\nali: y", "veli: x\\x0aali: y\n"},
      {"right-to-left override", "veli: \u202etxt", "veli: <U+202E>txt\n"},
      {"no UTF-8", "veli: \xff", "veli: \\xff\n"},
      {"Turkish", "Göktuğ: selam, dünya", "Göktuğ: selam, dünya\n"},
      {"a probe is shown to nobody", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ListenerRun run;
    run.started();
    run.message(row.bytes);
    CHECK(run.out == row.expected);
  }
}

TEST_CASE("what comes without a key under a name that has one is shown as such") {
  auto options = ListenerRun::options();
  options.has_key = [](const common::UserName& name) { return name.text() == "veli"; };
  ListenerRun run(options);
  run.started();
  run.message("veli: hello");
  run.message("can: hello");
  run.message("hello");
  CHECK(run.out == "veli (not sealed): hello\ncan: hello\nhello\n");
}

TEST_CASE("as JSON a message is one object a line that no terminal can be commanded by") {
  auto options = ListenerRun::options();
  options.json = true;
  ListenerRun run(options);
  run.started();
  run.message("Göktuğ: a\"b\n\x1b\u202e👋\xff");
  const std::string line = run.out;
  CHECK(line.back() == '\n');
  CHECK(line.find('\n') == line.size() - 1);
  for (const char c : line) CHECK(((c >= 0x20 && c < 0x7f) || c == '\n'));
  CHECK(json_at(line, "/v") == "1");
  CHECK(json_at(line, "/event") == "message");
  CHECK(json_at(line, "/from") == "Göktuğ");
  CHECK(json_at(line, "/to") == R"(["ali"])");
  CHECK(json_at(line, "/text") == "a\"b\n\x1b\u202e👋\ufffd");
  CHECK(json_at(line, "/ts") == "2026-11-20T22:50:21.407Z");
  CHECK(json_at(line, "/sealed") == "false");
  CHECK(json_at(line, "/id").size() == 32);
  run.out.clear();
  run.message("no sender here");
  CHECK(json_at(run.out, "/from") == "null");
  CHECK(json_at(run.out, "/text") == "no sender here");
}

TEST_CASE("every message has an id of its own, the same in JSON and for the hook") {
  auto options = hooking();
  options.json = true;
  ListenerRun run(options);
  run.started();
  run.message("veli: one");
  REQUIRE(run.hooked.size() == 1);
  CHECK(json_at(run.out, "/id") == run.hooked[0].id);
  run.hook_done();
  run.out.clear();
  run.message("veli: one");
  CHECK(json_at(run.out, "/id") != run.hooked[0].id);
}

TEST_CASE("after every fifth message the question is asked, without a line end") {
  ListenerRun run(asking());
  run.started();
  run.messages(4);
  CHECK(run.out == "veli: x\nveli: x\nveli: x\nveli: x\n");
  CHECK_FALSE(run.listener.is_asking());
  run.message("veli: fifth");
  CHECK(run.out.ends_with("veli: fifth\n" + std::string(kQuestion)));
  CHECK(run.listener.is_asking());
}

TEST_CASE("after no, it is asked again after five more") {
  ListenerRun run(asking());
  run.started();
  for (int round = 0; round < 3; ++round) {
    run.messages(4);
    CHECK_FALSE(run.listener.is_asking());
    run.messages(1);
    CHECK(run.listener.is_asking());
    run.out.clear();
    run.input(round == 1 ? "N" : "n");
    CHECK(run.out == "");
    CHECK_FALSE(run.listener.is_asking());
  }
}

TEST_CASE("any answer but y and n is invalid, and the question is asked again") {
  for (const std::string_view answer : {"", "yes", "no", "maybe", "yn", "j", " y", "\x1b[A"}) {
    CAPTURE(answer);
    ListenerRun run(asking());
    run.started();
    run.messages(5);
    run.out.clear();
    run.input(answer);
    CHECK(run.out == "Invalid input!\n" + std::string(kQuestion));
    CHECK(run.listener.is_asking());
  }
}

TEST_CASE("a line end and blanks behind an answer are forgiven") {
  for (const std::string_view answer : {"n", "N", "n\r", "n ", "n\r\n"}) {
    CAPTURE(answer);
    ListenerRun run(asking());
    run.started();
    run.messages(5);
    run.input(answer);
    CHECK_FALSE(run.listener.is_asking());
  }
}

TEST_CASE("while it asks, messages are received and shown; the question stands below them") {
  ListenerRun run(asking());
  run.started();
  run.messages(5);
  run.out.clear();
  run.message("veli: sixth");
  CHECK(run.out == "\nveli: sixth\n" + std::string(kQuestion));
  ListenerRun terminal(asking(true));
  terminal.started();
  terminal.messages(5);
  terminal.out.clear();
  terminal.message("veli: sixth");
  CHECK(terminal.out == "\r\x1b[Kveli: sixth\n" + std::string(kQuestion));
}

TEST_CASE("input while nothing is asked is not an answer") {
  ListenerRun run(asking());
  run.started();
  run.take_log();
  run.input("y");
  CHECK(run.take_log() == "");
  CHECK(run.out == "");
}

TEST_CASE("without the question nothing is ever asked") {
  ListenerRun run;
  run.started();
  run.messages(50);
  CHECK_FALSE(run.listener.is_asking());
  CHECK(run.out.find("?") == std::string::npos);
}

TEST_CASE("a probe counts as no message") {
  ListenerRun run(asking());
  run.started();
  run.messages(4);
  run.messages(10, "");
  CHECK_FALSE(run.listener.is_asking());
}

TEST_CASE("hooks run one at a time, in order, while messages go on being shown") {
  ListenerRun run(hooking());
  run.started();
  run.take_log();
  run.message("veli: 1").message("veli: 2").message("veli: 3");
  CHECK(run.out == "veli: 1\nveli: 2\nveli: 3\n");
  CHECK(run.take_log() == "hook 1; ");
  run.hook_done();
  CHECK(run.take_log() == "hook 2; ");
  run.hook_done().hook_done();
  CHECK(run.take_log() == "hook 3; ");
  run.message("veli: 4");
  CHECK(run.take_log() == "hook 4; ");
}

TEST_CASE("a hook is given the message as it came, not as it was shown") {
  ListenerRun run(hooking());
  run.started();
  run.message("veli: \x1b[2J\n");
  REQUIRE(run.hooked.size() == 1);
  CHECK(run.hooked[0].message.text == "\x1b[2J\n");
  CHECK(run.hooked[0].message.sender == "veli");
  CHECK(run.hooked[0].time.unix_ms == 1'795'215'021'407);
}

TEST_CASE("a hook that does not keep up has 64 messages wait, and the rest are only shown") {
  ListenerRun run(hooking());
  run.started();
  run.notes.clear();
  for (int i = 0; i < 100; ++i) run.message("veli: " + std::to_string(i));
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') == 100);
  CHECK(run.notes == "the hook does not keep up: messages are shown but not given to it\n");
  while (run.hooked.size() < 64) run.hook_done();
  for (std::size_t i = 0; i < 64; ++i) CHECK(run.hooked[i].message.text == std::to_string(i));
  run.hook_done();
  CHECK(run.hooked.size() == 64);
  // There is room again, and a second overflow is told again.
  run.message("veli: later");
  CHECK(run.hooked.back().message.text == "later");
  run.messages(100);
  CHECK(std::count(run.notes.begin(), run.notes.end(), '\n') == 2);
}

TEST_CASE("a flood without a hook is shown whole and keeps nothing") {
  ListenerRun run;
  run.started();
  run.messages(10'000);
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') == 10'000);
  CHECK(run.hooked.empty());
}

TEST_CASE("the end of input answers the question at a terminal, and ends the asking elsewhere") {
  auto options = ListenerRun::options();
  options.asks = true;
  ListenerRun pipe(options);
  pipe.started().messages(5);
  REQUIRE(pipe.listener.is_asking());
  pipe.listener.handle_input_end(pipe.now);
  pipe.messages(10);
  CHECK_FALSE(pipe.listener.is_asking());
  options.is_terminal = true;
  ListenerRun terminal(options);
  terminal.started().messages(5);
  REQUIRE(terminal.listener.is_asking());
  terminal.listener.handle_input_end(terminal.now);
  terminal.messages(0).step();
  CHECK(terminal.take_log().find("LOGOUT; ") != std::string::npos);
}

}  // namespace
