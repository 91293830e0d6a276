// Requests to a registry and what its answers mean, of old and new ones.
#include "peer/registry_protocol.hpp"

#include <doctest/doctest.h>

#include "common/signed_request.hpp"
#include "tests/unit/support/signers.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using peer::HttpAnswer;
using peer::Verb;

std::string describe(const peer::HttpRequest& request) {
  std::string out = request.method + ' ' + request.target + '\n';
  for (const auto& [name, value] : request.headers) out += name + ": " + value + '\n';
  return out + request.body;
}

TEST_CASE("a registration is the classic request, with what only a new registry knows in fields") {
  const auto make = [](Verb verb, std::string_view name, std::string_view endpoint,
                       const std::optional<std::string>& token) {
    return describe(
        peer::make_registration(verb, test::name(name), test::endpoint(endpoint), token));
  };
  CHECK(make(Verb::kRegister, "alice", "127.0.0.1:50001", std::nullopt) ==
        "POST /userlist.txt\nAccept: application/json\nUser-Agent: peer/0.1.0\n"
        "Content-Type: text/plain\nREGISTER alice@127.0.0.1:50001");
  CHECK(make(Verb::kUpdate, "alice", "127.0.0.1:50001", "T") ==
        "POST /userlist.txt\nAccept: application/json\nUser-Agent: peer/0.1.0\n"
        "Content-Type: text/plain\nOwner-Token: T\nUPDATE alice@127.0.0.1:50001");
  CHECK(make(Verb::kLogout, "Göktuğ", "[2001:db8::1]:50001", std::nullopt)
            .ends_with("\nLOGOUT Göktuğ@[2001:db8::1]:50001"));
}

TEST_CASE("a registration is signed for one registry, in fields that an old one ignores") {
  const auto plain = peer::make_registration(Verb::kRegister, test::name("ali"),
                                             test::endpoint("127.0.0.1:50001"), std::nullopt);
  auto request = plain;
  const auto certificate = test::certificate_bytes(1, "ali");
  peer::sign_registration(request, "127.0.0.1:8080", test::identity_from(1), certificate, 7);
  CHECK(request.body == plain.body);
  CHECK(request.target == plain.target);
  REQUIRE(request.headers.size() == plain.headers.size() + 3);
  const auto field = [&](std::string_view name) {
    for (const auto& [key, value] : request.headers)
      if (key == name) return value;
    return std::string();
  };
  const common::SignatureFields fields{.certificate = field("Session-Certificate"),
                                       .serial = field("Request-Serial"),
                                       .signature = field("Request-Signature")};
  const auto verify = [&](std::string_view host) {
    return common::verify_request(
        fields, {.host = host, .method = "POST", .path = request.target, .body = request.body}, {});
  };
  const auto signer = verify("127.0.0.1:8080");
  REQUIRE(signer);
  CHECK(signer->serial == 7);
  CHECK(signer->certificate.identity == test::identity_from(1).key());
  CHECK_FALSE(verify("127.0.0.1:8081"));
}

TEST_CASE("a serial that was used is a reason to sign anew, a bound name is one that is taken") {
  const auto outcome = [](int code) {
    return peer::interpret_registration(Verb::kRegister,
                                        {.status = 406,
                                         .is_json = true,
                                         .body = R"({"code":)" + std::to_string(code) +
                                                 R"(,"http":406,"error":"why","link":"x"})"});
  };
  CHECK(std::holds_alternative<peer::Unavailable>(outcome(40604)));
  CHECK(std::holds_alternative<peer::NameTaken>(outcome(40603)));
  CHECK(std::holds_alternative<peer::NameTaken>(outcome(40601)));
}

TEST_CASE("a LOGOUT's record is the REGISTER's to the byte") {
  for (const std::string_view endpoint : {"127.0.0.1:50001", "[::1]:1024", "10.1.2.3:65535"}) {
    const auto body = [&](Verb verb) {
      const auto request =
          peer::make_registration(verb, test::name("Ali"), test::endpoint(endpoint), std::nullopt);
      return request.body.substr(request.body.find(' '));
    };
    CHECK(body(Verb::kRegister) == body(Verb::kLogout));
    CHECK(body(Verb::kRegister) == body(Verb::kUpdate));
  }
}

