// userlist.txt as text, and what a person's edit of it means.
#include "registry/user_list.hpp"

#include <doctest/doctest.h>

#include "tests/support/test_random.hpp"
#include "tests/unit/support/directory_world.hpp"

namespace {

using test::DirectoryWorld;

std::string describe(const registry::UserListText& list) {
  std::string out;
  for (const auto& record : list.records)
    out += common::format_classic_record(record.name, record.endpoint) + '\n';
  for (const auto& line : list.bad_lines)
    out += std::to_string(line.number) + ": " + line.reason + ": " + line.text + '\n';
  return out;
}

TEST_CASE("the file is one record a line; what is no record is reported with its number") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"nothing", "", ""},
      {"one line", "ali@127.0.0.1:50001\n", "ali@127.0.0.1:50001\n"},
      {"no line end at the end", "ali@127.0.0.1:50001", "ali@127.0.0.1:50001\n"},
      {"CRLF", "ali@127.0.0.1:50001\r\nveli@127.0.0.1:50002\r\n",
       "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n"},
      {"empty lines", "\n\nali@127.0.0.1:50001\n\n\r\n", "ali@127.0.0.1:50001\n"},
      {"a port of the system", "ali@127.0.0.1:80\n",
       "1: the port is not 1024 to 65535: ali@127.0.0.1:80\n"},
      {"a blank line is not empty", " \n", "1: the record is not name@ip:port:  \n"},
      {"a comment", "# ours\nali@127.0.0.1:50001\n",
       "ali@127.0.0.1:50001\n1: the record is not name@ip:port: # ours\n"},
      {"what old registries let in", "a@b@..\n@127.0.0.1:50001\na,b@127.0.0.1:50001\n",
       "1: the address is not one host's ip:port: a@b@..\n"
       "2: the name is empty: @127.0.0.1:50001\n"
       "3: the name has a character other than letters, digits, '_', '-' and '.': "
       "a,b@127.0.0.1:50001\n"},
      {"the same name twice", "ali@127.0.0.1:50001\nALI@127.0.0.1:50002\n",
       "ali@127.0.0.1:50001\n2: the name stands in an earlier line: ALI@127.0.0.1:50002\n"},
      {"a comma list is one bad line", "a@127.0.0.1:5001,b@127.0.0.1:5002,\n",
       "1: the address is not one host's ip:port: a@127.0.0.1:5001,b@127.0.0.1:5002,\n"},
      {"numbers count empty lines", "\nx\n\ny\n",
       "2: the record is not name@ip:port: x\n4: the record is not name@ip:port: y\n"},
      {"IPv6", "ali@[2001:db8::1]:50001\n", "ali@[2001:db8::1]:50001\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(describe(registry::parse_user_list(row.text)) == row.expected);
  }
}

/// "+ali@… -veli" for a person's edit of what a directory holds.
std::string plan(const DirectoryWorld& world, std::string_view file) {
  test::TestRandom random(5);
  const auto import = registry::plan_import(
      world.directory.snapshot(), registry::parse_user_list(file), common::WallTime{7}, random);
  std::string out;
  for (const auto& record : import.added)
    out += '+' + common::format_classic_record(record.user.name, record.user.endpoint) + ' ';
  for (const auto& record : import.removed) out += '-' + record.user.name.text() + ' ';
  return out;
}

TEST_CASE("added lines are claimed, missing ones logged out, equal ones left alone") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001", {"127.0.0.1", 't'}) == "written");
  REQUIRE(world.register_user("veli@127.0.0.1:50002") == "written");
  struct Row {
    std::string_view name;
    std::string_view file;
    std::string_view expected;
  };
  const Row rows[] = {
      {"as it was", "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n", ""},
      {"in another order", "veli@127.0.0.1:50002\nali@127.0.0.1:50001\n", ""},
      {"one more", "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\ncan@8.8.8.8:50003\n",
       "+can@8.8.8.8:50003 "},
      {"one less", "ali@127.0.0.1:50001\n", "-veli "},
      {"everybody gone", "", "-ali -veli "},
      {"one moved", "ali@127.0.0.1:50009\nveli@127.0.0.1:50002\n", "+ali@127.0.0.1:50009 "},
      {"one written otherwise", "Ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n",
       "+Ali@127.0.0.1:50001 "},
      {"a bad line in place of one", "ali@127.0.0.1:50001\nveli@127.0.0.1\n", "-veli "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(plan(world, row.file) == row.expected);
  }
}

TEST_CASE("an imported line is a classic UDP record of the address it names, without a token") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
  REQUIRE(world.register_user("veli@10.0.0.5:50002", {"10.0.0.5"}) == "written");
  const auto before = *world.find("ali");
  test::TestRandom random(5);
  const auto import = registry::plan_import(
      world.directory.snapshot(),
      registry::parse_user_list("ali@203.0.113.9:50009\nnew@203.0.113.7:50001\n"
                                "veli@10.0.0.5:50002\n"),
      common::WallTime{7}, random);
  REQUIRE(import.added.size() == 2);
  for (const auto& record : import.added) {
    CHECK(record.source == record.user.endpoint.address);
    CHECK_FALSE(record.token.has_value());
    CHECK(record.user.transport == common::Transport::kUdp);
    CHECK(record.user.door == common::Door::kClassic);
    CHECK(record.user.since.unix_ms == 7);
    CHECK(record.id != before.id);
  }
  CHECK(import.added[0].order == before.order);  // a moved line keeps its place
  CHECK(import.added[1].order == 0);
  CHECK(import.added[0].id != import.added[1].id);
}

}  // namespace
