#include "common/endpoint.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

TEST_CASE("endpoints are read strictly and written back the same") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;  // empty: refused
  };
  const Row rows[] = {
      {"IPv4", "10.0.0.5:40123", "10.0.0.5:40123"},
      {"lowest port", "10.0.0.5:1", "10.0.0.5:1"},
      {"highest port", "10.0.0.5:65535", "10.0.0.5:65535"},
      {"IPv6", "[2001:db8::1]:40123", "[2001:db8::1]:40123"},
      {"IPv6 loopback", "[::1]:1024", "[::1]:1024"},
      {"port 0", "10.0.0.5:0", ""},
      {"port too large", "10.0.0.5:65536", ""},
      {"port with six digits", "10.0.0.5:100000", ""},
      {"leading zero", "10.0.0.5:040123", ""},
      {"plus sign", "10.0.0.5:+40123", ""},
      {"minus sign", "10.0.0.5:-1", ""},
      {"no port", "10.0.0.5:", ""},
      {"no colon", "10.0.0.5", ""},
      {"no address", ":40123", ""},
      {"a name", "localhost:40123", ""},
      {"IPv6 without brackets", "::1:40123", ""},
      {"IPv4 in brackets", "[10.0.0.5]:40123", ""},
      {"a bracket missing", "[::1:40123", ""},
      {"another bracket missing", "::1]:40123", ""},
      {"empty brackets", "[]:40123", ""},
      {"a blank before the port", "10.0.0.5: 40123", ""},
      {"a blank behind", "10.0.0.5:40123 ", ""},
      {"a CR behind", "10.0.0.5:40123\r", ""},
      {"letters in the port", "10.0.0.5:4012x", ""},
      {"hexadecimal port", "10.0.0.5:0x10", ""},
      {"two ports", "10.0.0.5:1:2", ""},
      {"a zone", "[fe80::1%1]:40123", ""},
      {"a NUL", std::string_view("10.0.0.5:401\0", 13), ""},
      {"nothing", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = common::parse_endpoint(row.text);
    CHECK((parsed ? common::format_endpoint(*parsed) : "") == row.expected);
  }
}

TEST_CASE("ports are digits and nothing else") {
  struct Row {
    std::string_view text;
    int expected;  // -1: refused
  };
  const Row rows[] = {
      {"0", 0},      {"1", 1},    {"80", 80},     {"65535", 65535}, {"65536", -1},
      {"99999", -1}, {"", -1},    {"00", -1},     {"01", -1},       {"+1", -1},
      {"-1", -1},    {" 1", -1},  {"1 ", -1},     {"1.", -1},       {"a", -1},
      {"1a", -1},    {"0x1", -1}, {"655350", -1}, {"١", -1},  // a digit, but not one of ours
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = common::parse_port(row.text);
    CHECK((parsed ? int{*parsed} : -1) == row.expected);
  }
}

TEST_CASE("a host and port is what people type") {
  const std::string longest(253, 'h');
  struct Row {
    std::string_view name;
    std::string text;
    std::string host;  // empty: refused
    int port;
  };
  const Row rows[] = {
      {"IPv4", "127.0.0.1:8080", "127.0.0.1", 8080},
      {"a name", "registry.example:80", "registry.example", 80},
      {"port 0 takes a free one", "localhost:0", "localhost", 0},
      {"IPv6", "[::1]:8080", "::1", 8080},
      {"an underscore", "my_host:1", "my_host", 1},
      {"the longest host", longest + ":1", longest, 1},
      {"one longer", longest + "h:1", "", 0},
      {"no port", "localhost", "", 0},
      {"an empty port", "localhost:", "", 0},
      {"no host", ":8080", "", 0},
      {"IPv6 without brackets", "::1:8080", "", 0},
      {"a name in brackets", "[localhost]:8080", "", 0},
      {"a URL", "http://localhost:8080", "", 0},
      {"a path", "localhost/x:8080", "", 0},
      {"a blank", "local host:8080", "", 0},
      {"a tab", "local\thost:8080", "", 0},
      {"DEL", "local\x7fhost:8080", "", 0},
      {"an escape", "\x1b[31m:8080", "", 0},
      {"port too large", "localhost:65536", "", 0},
      {"nothing", "", "", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = common::parse_host_port(row.text);
    CHECK((parsed ? parsed->host : "") == row.host);
    if (!parsed) continue;
    CHECK(int{parsed->port} == row.port);
    CHECK(common::format_host_port(*parsed) == row.text);
  }
}

TEST_CASE("bytes above ASCII in a host are refused, as its header promises printable characters") {
  // They would reach the Host field of a request and the terminal as they are.
  CHECK_FALSE(common::parse_host_port("h\xc3\xb6st:80").has_value());
  CHECK_FALSE(common::parse_host_port("h\xff:80").has_value());
}

TEST_CASE("endpoints compare by address, then by port") {
  CHECK(test::endpoint("10.0.0.5:1") == test::endpoint("10.0.0.5:1"));
  CHECK(test::endpoint("10.0.0.5:1") != test::endpoint("10.0.0.5:2"));
  CHECK(test::endpoint("10.0.0.5:1") != test::endpoint("10.0.0.6:1"));
  CHECK(test::endpoint("10.0.0.5:9") < test::endpoint("10.0.0.6:1"));
}

}  // namespace
