#include "common/user_json.hpp"

#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "common/limits.hpp"
#include "tests/unit/support/json_text.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using common::JsonError;

common::User bob() {
  return {test::name("bob"), test::endpoint("10.0.0.5:40123"), common::Transport::kUdp,
          common::Door::kClassic, common::WallTime{1'795'215'021'407}};
}

std::string describe(const common::expected<common::UserListJson, JsonError>& list) {
  if (!list) return "! " + std::string(to_string(list.error()));
  std::string out = std::to_string(list->version);
  for (const auto& user : list->users)
    out += ' ' + common::format_classic_record(user.name, user.endpoint) + '/' +
           std::string(to_string(user.transport)) + '/' + std::string(to_string(user.door));
  for (const auto& name : list->removed) out += " -" + name;
  return out + (list->full ? " full" : "");
}

TEST_CASE("a user is written as the protocol page shows him") {
  std::string out;
  common::append_user_json(out, bob());
  CHECK(out == R"({"name":"bob","endpoint":"10.0.0.5:40123","transport":"udp","door":"classic",)"
               R"("since":"2026-11-20T22:50:21.407Z"})");
  CHECK(test::json_at(out, "/endpoint") == "10.0.0.5:40123");
}

TEST_CASE("a written user is read back the same, but for a time that nobody decides by") {
  for (const std::string_view record :
       {"bob@10.0.0.5:40123", "Göktuğ@[2001:db8::1]:1024", "山田@127.0.0.1:65535"})
    for (const auto transport : {common::Transport::kUdp, common::Transport::kTcp})
      for (const auto door : {common::Door::kClassic, common::Door::kNetchat}) {
        CAPTURE(record);
        const auto parsed = test::record(record);
        std::string out;
        common::append_user_json(out, {parsed.name, parsed.endpoint, transport, door, {}});
        const auto user = common::decode_user(out);
        REQUIRE(user.has_value());
        CHECK(user->name.text() == parsed.name.text());
        CHECK(user->endpoint == parsed.endpoint);
        CHECK(user->transport == transport);
        CHECK(user->door == door);
      }
}

TEST_CASE("a certificate is shown in base64, and read back as it is") {
  common::User user = bob();
  user.certificate =
      std::make_shared<const std::string>(common::encode_base64(test::certificate_bytes(1, "bob")));
  std::string out;
  common::append_user_json(out, user);
  CHECK(test::json_at(out, "/certificate") == *user.certificate);
  const auto again = common::decode_user(out);
  REQUIRE(again.has_value());
  REQUIRE(again->certificate != nullptr);
  CHECK(*again->certificate == *user.certificate);
}

TEST_CASE("a user whose certificate cannot be one is left out: he is none who takes plain text") {
  for (const std::string& text :
       {std::string("5"), std::string("null"), std::string("\"\""), std::string("\"AAAA\""),
        '"' + std::string(288, '*') + '"', '"' + std::string(288, 'A') + '"'}) {
    CAPTURE(text);
    CHECK_FALSE(common::decode_user(
        R"({"name":"bob","endpoint":"10.0.0.5:40123","transport":"udp","certificate":)" + text +
        '}'));
  }
  CHECK(common::decode_user(
      R"({"name":"bob","endpoint":"10.0.0.5:40123","transport":"udp","certificate":")" +
      std::string(284, 'A') + "\"}"));
}

