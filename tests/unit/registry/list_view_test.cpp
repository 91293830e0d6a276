// What a reader is shown, and in which form.
#include "registry/list_view.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/directory_world.hpp"
#include "tests/unit/support/json_text.hpp"

namespace {

using common::Transport;
using registry::ListForm;
using registry::View;
using test::DirectoryWorld;

/// One user of each kind that readers are shown differently.
struct MixedWorld : DirectoryWorld {
  MixedWorld() : DirectoryWorld({.allow_foreign_address = true}) {
    REQUIRE(register_user("ali@127.0.0.1:50001") == "written");
    REQUIRE(register_user("six@[2001:db8::1]:50002") == "written");
    REQUIRE(register_user("loop@[::1]:50003") == "written");
    REQUIRE(register_user("lan@192.168.1.5:50004") == "written");
    transport = Transport::kTcp;
    REQUIRE(register_user("net@127.0.1.1:50005") == "written");
    transport = Transport::kUdp;
  }
};

std::string comma(const DirectoryWorld& world, const View& view) {
  return registry::render_list(world.directory, ListForm::kComma, view);
}

TEST_CASE("a reader is shown only what he can use") {
  MixedWorld world;
  struct Row {
    std::string_view name;
    View view;
    std::string_view expected;
  };
  const Row rows[] = {
      {"everything, from this machine",
       {},
       "ali@127.0.0.1:50001,six@[2001:db8::1]:50002,loop@[::1]:50003,lan@192.168.1.5:50004,"
       "net@127.0.1.1:50005,\r\n\r\n"},
      {"datagrams only",
       {.transport = Transport::kUdp, .loopback_as = {}},
       "ali@127.0.0.1:50001,six@[2001:db8::1]:50002,loop@[::1]:50003,lan@192.168.1.5:50004,"
       "\r\n\r\n"},
      {"TCP only",
       {.transport = Transport::kTcp, .loopback_as = {}},
       "net@127.0.1.1:50005,\r\n\r\n"},
      {"an old program: no IPv6",
       {.transport = Transport::kUdp, .with_ipv6 = false, .loopback_as = {}},
       "ali@127.0.0.1:50001,lan@192.168.1.5:50004,\r\n\r\n"},
      {"from another machine",
       {.transport = Transport::kUdp, .loopback_as = test::ip("192.168.1.1")},
       "ali@192.168.1.1:50001,six@[2001:db8::1]:50002,loop@192.168.1.1:50003,"
       "lan@192.168.1.5:50004,\r\n\r\n"},
      {"from another machine over IPv6",
       {.transport = Transport::kUdp, .loopback_as = test::ip("2001:db8::9")},
       "ali@[2001:db8::9]:50001,six@[2001:db8::1]:50002,loop@[2001:db8::9]:50003,"
       "lan@192.168.1.5:50004,\r\n\r\n"},
      // What would be IPv6 after the exchange is IPv6 to him, and the other way round.
      {"an old program from another machine over IPv6",
       {.transport = Transport::kUdp, .with_ipv6 = false, .loopback_as = test::ip("2001:db8::9")},
       "lan@192.168.1.5:50004,\r\n\r\n"},
      {"an old program from another machine over IPv4",
       {.transport = Transport::kUdp, .with_ipv6 = false, .loopback_as = test::ip("192.168.1.1")},
       "ali@192.168.1.1:50001,loop@192.168.1.1:50003,lan@192.168.1.5:50004,\r\n\r\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(comma(world, row.view) == row.expected);
  }
}

TEST_CASE("each form has its own ends") {
  DirectoryWorld world;
  const View view;
  CHECK(registry::render_list(world.directory, ListForm::kComma, view) == "");
  CHECK(registry::render_list(world.directory, ListForm::kLines, view) == "");
  CHECK(registry::render_list(world.directory, ListForm::kLines, view, false) == "");
  CHECK(registry::render_list(world.directory, ListForm::kJson, view) ==
        "{\"v\":1,\"version\":0,\"users\":[]}\n");
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  REQUIRE(world.register_user("Şule@127.0.0.1:50002") == "written");
  CHECK(registry::render_list(world.directory, ListForm::kComma, view) ==
        "ali@127.0.0.1:50001,Şule@127.0.0.1:50002,\r\n\r\n");
  CHECK(registry::render_list(world.directory, ListForm::kLines, view) ==
        "ali@127.0.0.1:50001\nŞule@127.0.0.1:50002\n");
  CHECK(registry::render_list(world.directory, ListForm::kLines, view, false) ==
        "ali@127.0.0.1:50001\nŞule@127.0.0.1:50002");
  CHECK(registry::render_list(world.directory, ListForm::kJson, view) ==
        R"({"v":1,"version":2,"users":[)"
        R"({"name":"ali","endpoint":"127.0.0.1:50001","transport":"udp","door":"classic",)"
        R"("since":"1970-01-01T01:00:00.000Z"},)"
        R"({"name":"Şule","endpoint":"127.0.0.1:50002","transport":"udp","door":"classic",)"
        R"("since":"1970-01-01T01:00:00.000Z"}]})"
        "\n");
}

TEST_CASE("a list of users none of whom the reader can use is an empty list") {
  DirectoryWorld world;
  world.transport = Transport::kTcp;
  REQUIRE(world.register_user("net@127.0.1.1:50005") == "written");
  CHECK(comma(world, {.transport = Transport::kUdp, .loopback_as = {}}) == "");
}

TEST_CASE("changes are what changed, what left, or the whole list when that is not known") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  REQUIRE(world.register_user("veli@127.0.0.1:50002") == "written");
  REQUIRE(world.logout_user("ali@127.0.0.1:50001") == "written");
  const auto render = [&](registry::Version since) {
    return registry::render_changes(world.directory, since, {});
  };
  CHECK(render(3) == "{\"v\":1,\"version\":3,\"users\":[],\"removed\":[]}\n");
  CHECK(render(2) == "{\"v\":1,\"version\":3,\"users\":[],\"removed\":[\"ali\"]}\n");
  CHECK(test::json_at(render(1), "/users/0/name") == "veli");
  CHECK(test::json_at(render(1), "/removed") == R"(["ali"])");
  CHECK(test::json_at(render(1), "/full") == "(none)");
  CHECK(test::json_at(render(4), "/full") == "true");
  CHECK(test::json_at(render(4), "/users/0/name") == "veli");
  CHECK(test::json_at(render(4), "/removed") == "(none)");
}

TEST_CASE("changes are shown as the list would show them") {
  MixedWorld world;
  const View far{
      .transport = Transport::kUdp, .with_ipv6 = false, .loopback_as = test::ip("192.168.1.1")};
  const std::string text = registry::render_changes(world.directory, 0, far);
  CHECK(test::json_at(text, "/users/0/endpoint") == "192.168.1.1:50001");
  CHECK(test::json_at(text, "/users/1/name") == "loop");
  CHECK(test::json_at(text, "/users/2/name") == "lan");
  CHECK(test::json_at(text, "/users/3") == "(none)");
}

TEST_CASE("a list that one read takes is the plain one") {
  DirectoryWorld world;
  CHECK(registry::render_single_read_list(world.directory, {}, 100) == "");
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  CHECK(registry::render_single_read_list(world.directory, {}, 100) ==
        "ali@127.0.0.1:50001,\r\n\r\n");
}

TEST_CASE("before the record that would cross byte 2,048 the rest is filled with commas") {
  DirectoryWorld world;
  for (int i = 100; i < 300; ++i)
    REQUIRE(world.register_user("user-" + std::to_string(i) + "@127.0.0.1:50001") == "written");
  const std::string whole = registry::render_list(world.directory, ListForm::kComma, {});
  // Every alignment of the records against the bound comes by: the records have 25 bytes.
  for (std::size_t head = 0; head <= 400; ++head) {
    CAPTURE(head);
    const std::string list = registry::render_single_read_list(world.directory, {}, head);
    const std::string first = list.substr(0, 2048 - head);
    REQUIRE(first.size() == 2048 - head);
    REQUIRE(first.back() == ',');
    // Only whole records, then only commas.
    const auto end = first.find(",,");
    REQUIRE(whole.starts_with(first.substr(0, end == first.npos ? end : end + 1)));
    if (end != first.npos) REQUIRE(first.find_first_not_of(',', end) == first.npos);
    // A reader of everything finds every record, in order.
    const auto all = common::parse_classic_list(list);
    REQUIRE(all.records.size() == 200);
    REQUIRE(all.skipped == 0);
    REQUIRE(list.ends_with(",\r\n\r\n"));
  }
}

TEST_CASE("a list that ends at the bound ends there whole, line end and all, or in a comma") {
  // What is left of the line end after a cut would be a name to an old program.
  DirectoryWorld world;
  for (int i = 100; i < 140; ++i)
    REQUIRE(world.register_user("user-" + std::to_string(i) + "@127.0.0.1:50001") == "written");
  const std::string whole = registry::render_list(world.directory, ListForm::kComma, {});
  for (std::size_t over = 0; over <= 40; ++over) {
    CAPTURE(over);
    const std::size_t head = 2048 + over - whole.size();  // so many bytes do not fit
    const std::string list = registry::render_single_read_list(world.directory, {}, head);
    std::string first = list.substr(0, 2048 - head);
    if (const auto end = first.find("\r\n"); end != first.npos) first.resize(end);
    CHECK(first.back() == ',');
    CHECK(first.find('\r') == first.npos);
    CHECK(common::parse_classic_list(first).skipped == 0);
    CHECK(common::parse_classic_list(list).records.size() == 40);
    if (over == 0) CHECK(list == whole);
  }
}

}  // namespace
