// The peer's command line.
#include <doctest/doctest.h>

#include <algorithm>

#include "peer/shell/options.hpp"

namespace {

using namespace std::chrono_literals;
using peer::Leave;
using peer::Options;

using Arguments = std::vector<std::string>;

Options options(const Arguments& arguments) {
  auto parsed = peer::parse_options(arguments);
  if (const auto* leave = std::get_if<Leave>(&parsed)) FAIL(leave->err);
  return std::get<Options>(parsed);
}
Leave leave(const Arguments& arguments) {
  auto parsed = peer::parse_options(arguments);
  REQUIRE(std::holds_alternative<Leave>(parsed));
  return std::get<Leave>(parsed);
}
/// At the first three modes: what others come to be is not this test's.
Leave leave_at_three(const Arguments& arguments) {
  auto parsed = peer::parse_options(arguments, peer::modes().first(3));
  REQUIRE(std::holds_alternative<Leave>(parsed));
  return std::get<Leave>(parsed);
}
/// `alice 127.0.0.1:8080 listen` and then these.
Arguments listen(const Arguments& more) {
  Arguments all = {"alice", "127.0.0.1:8080", "listen"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Arguments send(const Arguments& more) {
  Arguments all = {"alice", "127.0.0.1:8080", "send"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Arguments login(const Arguments& more) {
  Arguments all = {"alice", "127.0.0.1:8080", "login"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_CASE("name, registry and mode, as the classic client takes them") {
  const Options listening = options(listen({}));
  CHECK(listening.name.text() == "alice");
  CHECK(common::format_host_port(listening.registry) == "127.0.0.1:8080");
  CHECK(listening.registry_text == "127.0.0.1:8080");
  CHECK(listening.mode == peer::Mode::kListen);
  CHECK(listening.port == 0);
  CHECK(listening.question == peer::Question::kTerminal);
  CHECK_FALSE(listening.count.has_value());
  CHECK_FALSE(listening.wait.has_value());
  CHECK_FALSE(listening.json);
  CHECK_FALSE(listening.quiet);
  CHECK(listening.hook == "");
  CHECK(listening.hook_time == 30s);
  CHECK(options(send({})).mode == peer::Mode::kSend);
  CHECK(options(login({})).mode == peer::Mode::kLogin);
  const auto meeting = options({"alice", "127.0.0.1:6234", "meet", "--hello", "6"});
  CHECK(meeting.mode == peer::Mode::kMeet);
  CHECK(meeting.udp_port == 6235);
  CHECK(meeting.hello == 6s);
  CHECK(options({"alice", "[::1]:8080", "listen"}).registry.host == "::1");
  CHECK(options({"alice", "registry.example:80", "send"}).registry_text == "registry.example:80");
}

TEST_CASE("every option does what its line in the help says") {
  CHECK(options(listen({"--port", "50001"})).port == 50001);
  CHECK(options(listen({"--port=1024"})).port == 1024);
  CHECK(options(listen({"-n", "3"})).count == 3);
  CHECK(options(listen({"-W", "2.5"})).wait == 2500ms);
  CHECK(options(listen({"-W", "0.001"})).wait == 1ms);
  CHECK(options(listen({"--json"})).json);
  CHECK(options(listen({"-q"})).quiet);
  CHECK(options(listen({"--quiet"})).quiet);
  CHECK(options(listen({"--exec", "notify-send"})).hook == "notify-send");
  CHECK(options(listen({"--exec-timeout", "5"})).hook_time == 5s);
  CHECK(options(listen({"--exec", "x", "--exec-plain"})).hook_takes_plain);
  CHECK_FALSE(options(listen({"--exec", "x"})).hook_takes_plain);
  CHECK(options(send({"--level", "handled"})).level == peer::DeliveryLevel::kHandled);
  CHECK(options(send({"--level", "delivered"})).level == peer::DeliveryLevel::kDelivered);
  CHECK_FALSE(options(send({})).level.has_value());
  CHECK(options(send({})).timeout == 5s);
  CHECK(options(send({"--timeout", "0.25"})).timeout == 250ms);
  CHECK(options(send({"--hook-status"})).has_hook_status);
  CHECK(options(send({"--trust", "strict"})).trust == peer::sealed::TrustMode::kStrict);
  CHECK(options(send({"--trust", "ask"})).trust == peer::sealed::TrustMode::kAsk);
  CHECK(options(send({})).trust == peer::sealed::TrustMode::kNew);
  CHECK(options(send({"--key", "k"})).key_file == "k");
  CHECK(options(send({"--plain"})).is_plain);
  CHECK(leave(send({"--plain", "--level", "delivered"})).status == common::ExitStatus::kUsage);
  CHECK(options(listen({"--question", "always"})).question == peer::Question::kAlways);
  CHECK(options(listen({"--question", "never"})).question == peer::Question::kNever);
  // Before the mode as well as behind it.
  CHECK(options({"--json", "alice", "127.0.0.1:8080", "-n", "2", "listen"}).json);
}

TEST_CASE("login takes what it has a use for, and a command behind it") {
  const Options parsed = options(login({"-n", "3", "-W", "2.5", "--json", "--port", "50001", "-q",
                                        "--password-file", "secret", "/to", "bob", "-n hi"}));
  CHECK(parsed.name.text() == "alice");
  CHECK_FALSE(parsed.is_name_asked);
  CHECK(parsed.count == 3);
  CHECK(parsed.wait == 2500ms);
  CHECK(parsed.json);
  CHECK(parsed.port == 50001);
  CHECK(parsed.quiet);
  CHECK(parsed.password_file == "secret");
  CHECK(parsed.command == Arguments{"/to", "bob", "-n hi"});
}

TEST_CASE("a name may be left to login, and only to it") {
  CHECK(options({"-", "127.0.0.1:8080", "login"}).is_name_asked);
  CHECK(leave({"-", "127.0.0.1:8080", "listen"}).out == "Invalid username!\n");
  CHECK(leave({"-", "127.0.0.1:8080", "send"}).out == "Invalid username!\n");
  CHECK(leave({"-", "127.0.0.1:8080", "logon"}).out == "Invalid username!\n");
}

TEST_CASE("an option that the mode has no use for is refused") {
  struct Row {
    Arguments arguments;
    std::string_view why;
  };
  const Row rows[] = {
      {send({"-n", "3"}), "-n is for listen and login; send has no use for it"},
      {send({"--port", "5000"}), "--port is for listen and login; send has no use for it"},
      {listen({"--level", "delivered"}), "--level is for send; listen has no use for it"},
      {listen({"--timeout", "3"}), "--timeout is for send; listen has no use for it"},
      {listen({"--hook-status"}), "--hook-status is for send; listen has no use for it"},
      {send({"--exec-plain"}), "--exec-plain is for listen; send has no use for it"},
      {login({"--key", "x"}), "--key is for listen and send; login has no use for it"},
      {login({"--trust", "new"}), "--trust is for listen and send; login has no use for it"},
      {login({"--plain"}), "--plain is for listen and send; login has no use for it"},
      {send({"--advertise", "::1"}), "--advertise is for listen; send has no use for it"},
      {send({"--question", "never"}), "--question is for listen; send has no use for it"},
      {send({"--exec", "x"}), "--exec is for listen; send has no use for it"},
      {send({"--exec-timeout", "1"}), "--exec-timeout is for listen; send has no use for it"},
      {send({"--password-file", "x"}), "--password-file is for login; send has no use for it"},
      {listen({"--password-file", "x"}), "--password-file is for login; listen has no use for it"},
      {login({"--advertise", "::1"}), "--advertise is for listen; login has no use for it"},
      {login({"--question", "never"}), "--question is for listen; login has no use for it"},
      {login({"--exec", "x"}), "--exec is for listen; login has no use for it"},
      {login({"--exec-timeout", "1"}), "--exec-timeout is for listen; login has no use for it"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const Leave left = leave_at_three(row.arguments);
    CHECK(left.err == "peer: " + std::string(row.why) + "\n  See: peer --help\n");
    CHECK(left.status == common::ExitStatus::kUsage);
  }
}

TEST_CASE("an address to advertise may have a port or not") {
  const auto advertise = [&](const std::string& text) {
    const Options parsed = options(listen({"--advertise", text}));
    return parsed.advertise->host + ' ' + std::to_string(parsed.advertise->port);
  };
  CHECK(advertise("192.0.2.7") == "192.0.2.7 0");
  CHECK(advertise("192.0.2.7:40000") == "192.0.2.7 40000");
  CHECK(advertise("2001:db8::7") == "2001:db8::7 0");
  CHECK(advertise("[2001:db8::7]:40000") == "2001:db8::7 40000");
  CHECK(advertise("host.example") == "host.example 0");
  CHECK(advertise("host.example:40000") == "host.example 40000");
}

TEST_CASE("from the first word of its command on, everything belongs to send") {
  CHECK(options(send({"unicast", "bob", "build done"})).command ==
        Arguments{"unicast", "bob", "build done"});
  CHECK(options(send({"unicast", "bob", "-n", "--json", "-W", "5"})).command ==
        Arguments{"unicast", "bob", "-n", "--json", "-W", "5"});
  CHECK(options(send({"broadcast", "--help"})).command == Arguments{"broadcast", "--help"});
  CHECK(options(send({"broadcast", ""})).command == Arguments{"broadcast", ""});
  const Options timed = options(send({"-W", "5", "list"}));
  CHECK(timed.wait == 5s);
  CHECK(timed.command == Arguments{"list"});
  CHECK(options(send({"multicast", "[Ali,", "Veli]", "x"})).command.size() == 4);
}

TEST_CASE("a name is brought into normal form, and what can be none is the classic text and 64") {
  CHECK(options({"Zoe\u0308", "127.0.0.1:8080", "listen"}).name.text() == "Zo\u00eb");
  CHECK(options({"Göktuğ", "127.0.0.1:8080", "listen"}).name.text() == "Göktuğ");
  struct Row {
    std::string_view name;
    std::string_view why;
  };
  const Row rows[] = {
      {"a@b", "has a character other than letters, digits, '_', '-' and '.'"},
      {"a:b", "has a character other than letters, digits, '_', '-' and '.'"},
      {"a b", "has a character other than letters, digits, '_', '-' and '.'"},
      {".a", "does not begin with a letter or a digit"},
      {"all", "is reserved"},
      {"\xff", "is not UTF-8"},
      {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
       "is longer than 64 bytes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Leave left = leave({std::string(row.name), "127.0.0.1:8080", "listen"});
    CHECK(left.out == "Invalid username!\n");
    CHECK(left.err == "peer: the name " + std::string(row.why) + '\n');
    CHECK(left.status == common::ExitStatus::kUsage);
  }
}

TEST_CASE("any other mode is the classic text and 64, with the nearest one") {
  struct Row {
    std::string_view mode;
    std::string_view hint;
  };
  const Row rows[] = {
      {"chat", ""},
      {"lisen", "; did you mean listen?"},
      {"sent", "; did you mean send?"},
      {"logn", "; did you mean login?"},
      {"LISTEN", ""},
      {"x", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.mode);
    const Leave left = leave_at_three({"alice", "127.0.0.1:8080", std::string(row.mode)});
    CHECK(left.out == "Invalid mode!\n");
    CHECK(left.err == "peer: the modes are listen, send and login" + std::string(row.hint) + '\n');
    CHECK(left.status == common::ExitStatus::kUsage);
  }
}

TEST_CASE("what cannot be meant is refused with 64 and a hint") {
  struct Row {
    std::string_view name;
    Arguments arguments;
    std::string_view part;
  };
  const Row rows[] = {
      {"a name alone", {"alice"}, "NAME, HOST:PORT and a mode are wanted"},
      {"no mode", {"alice", "127.0.0.1:8080"}, "NAME, HOST:PORT and a mode are wanted"},
      {"no port", {"alice", "127.0.0.1", "listen"}, "127.0.0.1 is not HOST:PORT"},
      {"port 0", {"alice", "127.0.0.1:0", "listen"}, "127.0.0.1:0 is not HOST:PORT"},
      {"IPv6 without brackets", {"alice", "::1:8080", "listen"}, "IPv6 in brackets: [::1]:8080"},
      {"a word for listen", listen({"now"}), "listen takes no now"},
      {"an unknown option", listen({"--colour"}), "unknown option --colour"},
      {"an unknown option of send", send({"--colour"}), "unknown option --colour"},
      {"a system port", listen({"--port", "80"}), "--port"},
      {"a port too large", listen({"--port", "65536"}), "--port"},
      {"no messages", listen({"-n", "0"}), "-n"},
      {"fewer than no messages", listen({"-n", "-1"}), "-n"},
      {"a number of words", listen({"-n", "many"}), "-n"},
      {"no time", listen({"-W", "0"}), "-W"},
      {"time below nothing", listen({"-W", "-1"}), "-W"},
      {"no number", listen({"-W", "nan"}), "-W"},
      {"endless time", listen({"-W", "inf"}), "-W"},
      {"a hook of no number", listen({"--exec-timeout", "nan"}), "--exec-timeout"},
      {"a hook of no time", listen({"--exec-timeout", "0"}), "--exec-timeout"},
      {"an unknown time to ask", listen({"--question", "maybe"}), "--question"},
      {"an address that is none", listen({"--advertise", "a b"}), "--advertise a b is not HOST"},
      {"an option without its value", listen({"--port"}), "--port"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = peer::parse_options(row.arguments);
    CHECK(std::holds_alternative<Leave>(parsed));
    if (!std::holds_alternative<Leave>(parsed)) continue;
    const Leave& left = std::get<Leave>(parsed);
    CHECK(left.status == common::ExitStatus::kUsage);
    CHECK(left.out == "");
    CHECK(left.err.starts_with("peer: "));
    CHECK(left.err.find(row.part) != std::string::npos);
    CHECK(left.err.ends_with("\n  See: peer --help\n"));
  }
}

TEST_CASE("a typing error in any option finds the right one") {
  for (const std::string_view option :
       {"--port", "--advertise", "--question", "--json", "--exec", "--exec-timeout", "--quiet",
        "--help", "--version", "--password-file"}) {
    CAPTURE(option);
    std::string typed(option);
    typed.erase(4, 1);
    CHECK(leave(listen({typed})).err.find("did you mean " + std::string(option) + "?") !=
          std::string::npos);
  }
}

/// The three that there are, and three that use what the others do not.
std::vector<peer::ModeRow> six_modes() {
  const auto built_in = peer::modes();
  std::vector<peer::ModeRow> rows(built_in.begin(), built_in.begin() + 3);
  rows.push_back({.name = "meet",
                  .mode = peer::Mode::kSend,
                  .usage = "SEARCH NAME",
                  .options = "-n --udp --hello",
                  .may_ask_for_name = true});
  rows.push_back({.name = "room", .mode = peer::Mode::kSend, .usage = "lines", .options = ""});
  rows.push_back({.name = "netchat", .mode = peer::Mode::kSend, .usage = "LIST", .options = ""});
  return rows;
}
std::variant<Options, Leave> at_six_modes(const Arguments& arguments) {
  return peer::parse_options(arguments, six_modes());
}

TEST_CASE("a mode is what its row says") {
  const auto parsed = std::get<Options>(at_six_modes({"-", "h:6234", "meet", "--hello", "0.5"}));
  CHECK(parsed.is_name_asked);
  CHECK(parsed.udp_port == 6235);
  CHECK(parsed.hello == 500ms);
  const auto given = std::get<Options>(at_six_modes({"ali", "h:65535", "meet", "--udp", "80"}));
  CHECK(given.udp_port == 80);
  CHECK(given.hello == 60s);
  CHECK(std::get<Options>(at_six_modes(listen({}))).udp_port == 0);

  struct Row {
    Arguments arguments;
    std::string_view error;
  };
  const Row rows[] = {
      {{"ali", "h:1", "meet", "now"}, "meet takes no now"},
      {{"ali", "h:1", "meet", "--json"},
       "--json is for listen, send and login; meet has no use for it"},
      {{"ali", "h:1", "room", "-n", "1"},
       "-n is for listen, login and meet; room has no use for it"},
      {send({"--udp", "1"}), "--udp is for meet; send has no use for it"},
      {{"ali", "h:1", "meet", "--hallo", "1"}, "unknown option --hallo; did you mean --hello?"},
      {{"ali", "h:65535", "meet"}, "--udp PORT is wanted: there is no port after 65535"},
      {{"ali", "h:1", "meet", "--hello", "nan"}, "--hello wants a number of seconds"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.error);
    const auto left = at_six_modes(row.arguments);
    REQUIRE(std::holds_alternative<Leave>(left));
    CHECK(std::get<Leave>(left).err ==
          "peer: " + std::string(row.error) + "\n  See: peer --help\n");
  }
  CHECK(std::get<Leave>(at_six_modes({"ali", "h:1", "met"})).err ==
        "peer: the modes are listen, send, login, meet, room and netchat; did you mean meet?\n");
  // An option of no mode is none.
  CHECK(leave_at_three(listen({"--udp", "1"})).err ==
        "peer: unknown option --udp\n  See: peer --help\n");
}

void check_fits_a_screen(const std::string& help) {
  CHECK(std::count(help.begin(), help.end(), '\n') <= 24);
  std::size_t column = 0;
  for (const char c : help) {
    column = c == '\n' ? 0 : column + 1;
    CHECK(column <= 80);
  }
}

TEST_CASE("a mode's help names its options and no other's") {
  for (const peer::ModeRow& mode : peer::modes()) {
    CAPTURE(mode.name);
    const std::string name(mode.name);
    const Leave left = leave({name, "--help"});
    CHECK(left.status == common::ExitStatus::kOk);
    CHECK(leave({"ali", "h:1", name, "-h"}).out == left.out);
    check_fits_a_screen(left.out);
    CHECK(left.out.find(mode.usage) != std::string::npos);
    for (const std::string_view option :
         {"-n", "-W", "--json", "--quiet", "--port", "--advertise", "--question", "--password-file",
          "--exec", "--exec-timeout", "--exec-plain", "--level", "--timeout", "--hook-status",
          "--trust", "--key", "--plain", "--udp", "--hello"}) {
      CAPTURE(option);
      const bool is_its = (' ' + std::string(mode.options) + " -W --quiet ")
                              .find(' ' + std::string(option) + ' ') != std::string::npos;
      const bool is_named =
          left.out.find("  " + std::string(option) + ' ') != std::string::npos ||
          (option == "--quiet" && left.out.find("-q, --quiet ") != std::string::npos);
      CHECK(is_named == is_its);
    }
  }
}

TEST_CASE("the help fits a screen of 24 rows by 80 columns, and names every mode") {
  for (const std::string_view flag : {"--help", "-h"}) {
    const Leave left = leave({std::string(flag)});
    CHECK(left.status == common::ExitStatus::kOk);
    CHECK(left.err == "");
    check_fits_a_screen(left.out);
    for (const std::string_view part : {"peer MODE --help", "--quiet", "--version", "-W SECONDS"})
      CHECK(left.out.find(part) != std::string::npos);
    for (const peer::ModeRow& mode : peer::modes()) {
      CHECK(left.out.find("\n  " + std::string(mode.name) + ' ') != std::string::npos);
      CHECK(left.out.find(mode.usage) != std::string::npos);
    }
    for (const std::string_view status :
         {"64", "65", "67", "69", "74", "75", "76", "77", "78", "124", "130", "143"})
      CHECK(left.out.find(status) != std::string::npos);
  }
}

TEST_CASE("without arguments the help is shown, and it is a usage error") {
  CHECK(leave({}).status == common::ExitStatus::kUsage);
  CHECK(leave({}).out == leave({"--help"}).out);
}

TEST_CASE("the version is told") {
  CHECK(leave({"--version"}).out == "peer 0.1.0 (protocol 1)\n");
  CHECK(leave({"--version"}).status == common::ExitStatus::kOk);
}

TEST_CASE("nothing typed can command the terminal it is told on") {
  const std::string escape = "\x1b[2J";
  for (const Arguments& arguments :
       {Arguments{escape, "127.0.0.1:8080", "listen"}, Arguments{"alice", escape, "listen"},
        Arguments{"alice", "127.0.0.1:8080", escape}, listen({escape}), listen({"--" + escape}),
        listen({"--port", escape}), listen({"-W", escape}), listen({"--question", escape}),
        listen({"--advertise", escape})}) {
    const Leave left = leave(arguments);
    CHECK(left.err.find('\x1b') == std::string::npos);
    CHECK(left.out.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("verify alone takes files, and a user may have its name") {
  const auto mode_of = [](std::vector<std::string> arguments) {
    const auto parsed = peer::parse_options(arguments);
    const auto* options = std::get_if<peer::Options>(&parsed);
    return options == nullptr ? std::optional<peer::Mode>() : options->mode;
  };
  const auto alone = peer::parse_options({"verify", "a.jsonl", "b.jsonl"});
  REQUIRE(std::holds_alternative<peer::Options>(alone));
  CHECK(std::get<peer::Options>(alone).command == std::vector<std::string>{"a.jsonl", "b.jsonl"});
  CHECK(std::get<peer::Options>(alone).registry_text.empty());
  CHECK(mode_of({"verify"}) == peer::Mode::kVerify);
  CHECK(mode_of({"verify", "127.0.0.1:8080"}) == peer::Mode::kVerify);  // a file's name
  CHECK(mode_of({"verify", "127.0.0.1:8080", "listen"}) == peer::Mode::kListen);
  CHECK(mode_of({"ci", "127.0.0.1:8080", "verify", "a.jsonl"}) == peer::Mode::kVerify);
  CHECK_FALSE(mode_of({"verify", "--help"}).has_value());
  CHECK_FALSE(mode_of({"verify", "-q", "a.jsonl"}).has_value());
}

}  // namespace