TEST_CASE("a list is read, and users that break our own rules are left out of it") {
  struct Row {
    std::string_view name;
    std::string text;
    std::string_view expected;
  };
  const std::string ok =
      R"({"name":"a","endpoint":"10.0.0.1:5001","transport":"udp","door":"classic"})";
  const auto list_of = [](const std::string& user) {
    return R"({"v":1,"version":7,"users":[)" + user + "]}";
  };
  const Row rows[] = {
      {"nobody", R"({"v":1,"version":7,"users":[]})", "7 full"},
      {"one", list_of(ok), "7 a@10.0.0.1:5001/udp/classic full"},
      {"members of a later version",
       list_of(R"({"new":[1],"name":"a","endpoint":"10.0.0.1:5001",)"
               R"("transport":"tcp","door":"netchat"})"),
       "7 a@10.0.0.1:5001/tcp/netchat full"},
      {"a door of a later version",
       list_of(R"({"name":"a","endpoint":"10.0.0.1:5001",)"
               R"("transport":"udp","door":"window"})"),
       "7 a@10.0.0.1:5001/udp/classic full"},
      {"no door", list_of(R"({"name":"a","endpoint":"10.0.0.1:5001","transport":"udp"})"),
       "7 a@10.0.0.1:5001/udp/classic full"},
      {"a transport of a later version",
       list_of(R"({"name":"a","endpoint":"10.0.0.1:5001","transport":"quic"})"), "7 full"},
      {"no transport", list_of(R"({"name":"a","endpoint":"10.0.0.1:5001"})"), "7 full"},
      {"no name", list_of(R"({"endpoint":"10.0.0.1:5001","transport":"udp"})"), "7 full"},
      {"an escape in the name",
       list_of(R"({"name":"a\u001b[2J","endpoint":"10.0.0.1:5001","transport":"udp"})"), "7 full"},
      {"an at sign in the name",
       list_of(R"({"name":"a@10.0.0.9:1","endpoint":"10.0.0.1:5001","transport":"udp"})"),
       "7 full"},
      {"a reserved name", list_of(R"({"name":"ALL","endpoint":"10.0.0.1:5001","transport":"udp"})"),
       "7 full"},
      {"a name that is a number",
       list_of(R"({"name":5,"endpoint":"10.0.0.1:5001","transport":"udp"})"), "7 full"},
      {"a multicast address",
       list_of(R"({"name":"a","endpoint":"224.0.0.1:5001","transport":"udp"})"), "7 full"},
      {"a system port", list_of(R"({"name":"a","endpoint":"10.0.0.1:53","transport":"udp"})"),
       "7 full"},
      {"users that are no objects", list_of(R"(1,"a",null,[],)" + ok),
       "7 a@10.0.0.1:5001/udp/classic full"},
      {"changes", R"({"v":1,"version":9,"users":[],"removed":["ann","bob"]})", "9 -ann -bob"},
      {"removed names that are no texts", R"({"version":9,"users":[],"removed":[1,"bob",{}]})",
       "9 -bob"},
      {"removed is no list", R"({"version":9,"users":[],"removed":"bob"})", "9 full"},
      {"nothing", "", "! is not JSON"},
      {"an old registry's list", "a@10.0.0.1:5001,\r\n\r\n", "! is not JSON"},
      {"cut short", R"({"v":1,"version":7,"users":[)", "! is not JSON"},
      {"something behind", R"({"version":7,"users":[]} x)", "! is not JSON"},
      {"ill-formed UTF-8", "{\"version\":7,\"users\":[],\"x\":\"\xff\"}", "! is not JSON"},
      {"a list instead of an object", "[]", "! does not have the expected members"},
      {"no version", R"({"users":[]})", "! does not have the expected members"},
      {"a version below nothing", R"({"version":-1,"users":[]})",
       "! does not have the expected members"},
      {"a version of halves", R"({"version":1.5,"users":[]})",
       "! does not have the expected members"},
      {"a version as text", R"({"version":"7","users":[]})",
       "! does not have the expected members"},
      {"no users", R"({"version":7})", "! does not have the expected members"},
      {"users as an object", R"({"version":7,"users":{}})", "! does not have the expected members"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(describe(common::decode_user_list(row.text)) == row.expected);
  }
}

TEST_CASE("the room is no user of a list, but can be looked up") {
  const std::string room =
      R"({"name":"room","via":"relay","transport":"udp","door":"room","since":"2026-11-20T22:50:21.407Z"})";
  const auto found = common::decode_user(room);
  REQUIRE(found.has_value());
  CHECK(found->name.is_room());
  CHECK(found->is_relayed);
  CHECK(found->door == common::Door::kRoom);
  const auto list = common::decode_user_list(R"({"v":1,"version":7,"users":[)" + room + "]}");
  REQUIRE(list.has_value());
  CHECK(list->users.empty());
}

TEST_CASE("every truncation of a list is refused") {
  std::string text = R"({"v":1,"version":7,"users":[)";
  common::append_user_json(text, bob());
  text += R"(],"removed":["ann"]})";
  REQUIRE(common::decode_user_list(text).has_value());
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    const auto list = common::decode_user_list(std::string_view(text).substr(0, size));
    REQUIRE_FALSE(list.has_value());
    CHECK(list.error() == JsonError::kNotJson);
  }
}

TEST_CASE("deep nesting is refused at its bound, and at a million levels without harm") {
  const auto nested = [](std::size_t depth) {
    return R"({"version":1,"users":[],"x":)" + std::string(depth - 1, '[') +
           std::string(depth - 1, ']') + '}';
  };
  // The object itself is one level.
  CHECK(common::decode_user_list(nested(common::kJsonDepthMax)).has_value());
  const auto refused = common::decode_user_list(nested(common::kJsonDepthMax + 2));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == JsonError::kTooDeep);
  for (const char open : {'[', '{'}) {
    std::string hostile(1'000'000, open);
    if (open == '{') {
      hostile.clear();
      for (int i = 0; i < 200'000; ++i) hostile += R"({"a":)";
    }
    const auto answer = common::decode_user_list(hostile);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error() == JsonError::kTooDeep);
  }
}

