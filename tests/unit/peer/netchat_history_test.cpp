// What was said with whom: READ's lines, which message DELETE hits, and the bounds.
#include "peer/netchat_history.hpp"

#include <doctest/doctest.h>

#include "common/limits.hpp"

namespace {

using peer::correspondent_of;
using peer::NetchatHistory;

std::string joined(const NetchatHistory& history, const std::string& key) {
  std::string out;
  for (const auto& line : history.lines(key)) out += (out.empty() ? "" : ", ") + line;
  return out;
}

TEST_CASE("READ shows both sides, oldest first") {
  NetchatHistory history;
  CHECK(joined(history, "bob") == "");
  history.add_sent("bob", "hi", "1");
  history.add_received("bob", "Bob", "hello", "2");
  history.add_received("can", "can", "selam", "3");
  CHECK(joined(history, "bob") == "hi - user, hello - Bob");
  CHECK(joined(history, "can") == "selam - can");
}

TEST_CASE("what is shown commands no terminal") {
  NetchatHistory history;
  history.add_received("?", "a\x1b[2J", "b\x1b]0;x\x07", "");
  CHECK(joined(history, "?") == "b\\x1b]0;x\\x07 - a\\x1b[2J");
}

TEST_CASE("DELETE takes back the newest of ours that is there, and then the one before") {
  NetchatHistory history;
  CHECK_FALSE(history.newest_sent("bob"));
  history.add_sent("bob", "one", "1");
  history.add_sent("bob", "two", "2");
  history.add_received("bob", "bob", "three", "3");
  auto newest = history.newest_sent("bob");
  REQUIRE(newest);
  CHECK(newest->id == "2");
  history.mark_deleted("bob", newest->entry);
  CHECK(joined(history, "bob") == "one - user, Deleted - user, three - bob");
  newest = history.newest_sent("bob");
  REQUIRE(newest);
  CHECK(newest->id == "1");
  history.mark_deleted("bob", newest->entry);
  CHECK_FALSE(history.newest_sent("bob"));
}

TEST_CASE("a delete signal hits the message of its id, and old ones the newest without an id") {
  NetchatHistory history;
  history.add_received("bob", "bob", "old one", "");
  history.add_received("bob", "bob", "ours", "7");
  history.add_received("bob", "bob", "old two", "");
  history.add_received("bob", "bob", "ours too", "8");
  history.add_sent("bob", "mine", "9");
  CHECK_FALSE(history.find_received("bob", "6"));
  CHECK_FALSE(history.find_received("bob", "9"));  // ours is not his to delete
  CHECK_FALSE(history.find_received("can", "7"));
  const auto by_id = history.find_received("bob", "7");
  REQUIRE(by_id);
  history.mark_deleted("bob", *by_id);
  for (int i = 0; i < 2; ++i) {
    const auto newest = history.find_received("bob", "");
    REQUIRE(newest);
    history.mark_deleted("bob", *newest);
  }
  CHECK_FALSE(history.find_received("bob", ""));
  CHECK(joined(history, "bob") ==
        "Deleted - bob, Deleted - bob, Deleted - bob, ours too - bob, mine - user");
  CHECK(history.find_received("bob", "7") == by_id);  // a repeated signal finds it again
}

TEST_CASE("names are one correspondent however they are spelled, and nobody is user") {
  CHECK(correspondent_of("Ali").key == correspondent_of("ali").key);
  CHECK(correspondent_of("Ali").shown == "Ali");
  CHECK(correspondent_of("").key == "?");
  CHECK(correspondent_of("user").key == "?");
  CHECK(correspondent_of("user").shown == "?");
  CHECK(correspondent_of("a b").key == "a b");  // as old programs allow
}

TEST_CASE("one correspondent's flood pushes out his own lines alone") {
  NetchatHistory history;
  history.add_received("bob", "bob", "hello", "");
  for (std::size_t i = 0; i < 3 * NetchatHistory::kEntriesPerCorrespondentMax; ++i)
    history.add_received("eve", "eve", std::to_string(i), "");
  CHECK(history.lines("eve").size() == NetchatHistory::kEntriesPerCorrespondentMax);
  CHECK(history.lines("eve").back() == "2999 - eve");
  CHECK(joined(history, "bob") == "hello - bob");
}

TEST_CASE("long texts are forgotten from whoever has most of them") {
  NetchatHistory history;
  history.add_received("bob", "bob", "hello", "");
  for (int i = 0; i < 2000; ++i)
    history.add_received(i % 2 == 0 ? "eve" : "mallory", "x", std::string(16'000, 'x'), "");
  CHECK(history.bytes() <= NetchatHistory::kBytesMax);
  CHECK(history.bytes() > NetchatHistory::kBytesMax - 20'000);
  CHECK(joined(history, "bob") == "hello - bob");
}

TEST_CASE("a thousand invented names do not push out those who were written to") {
  NetchatHistory history;
  history.add_sent("bob", "hi", "1");
  history.add_received("can", "can", "selam", "");
  for (int i = 0; i < 1000; ++i) history.add_received("eve" + std::to_string(i), "eve", "x", "");
  CHECK(history.correspondent_count() == NetchatHistory::kCorrespondentsMax);
  CHECK(joined(history, "bob") == "hi - user");
  CHECK(joined(history, "can") == "");  // the oldest of those who were not
  CHECK(joined(history, "eve999") == "x - eve");
  history.mark_deleted("can", 2);  // forgotten: nothing happens
}

}  // namespace