TEST_CASE("lists and look-ups are asked for so that an old registry understands them too") {
  CHECK(describe(peer::make_list_request("")) ==
        "GET /userlist.txt\nAccept: application/json\nUser-Agent: peer/0.1.0\n");
  CHECK(describe(peer::make_list_request("\"5j\"")) ==
        "GET /userlist.txt\nAccept: application/json\nUser-Agent: peer/0.1.0\n"
        "If-None-Match: \"5j\"\n");
  CHECK(describe(peer::make_lookup(test::name("bob"))) ==
        "GET /userlist.txt?username=bob\nAccept: application/json\nUser-Agent: peer/0.1.0\n");
  CHECK(peer::make_lookup(test::name("a_b-c.d1")).target == "/userlist.txt?username=a_b-c.d1");
  CHECK(peer::make_lookup(test::name("Göktuğ")).target ==
        "/userlist.txt?username=G%C3%B6ktu%C4%9F");
  CHECK(peer::make_lookup(test::name("山田")).target ==
        "/userlist.txt?username=%E5%B1%B1%E7%94%B0");
}

/// The outcome in words.
template <typename Outcome>
std::string words(const Outcome& outcome) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, peer::Accepted>) {
          if (!value.lease) return "accepted";
          return "accepted for " +
                 std::to_string(
                     std::chrono::duration_cast<std::chrono::seconds>(*value.lease).count()) +
                 " s";
        } else if constexpr (std::is_same_v<T, peer::NameTaken>) {
          return "taken";
        } else if constexpr (std::is_same_v<T, peer::NotListed>) {
          return "not listed";
        } else if constexpr (std::is_same_v<T, peer::NotModified>) {
          return "not modified";
        } else if constexpr (std::is_same_v<T, peer::NotFound>) {
          return value.is_nobody_online ? "not found, nobody online" : "not found";
        } else if constexpr (std::is_same_v<T, peer::UserList>) {
          std::string out = "list";
          for (const auto& user : value.users)
            out += ' ' + common::format_classic_record(user.name, user.endpoint);
          return out;
        } else if constexpr (std::is_same_v<T, common::User>) {
          return "user " + common::format_classic_record(value.name, value.endpoint);
        } else if constexpr (std::is_same_v<T, peer::Refused>) {
          return "refused: " + value.text;
        } else if constexpr (std::is_same_v<T, peer::Unavailable>) {
          return "unavailable: " + value.text;
        } else {
          return "not understood: " + value.text;
        }
      },
      outcome);
}

HttpAnswer text(int status, std::string body = "") {
  return {.status = status, .is_json = false, .etag = "", .body = std::move(body)};
}
HttpAnswer json_answer(int status, std::string body) {
  return {.status = status, .is_json = true, .etag = "", .body = std::move(body)};
}

TEST_CASE("a registration's answer is understood, of old and new registries") {
  const std::string error = R"({"code":40003,"http":400,"error":"the address is not yours"})";
  const std::string down = R"({"code":50301,"http":503,"error":"cannot write now"})";
  struct Row {
    std::string_view name;
    Verb verb;
    HttpAnswer answer;
    std::string_view expected;
  };
  const Row rows[] = {
      {"an old registry accepts", Verb::kRegister, text(200), "accepted"},
      {"a new one tells its lease", Verb::kRegister,
       json_answer(200, R"({"v":1,"name":"a","endpoint":"127.0.0.1:50001","lease_s":200})"),
       "accepted for 200 s"},
      {"a page of something else", Verb::kRegister, text(200, "<html>"), "accepted"},
      {"a lease beyond all measure", Verb::kUpdate,
       json_answer(200, R"({"lease_s":18446744073709551615})"), "accepted for 315360000 s"},
      {"taken", Verb::kRegister, text(406), "taken"},
      {"taken, in JSON", Verb::kUpdate,
       json_answer(406, R"({"code":40601,"http":406,"error":"x"})"), "taken"},
      {"an old registry's 400", Verb::kRegister, text(400), "refused: status 400"},
      {"a new one's 400", Verb::kRegister, json_answer(400, error),
       "refused: the address is not yours"},
      {"LOGOUT of what is not there", Verb::kLogout, text(400), "not listed"},
      {"LOGOUT of what is not there, in JSON", Verb::kLogout, json_answer(400, error),
       "not listed"},
      {"LOGOUT done", Verb::kLogout, text(200), "accepted"},
      {"LOGOUT of somebody else's", Verb::kLogout, text(406), "taken"},
      {"a foreign host", Verb::kRegister, text(421, "not my name\n"), "refused: not my name"},
      {"not found", Verb::kRegister, text(404, "no such page"), "refused: no such page"},
      {"too many requests", Verb::kRegister, text(429, "slow down"), "unavailable: slow down"},
      {"the disk is full", Verb::kRegister, json_answer(503, down),
       "unavailable: cannot write now"},
      {"a broken gateway", Verb::kRegister, text(502, "bad gateway"),
       "not understood: it answered bad gateway"},
      {"a redirection", Verb::kRegister, text(301), "not understood: it answered status 301"},
      {"no content", Verb::kRegister, text(204), "not understood: it answered status 204"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(peer::interpret_registration(row.verb, row.answer)) == row.expected);
  }
}

