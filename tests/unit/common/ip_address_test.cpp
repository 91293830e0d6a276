#include <doctest/doctest.h>

#include "common/endpoint.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::IpAddress;

TEST_CASE("addresses are read strictly and written in one form") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;  // empty: refused
  };
  const Row rows[] = {
      {"IPv4", "192.0.2.10", "192.0.2.10"},
      {"lowest IPv4", "0.0.0.0", "0.0.0.0"},
      {"highest IPv4", "255.255.255.255", "255.255.255.255"},
      {"IPv6", "2001:db8::1", "2001:db8::1"},
      {"IPv6 written long", "2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"IPv6 loopback", "::1", "::1"},
      {"IPv6 unspecified", "::", "::"},
      {"IPv4-mapped is IPv4", "::ffff:10.0.0.1", "10.0.0.1"},
      {"IPv4-mapped in hexadecimal", "::ffff:a00:1", "10.0.0.1"},
      {"nothing", "", ""},
      {"a name", "localhost", ""},
      {"three parts", "127.0.1", ""},
      {"two parts", "127.1", ""},
      {"one number", "2130706433", ""},
      {"five parts", "1.2.3.4.5", ""},
      {"a leading zero", "127.0.0.01", ""},
      {"octal", "0177.0.0.1", ""},
      {"hexadecimal", "0x7f.0.0.1", ""},
      {"a part too large", "256.0.0.1", ""},
      {"a sign", "+1.2.3.4", ""},
      {"a blank in front", " 1.2.3.4", ""},
      {"a blank behind", "1.2.3.4 ", ""},
      {"a line end", "1.2.3.4\n", ""},
      {"an empty part", "1..2.3", ""},
      {"a trailing dot", "1.2.3.4.", ""},
      {"IPv6 in brackets", "[::1]", ""},
      {"IPv6 with a zone", "fe80::1%eth0", ""},
      {"IPv6 with two gaps", "1::2::3", ""},
      {"IPv6 too long", "1:2:3:4:5:6:7:8:9", ""},
      {"IPv6 with five digits", "12345::", ""},
      {"a prefix length", "10.0.0.0/8", ""},
      {"a NUL behind", std::string_view("1.2.3.4\0", 8), ""},
      {"very long", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = IpAddress::parse(row.text);
    CHECK((parsed ? parsed->to_string() : "") == row.expected);
    if (parsed) CHECK(IpAddress::parse(parsed->to_string()) == parsed);
  }
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1, and nothing beside them") {
  struct Row {
    std::string_view text;
    bool expected;
  };
  const Row rows[] = {
      {"126.255.255.255", false},
      {"127.0.0.0", true},
      {"127.0.0.1", true},
      {"127.0.1.1", true},
      {"127.255.255.255", true},
      {"128.0.0.0", false},
      {"::", false},
      {"::1", true},
      {"::2", false},
      {"::ffff:127.0.0.1", true},
      {"1::1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(test::ip(row.text).is_loopback() == row.expected);
  }
}

TEST_CASE("private ranges begin and end where their RFCs say") {
  struct Row {
    std::string_view name;
    std::string_view text;
    bool expected;
  };
  const Row rows[] = {
      {"below 10/8", "9.255.255.255", false},
      {"first of 10/8", "10.0.0.0", true},
      {"last of 10/8", "10.255.255.255", true},
      {"above 10/8", "11.0.0.0", false},
      {"below 172.16/12", "172.15.255.255", false},
      {"first of 172.16/12", "172.16.0.0", true},
      {"last of 172.16/12", "172.31.255.255", true},
      {"above 172.16/12", "172.32.0.0", false},
      {"below 192.168/16", "192.167.255.255", false},
      {"first of 192.168/16", "192.168.0.0", true},
      {"last of 192.168/16", "192.168.255.255", true},
      {"above 192.168/16", "192.169.0.0", false},
      {"below link-local", "169.253.255.255", false},
      {"first link-local", "169.254.0.0", true},
      {"last link-local", "169.254.255.255", true},
      {"above link-local", "169.255.0.0", false},
      {"loopback is not private", "127.0.0.1", false},
      {"public", "8.8.8.8", false},
      {"below fc00::/7", "fbff:ffff::", false},
      {"first of fc00::/7", "fc00::", true},
      {"last of fc00::/7", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
      {"above fc00::/7", "fe00::", false},
      {"below fe80::/10", "fe7f:ffff::", false},
      {"first of fe80::/10", "fe80::", true},
      {"last of fe80::/10", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
      {"above fe80::/10", "fec0::", false},
      {"documentation", "2001:db8::1", false},
      {"IPv6 loopback is not private", "::1", false},
      {"mapped private IPv4", "::ffff:192.168.1.1", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(test::ip(row.text).is_private() == row.expected);
  }
}

TEST_CASE("only one host's address is unicast") {
  struct Row {
    std::string_view text;
    bool expected;
  };
  const Row rows[] = {
      {"0.0.0.0", false},
      {"0.1.2.3", false},
      {"1.0.0.0", true},
      {"127.0.0.1", true},
      {"10.1.2.3", true},
      {"223.255.255.255", true},
      {"224.0.0.1", false},
      {"239.1.2.3", false},
      {"240.0.0.1", false},
      {"255.255.255.255", false},
      {"::", false},
      {"::1", true},
      {"2001:db8::1", true},
      {"fe80::1", true},
      {"ff02::1", false},
      {"ff00::", false},
      {"::ffff:224.0.0.1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(test::ip(row.text).is_unicast() == row.expected);
  }
}

TEST_CASE("one host has one value, however its address came in") {
  const IpAddress plain = IpAddress::v4({192, 0, 2, 1});
  const IpAddress mapped = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1});
  CHECK(plain == mapped);
  CHECK_FALSE(mapped.is_v6());
  CHECK(mapped.to_string() == "192.0.2.1");
  // The compatible form without the two 0xff is another address.
  CHECK(plain != IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1}));
  CHECK(IpAddress() == test::ip("0.0.0.0"));
  CHECK(IpAddress() != test::ip("::"));
}

}  // namespace
