// Lists, look-ups and changes over HTTP: which form for whom, and when nothing new is said.
#include <doctest/doctest.h>

#include <algorithm>

#include "registry/http/limits.hpp"
#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::d0_post;
using test::d1_get;
using test::d1_post;
using test::json_at;
using test::kD0List;
using test::kJson;
using test::MemoryRegistry;
using test::modern;
using test::post;

/// The golden pair of users, by whoever registers them.
void register_two(MemoryRegistry& registry) {
  REQUIRE(Answer(registry.call(d0_post("REGISTER alice@127.0.0.1:50001"))).status == 200);
  REQUIRE(Answer(registry.call(d0_post("REGISTER bob@127.0.0.1:50002"))).status == 200);
}

TEST_CASE("D0 is given its list to the byte") {
  MemoryRegistry registry;
  const Answer empty(registry.call(kD0List));
  CHECK(empty.head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  register_two(registry);
  const Answer list(registry.call(kD0List));
  CHECK(list.head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(list.body == "alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n");
  CHECK(list.field("Content-Length") == std::to_string(list.body.size()));
  CHECK(list.field("Connection") == "close");
}

TEST_CASE("D1 is given lines without a last line end, and 200 when nobody is there") {
  MemoryRegistry registry;
  const Answer empty(registry.call(d1_get("/userlist.txt")));
  CHECK(empty.status == 200);
  CHECK(empty.body == "");
  CHECK(empty.field("Connection") == "close");
  REQUIRE(Answer(registry.call(d1_post("UPDATE alice@127.0.1.1:40001"))).status == 200);
  REQUIRE(Answer(registry.call(d1_post("UPDATE bob@127.0.1.1:40002"))).status == 200);
  const Answer list(registry.call(d1_get("/userlist.txt")));
  CHECK(list.body == "alice@127.0.1.1:40001\nbob@127.0.1.1:40002");
  CHECK(list.field("Content-Length") == std::to_string(list.body.size()));
}

TEST_CASE("D1 looks one user up: bare ip:port, or anything but 200") {
  MemoryRegistry registry;
  REQUIRE(Answer(registry.call(d1_post("UPDATE Göktuğ@127.0.1.1:40001"))).status == 200);
  REQUIRE(Answer(registry.call(d0_post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  struct Row {
    std::string_view name;
    std::string_view target;
    int status;
    std::string_view body;
  };
  const Row rows[] = {
      {"not encoded", "/userlist.txt?username=Göktuğ", 200, "127.0.1.1:40001"},
      {"encoded", "/userlist.txt?username=G%C3%B6ktu%C4%9F", 200, "127.0.1.1:40001"},
      {"in another case", "/userlist.txt?username=göktuğ", 200, "127.0.1.1:40001"},
      {"nobody", "/userlist.txt?username=zoe", 404, "user zoe is not found\n"},
      // A datagram's address would be of no use to him.
      {"a user of datagrams", "/userlist.txt?username=ali", 404, "user ali is not found\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Answer answer(registry.call(d1_get(row.target)));
    CHECK(answer.status == row.status);
    CHECK(answer.body == row.body);
  }
}

TEST_CASE("each reader is shown the users that he can reach") {
  MemoryRegistry registry({.rules = {.allow_foreign_address = true}});
  register_two(registry);
  REQUIRE(Answer(registry.call(post("REGISTER six@[2001:db8::1]:50003"))).status == 200);
  REQUIRE(Answer(registry.call(d1_post("UPDATE net@127.0.1.1:40001"))).status == 200);
  struct Row {
    std::string_view name;
    std::string bytes;
    std::string_view source;
    std::string_view local;
    std::string_view expected;
  };
  const std::string_view here = "127.0.0.1";
  const Row rows[] = {
      {"D0", std::string(kD0List), here, here,
       "alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n"},
      {"D1", d1_get("/userlist.txt"), here, here, "net@127.0.1.1:40001"},
      {"curl", modern("GET", "/userlist.txt"), here, here,
       "alice@127.0.0.1:50001,bob@127.0.0.1:50002,six@[2001:db8::1]:50003,\r\n\r\n"},
      {"curl for lines", modern("GET", "/userlist.txt?format=lines"), here, here,
       "alice@127.0.0.1:50001\nbob@127.0.0.1:50002\nsix@[2001:db8::1]:50003\n"},
      {"D0 that asks for lines",
       "GET /userlist.txt?format=lines HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", here, here,
       "alice@127.0.0.1:50001\nbob@127.0.0.1:50002\n"},
      {"D0 from another machine", std::string(kD0List), "192.168.1.9", "192.168.1.1",
       "alice@192.168.1.1:50001,bob@192.168.1.1:50002,\r\n\r\n"},
      {"D1 from another machine", d1_get("/userlist.txt"), "192.168.1.9", "192.168.1.1",
       "net@192.168.1.1:40001"},
      {"curl from another machine", modern("GET", "/userlist.txt"), "192.168.1.9", "192.168.1.1",
       "alice@192.168.1.1:50001,bob@192.168.1.1:50002,six@[2001:db8::1]:50003,\r\n\r\n"},
      {"curl over IPv6", modern("GET", "/userlist.txt"), "2001:db8::9", "2001:db8::2",
       "alice@[2001:db8::2]:50001,bob@[2001:db8::2]:50002,six@[2001:db8::1]:50003,\r\n\r\n"},
      // A wildcard-bound registry has many addresses; the one of this connection is reachable.
      {"curl by another way", modern("GET", "/userlist.txt"), "10.0.0.9", "10.0.0.1",
       "alice@10.0.0.1:50001,bob@10.0.0.1:50002,six@[2001:db8::1]:50003,\r\n\r\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Answer(registry.call(row.bytes, row.source, row.local)).body == row.expected);
  }
  // JSON says the transport, so it has everybody.
  const Answer json(registry.call(modern("GET", "/userlist.txt", kJson)));
  CHECK(json_at(json.body, "/users/2/endpoint") == "[2001:db8::1]:50003");
  CHECK(json_at(json.body, "/users/3/transport") == "tcp");
  CHECK(json_at(json.body, "/users/3/door") == "netchat");
}

TEST_CASE("an empty list is 400 in the classic form, and 200 in every other") {
  MemoryRegistry registry;
  CHECK(Answer(registry.call(modern("GET", "/userlist.txt"))).status == 400);
  CHECK(Answer(registry.call(modern("GET", "/userlist.txt?format=lines"))).status == 200);
  const Answer json(registry.call(modern("GET", "/userlist.txt", kJson)));
  CHECK(json.status == 200);
  CHECK(json.body == "{\"v\":1,\"version\":0,\"users\":[]}\n");
}

TEST_CASE("format and Accept decide before the sort of program does") {
  MemoryRegistry registry;
  register_two(registry);
  const auto old_with = [&](std::string_view target) {
    return Answer(
        registry.call("GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  };
  CHECK(json_at(old_with("/userlist.txt?format=json").body, "/version") == "2");
  CHECK(old_with("/userlist.txt?format=lines").body.ends_with("50002\n"));
  const auto by = [&](std::string_view target, std::string_view fields) {
    return Answer(registry.call(modern("GET", target, fields)));
  };
  CHECK(by("/userlist.txt?format=lines", kJson).body.starts_with("alice@"));
  CHECK(json_at(by("/userlist.txt", "Accept: text/html, application/json;q=0.9\r\n").body,
                "/version") == "2");
  CHECK(by("/userlist.txt", "Accept: */*\r\n").body.starts_with("alice@"));
  CHECK(by("/userlist.txt?format=xml", "").status == 400);
  CHECK(by("/userlist.txt?format=", "").status == 400);
}

TEST_CASE("every list has an ETag, and is not sent again while nothing changed") {
  MemoryRegistry registry;
  register_two(registry);
  for (const std::string_view target :
       {"/userlist.txt", "/userlist.txt?format=lines", "/userlist.txt?format=json"}) {
    CAPTURE(target);
    const Answer first(registry.call(modern("GET", target)));
    const std::string etag = first.field("ETag");
    REQUIRE(etag != "(none)");
    CHECK(first.field("Vary") == "Accept, User-Agent");
    CHECK(first.field("Cache-Control") == "no-cache");
    const auto again = [&](const std::string& known) {
      return Answer(registry.call(modern("GET", target, "If-None-Match: " + known + "\r\n")));
    };
    for (const std::string& known : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
      CAPTURE(known);
      const Answer same = again(known);
      CHECK(same.status == 304);
      CHECK(same.body == "");
      CHECK(same.field("ETag") == etag);
      CHECK(same.field("Vary") == "Accept, User-Agent");
    }
    CHECK(again("\"other\"").status == 200);
    CHECK(again("\"other\"\r\nIf-None-Match: " + etag).status == 304);  // two fields are one list
    CHECK(again("").status == 200);
    REQUIRE(
        Answer(registry.call(post("UPDATE bob@127.0.0.1:" + std::to_string(50010 + target.size()))))
            .status == 200);
    CHECK(again(etag).status == 200);
  }
}

TEST_CASE("a refresh changes no ETag") {
  MemoryRegistry registry;
  register_two(registry);
  const auto etag = [&] {
    return Answer(registry.call(modern("GET", "/userlist.txt"))).field("ETag");
  };
  const std::string before = etag();
  REQUIRE(Answer(registry.call(post("UPDATE bob@127.0.0.1:50002"))).status == 200);
  CHECK(etag() == before);
}

TEST_CASE("two forms of one list, and two views of it, have different ETags") {
  MemoryRegistry registry;
  register_two(registry);
  std::vector<std::string> etags;
  for (const std::string_view target :
       {"/userlist.txt", "/userlist.txt?format=lines", "/userlist.txt?format=json"})
    for (const std::string_view local : {"192.168.1.1", "10.0.0.1"}) {
      const std::string source = local == "10.0.0.1" ? "10.0.0.9" : "192.168.1.9";
      etags.push_back(Answer(registry.call(modern("GET", target), source, local)).field("ETag"));
    }
  etags.push_back(Answer(registry.call(modern("GET", "/userlist.txt"))).field("ETag"));
  std::sort(etags.begin(), etags.end());
  CHECK(std::adjacent_find(etags.begin(), etags.end()) == etags.end());
}

TEST_CASE("old programs are given no field that they did not ask for") {
  MemoryRegistry registry;
  register_two(registry);
  const Answer list(registry.call(kD0List));
  for (const std::string_view field : {"ETag", "Vary", "Cache-Control", "X-Content-Type-Options"}) {
    CAPTURE(field);
    CHECK(list.field(field) == "(none)");
  }
}

TEST_CASE("the ready answer to a plain list says the same as the long way") {
  MemoryRegistry registry;
  register_two(registry);
  const auto ready_lists = [&] { return registry.node().api().counters().ready_lists; };
  const Answer ready(registry.call(modern("GET", "/userlist.txt")));
  CHECK(ready_lists() == 1);
  // An If-None-Match goes the long way.
  const Answer long_way(registry.call(modern("GET", "/userlist.txt", "If-None-Match: x\r\n")));
  CHECK(ready_lists() == 1);
  CHECK(ready.body == long_way.body);
  CHECK(ready.status == long_way.status);
  for (const std::string_view field : {"Content-Type", "Content-Length", "Cache-Control", "ETag",
                                       "Vary", "X-Content-Type-Options"}) {
    CAPTURE(field);
    CHECK(ready.field(field) == long_way.field(field));
  }
  const Answer closing(registry.call(modern("GET", "/userlist.txt", "Connection: close\r\n")));
  CHECK(closing.field("Connection") == "close");
  CHECK(closing.body == ready.body);
}

TEST_CASE("the ready answer to a look-up says the same as the long way") {
  MemoryRegistry registry({.rules = {.allow_foreign_address = true}});
  register_two(registry);
  REQUIRE(Answer(registry.call(d1_post("UPDATE net@127.0.1.1:40001"))).status == 200);
  REQUIRE(Answer(registry.call(post("REGISTER six@[2001:db8::1]:50003"))).status == 200);
  REQUIRE(Answer(registry.call(post("REGISTER Şule@127.0.0.1:50004"))).status == 200);
  const auto ready_lookups = [&] { return registry.node().api().counters().ready_lookups; };
  for (const std::string_view name : {"alice", "ALICE", "net", "six", "zoe", "%C5%9Eule", "al%69ce",
                                      "a+b", "user", "", "alice&format=json", "alice%00"})
    for (const std::string_view fields :
         {"", "Accept: */*\r\n", "Accept: application/json\r\n", "Connection: close\r\n",
          "Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"})
      for (const std::string_view local : {"127.0.0.1", "192.168.1.1"}) {
        CAPTURE(name);
        CAPTURE(fields);
        CAPTURE(local);
        const std::string_view source = local == "127.0.0.1" ? local : "192.168.1.9";
        const std::string target = "/userlist.txt?username=" + std::string(name);
        const Answer ready(registry.call(modern("GET", target, fields), source, local));
        const auto before = ready_lookups();
        // A field without meaning here goes the long way.
        const std::string more = std::string(fields) + "If-None-Match: \"x\"\r\n";
        const Answer long_way(registry.call(modern("GET", target, more), source, local));
        CHECK(ready_lookups() == before);
        CHECK(ready.status == long_way.status);
        CHECK(ready.body == long_way.body);
        for (const std::string_view field : {"Content-Type", "Content-Length", "Connection",
                                             "X-Content-Type-Options", "Vary", "ETag"})
          CHECK(ready.field(field) == long_way.field(field));
      }
  CHECK(ready_lookups() > 0);
}

TEST_CASE("two Accept fields are one list, for every answer alike") {
  // RFC 9110, 5.3: as if the second's value followed the first's, after a comma.
  MemoryRegistry registry;
  register_two(registry);
  for (const std::string_view target :
       {"/userlist.txt", "/userlist.txt?username=alice", "/userlist.txt?username=zoe"})
    for (const std::string_view fields : {"Accept: text/html\r\nAccept: application/json\r\n",
                                          "Accept: application/json\r\nAccept: text/html\r\n"}) {
      CAPTURE(target);
      CAPTURE(fields);
      CHECK(Answer(registry.call(modern("GET", target, fields))).field("Content-Type") ==
            "application/json");
    }
}

TEST_CASE("more views than are kept ready are all right, one after the other") {
  MemoryRegistry registry;
  register_two(registry);
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < 2 * registry::http::kRenderedListsMax; ++i) {
      const std::string local = "10.0.1." + std::to_string(i + 1);
      const Answer answer(registry.call(modern("GET", "/userlist.txt"), "10.0.0.9", local));
      CHECK(answer.body == "alice@" + local + ":50001,bob@" + local + ":50002,\r\n\r\n");
    }
}

TEST_CASE("a look-up is ip:port, or the user's object alone") {
  MemoryRegistry registry;
  register_two(registry);
  const Answer text(registry.call(modern("GET", "/userlist.txt?username=alice")));
  CHECK(text.body == "127.0.0.1:50001");
  const Answer json(registry.call(modern("GET", "/userlist.txt?username=alice", kJson)));
  CHECK(json_at(json.body, "/name") == "alice");
  CHECK(json_at(json.body, "/endpoint") == "127.0.0.1:50001");
  CHECK(json_at(json.body, "/since").starts_with("2026-"));
  const Answer far(
      registry.call(modern("GET", "/userlist.txt?username=ALICE"), "192.168.1.9", "192.168.1.1"));
  CHECK(far.body == "192.168.1.1:50001");
}

TEST_CASE("changes since a version carry what changed, and the whole list when that is unknown") {
  MemoryRegistry registry;
  register_two(registry);
  REQUIRE(Answer(registry.call(post("LOGOUT alice@127.0.0.1:50001"))).status == 200);
  const auto since = [&](std::string_view version) {
    return Answer(registry.call(modern("GET", "/userlist.txt?since=" + std::string(version))));
  };
  CHECK(since("3").body == "{\"v\":1,\"version\":3,\"users\":[],\"removed\":[]}\n");
  CHECK(json_at(since("1").body, "/users/0/name") == "bob");
  CHECK(json_at(since("1").body, "/removed/0") == "alice");
  CHECK(json_at(since("0").body, "/removed/0") == "alice");
  CHECK(json_at(since("99").body, "/full") == "true");
  CHECK(json_at(since("99").body, "/users/0/name") == "bob");
  CHECK(since("18446744073709551615").status == 200);
  for (const std::string_view bad :
       {"", "-1", "+1", "1x", "0x1", "1.0", "18446744073709551616", "%201"}) {
    CAPTURE(bad);
    CHECK(since(bad).status == 400);
  }
}

TEST_CASE("of a parameter given twice the first counts; unknown ones do no harm") {
  MemoryRegistry registry;
  register_two(registry);
  const auto get = [&](std::string_view target) {
    return Answer(registry.call(modern("GET", target)));
  };
  CHECK(get("/userlist.txt?username=alice&username=bob").body == "127.0.0.1:50001");
  CHECK(get("/userlist.txt?x=y&username=bob").body == "127.0.0.1:50002");
  CHECK(get("/userlist.txt?x").body.starts_with("alice@"));
  CHECK(get("/userlist.txt?").body.starts_with("alice@"));
  CHECK(get("/userlist.txt?Username=bob").body.starts_with("alice@"));
}

}  // namespace
