// The registry's command line.
#include <doctest/doctest.h>

#include <algorithm>

#include "registry/shell/options.hpp"

namespace {

using namespace std::chrono_literals;

std::variant<registry::Options, registry::PasswdCommand, registry::Leave> parse(
    std::vector<std::string> arguments) {
  return registry::parse_options(std::move(arguments));
}
registry::Options registry_options(std::vector<std::string> arguments) {
  auto parsed = parse(std::move(arguments));
  if (const auto* leave = std::get_if<registry::Leave>(&parsed)) FAIL(leave->err);
  return std::get<registry::Options>(parsed);
}
registry::Leave registry_leave(std::vector<std::string> arguments) {
  auto parsed = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<registry::Leave>(parsed));
  return std::get<registry::Leave>(parsed);
}

TEST_CASE("without arguments it serves this machine, from this folder") {
  const registry::Options defaults = registry_options({});
  CHECK(common::format_host_port(defaults.listen) == "127.0.0.1:8080");
  CHECK(defaults.user_list == "userlist.txt");
  CHECK(defaults.data == ".registry");
  CHECK(defaults.rules.lease == 200s);
  CHECK(defaults.rules.classic_lease == 24h);
  CHECK_FALSE(defaults.rules.allow_foreign_address);
  CHECK(defaults.hosts.empty());
  CHECK(defaults.log_format == registry::LogFormat::kText);
  CHECK_FALSE(defaults.check_only);
}

TEST_CASE("every option does what its line in the help says") {
  CHECK(common::format_host_port(registry_options({"0.0.0.0:9000"}).listen) == "0.0.0.0:9000");
  CHECK(common::format_host_port(registry_options({"[::]:0"}).listen) == "[::]:0");
  CHECK(common::format_host_port(registry_options({"localhost:65432"}).listen) ==
        "localhost:65432");
  CHECK(registry_options({"--userlist", "/srv/list.txt"}).user_list == "/srv/list.txt");
  CHECK(registry_options({"--userlist", "/srv/list.txt"}).data == "/srv/.registry");
  CHECK(registry_options({"--userlist=/srv/list.txt", "--data=/var/lib/r"}).data == "/var/lib/r");
  CHECK(registry_options({"--lease", "30"}).rules.lease == 30s);
  CHECK(registry_options({"--classic-lease", "60"}).rules.classic_lease == 60s);
  CHECK(registry_options({"--allow-foreign-address"}).rules.allow_foreign_address);
  CHECK(registry_options({"--host", "a.example", "--host", "b.example"}).hosts ==
        std::vector<std::string>{"a.example", "b.example"});
  CHECK(registry_options({"--log-format", "json"}).log_format == registry::LogFormat::kJson);
  CHECK(registry_options({"--log-format", "classic"}).log_format == registry::LogFormat::kClassic);
  CHECK(registry_options({"--check"}).check_only);
  const registry::Options meeting = registry_options({"--rendezvous", "127.0.0.1:6234"});
  CHECK(common::format_host_port(meeting.doors.at(common::Door::kRendezvous)) == "127.0.0.1:6234");
  CHECK(!meeting.rendezvous_udp);
  const registry::Options apart =
      registry_options({"--rendezvous", "[::1]:0", "--rendezvous-udp", "127.0.0.1:7000"});
  REQUIRE(apart.rendezvous_udp);
  CHECK(common::format_host_port(*apart.rendezvous_udp) == "127.0.0.1:7000");
  // Options and the address in any order.
  CHECK(common::format_host_port(registry_options({"--lease", "30", "127.0.0.1:1"}).listen) ==
        "127.0.0.1:1");
  CHECK(common::format_host_port(registry_options({"--host", "a", "127.0.0.1:1"}).listen) ==
        "127.0.0.1:1");
}

