// D0 reads an answer once, at most 2,048 bytes. Whatever the names and however many: what it reads
// must be whole records, then commas, and no character cut in two.
#include <doctest/doctest.h>

#include "common/safe_text.hpp"
#include "tests/unit/support/memory_registry.hpp"
#include "tests/unit/support/requests.hpp"

namespace {

using test::Answer;
using test::MemoryRegistry;

/// The old client's own reading: the line after the first empty line, split at commas, stopped at
/// the first empty item.
std::vector<std::string> old_client_reads(std::string_view bytes) {
  const std::string_view read = bytes.substr(0, 2048);
  auto begin = read.find("\r\n\r\n");
  REQUIRE(begin != read.npos);
  std::string_view line = read.substr(begin + 4);
  line = line.substr(0, line.find("\r\n"));
  std::vector<std::string> users;
  while (!line.empty()) {
    const auto comma = line.find(',');
    const std::string_view item = line.substr(0, comma);
    if (item.empty()) break;
    users.emplace_back(item);
    if (comma == line.npos) break;
    line.remove_prefix(comma + 1);
  }
  return users;
}

void check_single_read(MemoryRegistry& registry) {
  const std::string answer = registry.call(test::kD0List);
  const std::string_view read = std::string_view(answer).substr(0, 2048);
  REQUIRE(common::is_utf8(read));
  std::vector<std::string> all;
  registry.node().directory().for_each([&](const registry::Record& record) {
    all.push_back(common::format_classic_record(record.user.name, record.user.endpoint));
  });
  const auto users = old_client_reads(answer);
  REQUIRE(users.size() <= all.size());
  for (std::size_t i = 0; i < users.size(); ++i) REQUIRE(users[i] == all[i]);
  const Answer parts(answer);
  if (answer.size() <= 2048) {
    REQUIRE(users.size() == all.size());
  } else {
    REQUIRE(read.back() == ',');
    // As many as fit: the next one would have crossed the bound.
    REQUIRE(users.size() < all.size());
    std::size_t used = parts.head.size();
    for (std::size_t i = 0; i <= users.size(); ++i) used += all[i].size() + 1;
    REQUIRE(used > 2048);
  }
  // A reader of everything gets everybody.
  const auto list = common::parse_classic_list(parts.body);
  REQUIRE(list.skipped == 0);
  REQUIRE(list.records.size() == all.size());
  REQUIRE(parts.field("Content-Length") == std::to_string(parts.body.size()));
}

TEST_CASE("one read of D0 is whole records for every length of name") {
  for (std::size_t length = 1; length <= 61; ++length) {
    CAPTURE(length);
    MemoryRegistry registry;
    for (int i = 100; i < 300; ++i) {
      const std::string name = std::to_string(i) + std::string(length, 'x');
      registry.add(name + "@127.0.0.1:50001");
    }
    check_single_read(registry);
  }
}

TEST_CASE("one read of D0 cuts no character of names that are not ASCII") {
  // Letters of two and of three bytes, in every alignment against the bound.
  for (const std::string_view letter : {"ş", "山", "ü1"})
    for (std::size_t shift = 1; shift <= 40; ++shift) {
      CAPTURE(letter);
      CAPTURE(shift);
      MemoryRegistry registry;
      const std::string first(shift, 'a');
      registry.add(first + "@127.0.0.1:1024");
      for (int i = 100; i < 200; ++i) {
        const std::string name =
            std::to_string(i) + std::string(letter) + std::string(letter) + std::string(letter);
        registry.add(name + "@127.0.0.1:50001");
      }
      check_single_read(registry);
    }
}

TEST_CASE("one read of D0 is right at every number of users around the bound") {
  MemoryRegistry registry;
  for (int i = 100; i < 300; ++i) {
    const std::string name = "user-" + std::to_string(i);
    registry.add(name + "@127.0.0.1:50001");
    CAPTURE(i);
    check_single_read(registry);
  }
}

TEST_CASE("one read of D0 is right where the body's length gains a digit") {
  // The head grows by one byte when the body reaches 1,000 and 10,000 bytes.
  for (const std::size_t target : {1000u, 10'000u})
    for (std::size_t shift = 0; shift < 40; ++shift) {
      CAPTURE(target);
      CAPTURE(shift);
      MemoryRegistry registry;
      const std::string first = "a" + std::string(shift, 'a');
      registry.add(first + "@127.0.0.1:1024");
      for (std::size_t i = 100; (i - 100) * 25 < target + 50; ++i) {
        const std::string name = "u" + std::to_string(i) + "-x-x";
        registry.add(name + "@127.0.0.1:50001");
      }
      check_single_read(registry);
    }
}

TEST_CASE("one read of D0 is right at every length of body around one more digit") {
  // What is filled in depends on the first name's length, the body's length on the last's too.
  constexpr std::size_t kTarget = 10'000;
  for (std::size_t first = 0; first < 25; ++first)
    for (std::size_t last = 0; last < 28; ++last) {
      CAPTURE(first);
      CAPTURE(last);
      MemoryRegistry registry;
      const auto add = [&](const std::string& name) {
        registry.add(name + "@127.0.0.1:50001");
        return name.size() + std::string_view("@127.0.0.1:50001,").size();
      };
      std::size_t bytes = add("ğ" + std::string(first, 'a'));
      for (int i = 100; bytes < kTarget - 70; ++i) bytes += add("ğ" + std::to_string(i) + "-x-x");
      add("ğ" + std::string(kTarget - 40 - bytes + last, 'z'));
      check_single_read(registry);
    }
}

TEST_CASE("the head that the remedy reckons with is the one that the engine writes") {
  MemoryRegistry registry;
  std::size_t users = 0;
  for (const std::size_t wanted : {1u, 9u, 10u, 45u, 50u, 500u}) {
    for (; users < wanted; ++users) {
      const std::string name = "u" + std::to_string(users);
      registry.add(name + "@127.0.0.1:50001");
    }
    const Answer answer(registry.call(test::kD0List));
    CHECK(answer.head == "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(answer.body.size()) +
                             "\r\nContent-Type: text/plain\r\n\r\n");
  }
}

TEST_CASE("modern readers are given no filling") {
  MemoryRegistry registry;
  for (int i = 100; i < 300; ++i) registry.add("user-" + std::to_string(i) + "@127.0.0.1:50001");
  for (const std::string_view target :
       {"/userlist.txt", "/userlist.txt?format=lines", "/userlist.txt?format=json"}) {
    const Answer answer(registry.call(test::modern("GET", target)));
    CHECK(answer.body.find(",,") == std::string::npos);
  }
  const Answer d1(registry.call(test::d1_get("/userlist.txt")));
  CHECK(d1.body.find(",") == std::string::npos);
}

}  // namespace