TEST_CASE("a NetChat registration is as the old client words it, with the transport in a field") {
  CHECK(describe(peer::make_netchat_registration(Verb::kUpdate, "alice@", std::nullopt)) ==
        "POST /\nAccept: application/json\nUser-Agent: peer/0.1.0\n"
        "Content-Type: text/plain\nEndpoint-Transport: tcp\nUPDATE alice@");
  CHECK(describe(peer::make_netchat_registration(Verb::kLogout, "alice@127.0.0.1:40001", "T")) ==
        "POST /\nAccept: application/json\nUser-Agent: peer/0.1.0\n"
        "Content-Type: text/plain\nEndpoint-Transport: tcp\nOwner-Token: T\n"
        "LOGOUT alice@127.0.0.1:40001");
}

TEST_CASE("what an old registry's users take is known by whose registry it is") {
  const auto list = [](common::Transport plain) {
    const auto outcome = peer::interpret_list(text(200, "alice@127.0.0.1:50001\n"), plain);
    return std::get<peer::UserList>(outcome).users.at(0);
  };
  CHECK(list(common::Transport::kUdp).transport == common::Transport::kUdp);
  CHECK(list(common::Transport::kTcp).transport == common::Transport::kTcp);
  CHECK(list(common::Transport::kTcp).door == common::Door::kNetchat);
  for (const std::string_view body : {"127.0.0.1:50001", "bob@127.0.0.1:50001,\r\n\r\n"}) {
    const auto found = peer::interpret_lookup(test::name("bob"), text(200, std::string(body)),
                                              common::Transport::kTcp);
    CHECK(std::get<common::User>(found).transport == common::Transport::kTcp);
  }
}