TEST_CASE("a registration's answer is its lease") {
  const auto lease = common::decode_registration(R"({"v":1,"name":"a","lease_s":200})");
  REQUIRE(lease.has_value());
  CHECK(lease->lease_s == 200);
  for (const std::string_view text :
       {"", "OK", "{}", "[]", "200", R"({"lease_s":"200"})", R"({"lease_s":-1})",
        R"({"lease_s":1e3})", R"({"lease_s":null})"}) {
    CAPTURE(text);
    CHECK_FALSE(common::decode_registration(text).has_value());
  }
}

TEST_CASE("an error is read whole or not at all") {
  const auto error = common::decode_error(
      R"({"code":40401,"http":404,"error":"user zoe is not found","link":"x","online":3})");
  REQUIRE(error.has_value());
  CHECK(error->code == 40401);
  CHECK(error->http == 404);
  CHECK(error->error == "user zoe is not found");
  CHECK(error->online == 3);
  CHECK_FALSE(common::decode_error(R"({"code":1,"http":404,"error":"x"})")->online.has_value());
  for (const std::string_view text :
       {"", "not found", "{}", R"({"http":404,"error":"x"})", R"({"code":1,"error":"x"})",
        R"({"code":1,"http":404})", R"({"code":100000,"http":404,"error":"x"})",
        R"({"code":1,"http":600,"error":"x"})", R"({"code":1,"http":404,"error":5})"}) {
    CAPTURE(text);
    CHECK_FALSE(common::decode_error(text).has_value());
  }
}

TEST_CASE("any bytes become a JSON string that parses") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view plain;
    std::string_view ascii;
  };
  const Row rows[] = {
      {"nothing", "", R"("")", R"("")"},
      {"plain", "abc", R"("abc")", R"("abc")"},
      {"a quote", "a\"b", R"("a\"b")", R"("a\"b")"},
      {"a backslash", "a\\b", R"("a\\b")", R"("a\\b")"},
      {"controls", "\x1b\n\t", R"("\u001b\n\t")", R"("\u001b\n\t")"},
      {"NUL", std::string_view("\0", 1), R"("\u0000")", R"("\u0000")"},
      {"Turkish", "ş", "\"ş\"", R"("\u015f")"},
      {"an emoji", "👋", "\"👋\"", R"("\ud83d\udc4b")"},
      {"right-to-left override", "\u202e", "\"\u202e\"", R"("\u202e")"},
      {"ill-formed UTF-8", "a\xff", "\"a\ufffd\"", R"("a\ufffd")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(common::json_string(row.text) == row.plain);
    CHECK(common::json_string(row.text, /*ascii=*/true) == row.ascii);
  }
  std::string everything;
  for (int byte = 0; byte < 256; ++byte) everything += static_cast<char>(byte);
  const std::string ascii = common::json_string(everything, true);
  CHECK(test::json_at(ascii, "") != "(not JSON)");
  for (const char c : ascii) CHECK((c >= 0x20 && c < 0x7f));
}

}  // namespace
