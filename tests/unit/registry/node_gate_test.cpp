// The gate: an answer waits until its change is on disk, and a second change of a changing name
// waits for the first.
#include <doctest/doctest.h>

#include "tests/unit/support/memory_registry.hpp"

namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::MemoryRegistry;

/// A request as curl makes it, with a path and JSON turned off.
std::string curl_post(std::string_view body, std::string_view extra = "") {
  return "POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8\r\nAccept: "
         "*/*\r\n" +
         std::string(extra) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

int status(MemoryRegistry& registry, MemoryRegistry::Id id) {
  return Answer(registry.take_output(id)).status;
}

std::string names(MemoryRegistry& registry) {
  std::string out;
  registry.node().directory().for_each([&](const registry::Record& record) {
    out += common::format_classic_record(record.user.name, record.user.endpoint) + ' ';
  });
  return out;
}

struct HeldRegistry : MemoryRegistry {
  HeldRegistry() : MemoryRegistry(Settings{.commits_at_once = false}) {}
};

TEST_CASE("an answer waits until its change is on disk") {
  HeldRegistry registry;
  const auto id = registry.connect();
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001"));
  CHECK(registry.take_output(id) == "");
  CHECK(names(registry) == "");
  registry.commit_all();
  CHECK(status(registry, id) == 200);
  CHECK(names(registry) == "ali@127.0.0.1:50001 ");
}

TEST_CASE("a change that did not reach the disk is answered 503, and nothing entered the list") {
  HeldRegistry registry;
  const auto id = registry.connect();
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.fail_all();
  const Answer answer(registry.take_output(id));
  CHECK(answer.status == 503);
  CHECK(answer.field("Retry-After") == "1");
  CHECK(names(registry) == "");
  // The connection goes on, and the name is as free as before.
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.commit_all();
  CHECK(status(registry, id) == 200);
}

TEST_CASE("a failed change is answered as JSON to whoever reads JSON") {
  HeldRegistry registry;
  const auto id = registry.connect();
  registry.send(id,
                "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: application/json\r\n"
                "Content-Length: 28\r\n\r\nREGISTER ali@127.0.0.1:50001");
  registry.fail_all();
  const Answer answer(registry.take_output(id));
  CHECK(answer.status == 503);
  CHECK(answer.body.find("\"code\":50301") != std::string::npos);
}

TEST_CASE("requests that write nothing do not wait at the gate") {
  HeldRegistry registry;
  const auto writer = registry.connect();
  registry.send(writer, curl_post("REGISTER ali@127.0.0.1:50001"));
  const auto reader = registry.connect();
  registry.send(reader, "GET /userlist.txt?username=ali HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
  CHECK(status(registry, reader) == 404);  // not durable yet: not there yet
  registry.send(reader, curl_post("LOGOUT veli@127.0.0.1:50002"));
  CHECK(status(registry, reader) == 400);
  registry.commit_all();
  registry.send(reader, "GET /userlist.txt?username=ali HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
  CHECK(status(registry, reader) == 200);
}

TEST_CASE("the next pipelined request starts when the previous answer has left the gate") {
  HeldRegistry registry;
  const auto id = registry.connect();
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001") +
                        "GET /userlist.txt?username=ali HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
  CHECK(registry.take_output(id) == "");
  registry.commit_all();
  const std::string both = registry.take_output(id);
  CHECK(Answer(both).status == 200);
  CHECK(both.ends_with("127.0.0.1:50001"));
}

TEST_CASE("a second change of a changing name waits, and is then judged by what it finds") {
  HeldRegistry registry;
  const auto first = registry.connect();
  const auto second = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.send(second, curl_post("REGISTER ali@127.0.0.1:50002"));
  CHECK(registry.take_output(second) == "");
  registry.commit_all();
  CHECK(status(registry, first) == 200);
  CHECK(status(registry, second) == 406);
}

TEST_CASE("when the first change fails, the one that waited gets the name") {
  HeldRegistry registry;
  const auto first = registry.connect();
  const auto second = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.send(second, curl_post("REGISTER ali@127.0.0.1:50002"));
  registry.fail_all();
  CHECK(status(registry, first) == 503);
  CHECK(registry.take_output(second) == "");  // now at the gate itself
  registry.commit_all();
  CHECK(status(registry, second) == 200);
  CHECK(names(registry) == "ali@127.0.0.1:50002 ");
}

TEST_CASE("those who wait for a name are served in the order they came") {
  HeldRegistry registry;
  std::vector<MemoryRegistry::Id> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(registry.connect());
    registry.send(ids.back(), curl_post("UPDATE ali@127.0.0.1:" + std::to_string(50001 + i)));
  }
  for (int i = 0; i < 6; ++i) {
    CAPTURE(i);
    registry.commit_all();
    CHECK(names(registry) == "ali@127.0.0.1:" + std::to_string(50001 + i) + ' ');
    for (int j = 0; j < 6; ++j)
      CHECK(status(registry, ids[static_cast<std::size_t>(j)]) == (i == j ? 200 : 0));
  }
}

TEST_CASE("one who waited and is gone does not stop those behind him") {
  HeldRegistry registry;
  const auto first = registry.connect();
  const auto second = registry.connect();
  const auto third = registry.connect();
  registry.send(first, curl_post("UPDATE ali@127.0.0.1:50001"));
  registry.send(second, curl_post("UPDATE ali@127.0.0.1:50002"));
  registry.send(third, curl_post("UPDATE ali@127.0.0.1:50003"));
  registry.vanish(second);
  registry.commit_all();
  registry.commit_all();
  CHECK(status(registry, first) == 200);
  CHECK(status(registry, third) == 200);
  CHECK(names(registry) == "ali@127.0.0.1:50003 ");
}

TEST_CASE("one whose change is under way and who is gone has made it all the same") {
  HeldRegistry registry;
  const auto first = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.vanish(first);
  registry.commit_all();
  CHECK(names(registry) == "ali@127.0.0.1:50001 ");
}

TEST_CASE("a name that is waited for does not hold up another") {
  HeldRegistry registry;
  const auto first = registry.connect();
  const auto second = registry.connect();
  const auto other = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.send(second, curl_post("REGISTER ali@127.0.0.1:50002"));
  registry.send(other, curl_post("REGISTER veli@127.0.0.1:50003"));
  registry.commit_all();
  CHECK(status(registry, other) == 200);
}

TEST_CASE("a REGISTER that draws a probe waits for it, and is judged by it") {
  for (const bool is_gone : {true, false}) {
    CAPTURE(is_gone);
    MemoryRegistry registry;
    CHECK(Answer(registry.call(curl_post("REGISTER ali@127.0.0.1:50001"))).status == 200);
    registry.pass(60s);
    const auto id = registry.connect();
    registry.send(id, curl_post("REGISTER ali@127.0.0.1:50002"));
    CHECK(registry.take_output(id) == "");
    CHECK(registry.answer_probes(is_gone) == 1);
    CHECK(status(registry, id) == (is_gone ? 200 : 406));
    CHECK(names(registry) == (is_gone ? "ali@127.0.0.1:50002 " : "ali@127.0.0.1:50001 "));
  }
}

TEST_CASE("two who wait for one probe: the first gets the name, the second is refused") {
  MemoryRegistry registry;
  CHECK(Answer(registry.call(curl_post("REGISTER ali@127.0.0.1:50001"))).status == 200);
  registry.pass(60s);
  const auto first = registry.connect();
  const auto second = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50002"));
  registry.send(second, curl_post("REGISTER ali@127.0.0.1:50003"));
  CHECK(registry.answer_probes(true) == 1);
  CHECK(status(registry, first) == 200);
  CHECK(status(registry, second) == 406);
}

TEST_CASE("one who waits while a name expires gets it when the expiry is on disk") {
  HeldRegistry registry;
  const auto first = registry.connect();
  registry.send(first, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.commit_all();
  CHECK(status(registry, first) == 200);
  registry.pass(24h);  // the expiry is asked for, and not yet committed
  const auto second = registry.connect();
  registry.send(second, curl_post("REGISTER ali@127.0.0.1:50002"));
  CHECK(registry.take_output(second) == "");
  registry.commit_all();
  registry.commit_all();
  CHECK(status(registry, second) == 200);
  CHECK(names(registry) == "ali@127.0.0.1:50002 ");
}

TEST_CASE("a store that is down is told in the health, and answered 503 at once") {
  HeldRegistry registry;
  registry.node().set_store_up(false);
  CHECK_FALSE(registry.node().api().health().is_store_up);
  const auto id = registry.connect();
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001"));
  CHECK(status(registry, id) == 503);
  registry.node().set_store_up(true);
  CHECK(registry.node().api().health().is_store_up);
  registry.send(id, curl_post("REGISTER ali@127.0.0.1:50001"));
  registry.commit_all();
  CHECK(status(registry, id) == 200);
}

TEST_CASE("a whole batch is released in the order it was committed") {
  HeldRegistry registry;
  std::vector<MemoryRegistry::Id> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(registry.connect());
    registry.send(ids.back(), curl_post("REGISTER u" + std::to_string(i) + "@127.0.0.1:50001"));
  }
  registry.commit_all();
  for (const auto id : ids) CHECK(status(registry, id) == 200);
  CHECK(registry.node().directory().size() == 100);
  CHECK(registry.node().directory().version() == 100);
}

}  // namespace