TEST_CASE("a list is understood in every form") {
  struct Row {
    std::string_view name;
    HttpAnswer answer;
    std::string_view expected;
  };
  const std::string user =
      R"({"name":"alice","endpoint":"127.0.0.1:50001","transport":"udp","door":"classic"})";
  const std::string tcp =
      R"({"name":"net","endpoint":"127.0.0.1:50002","transport":"tcp","door":"netchat"})";
  const Row rows[] = {
      {"D0's golden list", text(200, "alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n"),
       "list alice@127.0.0.1:50001 bob@127.0.0.1:50002"},
      {"D0's empty list", text(400), "list"},
      {"D1's lines", text(200, "alice@127.0.0.1:50001\nbob@127.0.0.1:50002"),
       "list alice@127.0.0.1:50001 bob@127.0.0.1:50002"},
      {"D0's list cut at 2,048 bytes", text(200, "alice@127.0.0.1:50001,bob@127.0.0."),
       "list alice@127.0.0.1:50001"},
      {"a file with what D0 lets in", text(200, "a@b@..,,@127.0.0.1:5001,ok@127.0.0.1:50001,"),
       "list ok@127.0.0.1:50001"},
      {"ours", json_answer(200, R"({"v":1,"version":3,"users":[)" + user + ',' + tcp + "]}"),
       "list alice@127.0.0.1:50001 net@127.0.0.1:50002"},
      {"ours, empty", json_answer(200, R"({"v":1,"version":3,"users":[]})"), "list"},
      {"nothing new", text(304), "not modified"},
      {"JSON that is none", json_answer(200, "alice@127.0.0.1:50001,"),
       "not understood: its list is not JSON"},
      {"JSON of another sort", json_answer(200, "{}"),
       "not understood: its list does not have the expected members"},
      {"JSON nested deeply", json_answer(200, std::string(100'000, '[')),
       "not understood: its list is nested too deeply"},
      {"400 in JSON is no empty list",
       json_answer(400, R"({"code":40006,"http":400,"error":"malformed"})"), "refused: malformed"},
      {"a foreign host", text(421, "not my name"), "refused: not my name"},
      {"forbidden", text(403), "refused: status 403"},
      {"busy", text(503, "later"), "unavailable: later"},
      {"too many requests", text(429), "unavailable: status 429"},
      {"a server's error", text(500), "not understood: it answered status 500"},
      {"a web page", text(200, "<html><body>hello</body></html>"), "list"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(peer::interpret_list(row.answer)) == row.expected);
  }
}

TEST_CASE("a look-up is understood, also where an old registry answers with its whole list") {
  struct Row {
    std::string_view name;
    HttpAnswer answer;
    std::string_view expected;
  };
  const std::string user =
      R"({"name":"Bob","endpoint":"127.0.0.1:50002","transport":"udp","door":"classic"})";
  const Row rows[] = {
      {"ours", json_answer(200, user), "user Bob@127.0.0.1:50002"},
      {"D1's bare address", text(200, "127.0.0.1:50002"), "user bob@127.0.0.1:50002"},
      {"with a line end", text(200, "127.0.0.1:50002\r\n"), "user bob@127.0.0.1:50002"},
      {"D0's whole list", text(200, "alice@127.0.0.1:50001,Bob@127.0.0.1:50002,\r\n\r\n"),
       "user Bob@127.0.0.1:50002"},
      {"D0's whole list without him", text(200, "alice@127.0.0.1:50001,\r\n\r\n"), "not found"},
      {"D0's empty list", text(400), "not found, nobody online"},
      {"not found", text(404), "not found"},
      {"ours: not found", json_answer(404, R"({"code":40401,"http":404,"error":"x","online":3})"),
       "not found"},
      {"ours: nobody at all",
       json_answer(404, R"({"code":40401,"http":404,"error":"x","online":0})"),
       "not found, nobody online"},
      {"a user of TCP",
       json_answer(200, R"({"name":"bob","endpoint":"127.0.0.1:50002","transport":"tcp"})"),
       "user bob@127.0.0.1:50002"},
      {"another user than was asked for",
       json_answer(200, R"({"name":"eve","endpoint":"127.0.0.1:50002","transport":"udp"})"),
       "not found"},
      {"JSON that is none", json_answer(200, "bob"), "not understood: its answer is not JSON"},
      {"JSON of another sort", json_answer(200, R"({"name":"bob"})"),
       "not understood: its answer does not have the expected members"},
      {"a foreign host", text(421, "not my name"), "refused: not my name"},
      {"busy", text(503), "unavailable: status 503"},
      {"a server's error", text(500), "not understood: it answered status 500"},
      {"304 to a look-up", text(304), "not understood: it answered 304 to a lookup"},
      {"a web page", text(200, "<html>"), "not found, nobody online"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(peer::interpret_lookup(test::name("bob"), row.answer)) == row.expected);
  }
}

TEST_CASE("an address that no user may have is not sent to, whoever says it") {
  // A hostile registry could aim us at a system service or at everybody.
  for (const std::string_view body : {"127.0.0.1:53", "224.0.0.1:50001", "255.255.255.255:50001",
                                      "0.0.0.0:50001", "[ff02::1]:50001"}) {
    CAPTURE(body);
    CHECK(words(peer::interpret_lookup(test::name("bob"), text(200, std::string(body))))
              .substr(0, 4) != "user");
  }
}

TEST_CASE("a registry's words are made harmless and cut before a person sees them") {
  CHECK(words(peer::interpret_list(text(421, "\x1b[2Jgone\r\nsecond line"))) ==
        "refused: \\x1b[2Jgone");
  CHECK(words(peer::interpret_list(
            json_answer(421, R"({"code":42101,"http":421,"error":"a\nb\u202ec"})"))) ==
        "refused: a\\x0ab<U+202E>c");
  const std::string refused = words(peer::interpret_list(text(421, std::string(10'000, 'x'))));
  CHECK(refused.size() == std::string_view("refused: ").size() + 300);
}

}  // namespace