TEST_CASE("what cannot be meant is refused with 64 and a hint, on standard error alone") {
  struct Row {
    std::string_view name;
    std::vector<std::string> arguments;
    std::string_view part;
  };
  const Row rows[] = {
      {"no port", {"127.0.0.1"}, "127.0.0.1 is not HOST:PORT (IPv6 in brackets: [::1]:8080)"},
      {"IPv6 without brackets", {"::1:8080"}, "is not HOST:PORT"},
      {"a port too large", {"127.0.0.1:65536"}, "is not HOST:PORT"},
      {"a word for a port", {"127.0.0.1:http"}, "is not HOST:PORT"},
      {"a URL", {"http://127.0.0.1:8080"}, "is not HOST:PORT"},
      {"two addresses", {"127.0.0.1:1", "127.0.0.1:2"}, ""},
      {"an unknown option", {"--colour"}, "unknown option --colour"},
      {"an unknown option with a value",
       {"--leese=5"},
       "unknown option --leese; did you mean "
       "--lease?"},
      {"an unknown letter", {"-x"}, "unknown option -x"},
      {"a lease of nothing", {"--lease", "0"}, "--lease"},
      {"a lease below nothing", {"--lease", "-1"}, "--lease"},
      {"a lease of words", {"--lease", "long"}, "--lease"},
      {"a lease of centuries", {"--lease", "99999999999"}, "--lease"},
      {"a lease without a number", {"--lease"}, "--lease"},
      {"a classic lease of nothing", {"--classic-lease", "0"}, "--classic-lease"},
      {"an unknown log format", {"--log-format", "xml"}, "--log-format"},
      {"a UDP port without the door", {"--rendezvous-udp", "127.0.0.1:1"}, "wants --rendezvous"},
      {"a UDP port that is none",
       {"--rendezvous", "127.0.0.1:1", "--rendezvous-udp", "x"},
       "--rendezvous-udp x is not HOST:PORT"},
      {"a door without a port", {"--rendezvous", "x"}, "--rendezvous x is not HOST:PORT"},
      {"no file name", {"--userlist", ""}, "--userlist wants a file name"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const registry::Leave left = registry_leave(row.arguments);
    CHECK(left.status == common::ExitStatus::kUsage);
    CHECK(left.out == "");
    CHECK(left.err.starts_with("registry: "));
    CHECK(left.err.find(row.part) != std::string::npos);
    CHECK(left.err.ends_with("\n  See: registry --help\n"));
  }
}

TEST_CASE("a typing error in any option finds the right one") {
  for (const std::string_view option :
       {"--userlist", "--data", "--lease", "--classic-lease", "--allow-foreign-address", "--host",
        "--log-format", "--check", "--help", "--version"}) {
    CAPTURE(option);
    std::string typed(option);
    typed.erase(4, 1);
    CHECK(registry_leave({typed}).err.find("did you mean " + std::string(option) + "?") !=
          std::string::npos);
  }
}

TEST_CASE("the help fits a screen of 24 rows by 80 columns, and names every option") {
  for (const std::string_view flag : {"--help", "-h"}) {
    const registry::Leave left = registry_leave({std::string(flag)});
    CHECK(left.status == common::ExitStatus::kOk);
    CHECK(left.err == "");
    CHECK(std::count(left.out.begin(), left.out.end(), '\n') <= 24);
    std::size_t column = 0;
    for (const char c : left.out) {
      column = c == '\n' ? 0 : column + 1;
      CHECK(column <= 80);
    }
    for (const std::string_view option :
         {"--userlist", "--data", "--lease", "--classic-lease", "--allow-foreign-address", "--host",
          "--log-format", "--check", "--help", "--version", "--rendezvous", "--rendezvous-udp"})
      CHECK(left.out.find(option) != std::string::npos);
  }
}

TEST_CASE("help and version come before anything that is wrong with the rest") {
  CHECK(registry_leave({"--help", "nonsense"}).status == common::ExitStatus::kOk);
  CHECK(registry_leave({"--version"}).out == "registry 0.1.0 (protocol 1)\n");
  CHECK(registry_leave({"--version"}).status == common::ExitStatus::kOk);
}

TEST_CASE("a typing error cannot command the terminal it is told on") {
  for (const std::string_view argument : {"--\x1b[2J", "\x1b[2J", "127.0.0.1:\x1b[2J"}) {
    CAPTURE(argument);
    CHECK(registry_leave({std::string(argument)}).err.find('\x1b') == std::string::npos);
  }
}

}  // namespace
