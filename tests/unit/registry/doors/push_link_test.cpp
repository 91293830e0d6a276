// Messages on their way to one receiver, and his receipts.
#include "registry/doors/push_link.hpp"

#include <doctest/doctest.h>

#include "registry/doors/limits.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::DeliveryOutcome;
using registry::doors::PushLink;

/// A link that writes as soon as it may. Deliveries are numbered from 1.
class Link {
 public:
  int push(bool is_broadcast = false, std::string text = "hello") {
    PushLink::Outcomes outcomes;
    link_.push(now_, ++last_,
               std::make_shared<const registry::Message>(
                   registry::Message{"carol", std::move(text), is_broadcast}),
               outcomes);
    note(outcomes);
    write();
    return static_cast<int>(last_);
  }
  void receipt() {
    PushLink::Outcomes outcomes;
    link_.handle_receipt(now_, outcomes);
    note(outcomes);
    write();
  }
  void pass(common::Duration duration) {
    const auto end = now_ + duration;
    for (;;) {
      const auto due = link_.next_timeout();
      now_ = due && *due < end ? *due : end;
      PushLink::Outcomes outcomes;
      link_.handle_timeout(now_, outcomes);
      note(outcomes);
      write();
      if (now_ == end) return;
    }
  }
  void fail() {
    PushLink::Outcomes outcomes;
    link_.fail_all(DeliveryOutcome::kLeft, outcomes);
    note(outcomes);
  }
  /// "1 delivered, 2 timed out" since it was last asked.
  std::string ended() { return std::exchange(ended_, {}); }
  int written() const { return written_; }
  const PushLink& link() const { return link_; }

 private:
  void write() {
    PushLink::Outcomes outcomes;
    if (link_.take_next(now_, outcomes) != nullptr) ++written_;
    note(outcomes);
  }
  void note(const PushLink::Outcomes& outcomes) {
    for (const auto& [id, outcome] : outcomes) {
      if (!ended_.empty()) ended_ += ", ";
      ended_ += std::to_string(id) + ' ' + std::string(to_string(outcome));
    }
  }

  PushLink link_;
  common::TimePoint now_{1h};
  registry::DeliveryId last_ = 0;
  int written_ = 0;
  std::string ended_;
};

TEST_CASE("one line is written at a time, and its receipt frees the next") {
  Link link;
  link.push();
  link.push();
  link.push();
  CHECK(link.written() == 1);
  link.receipt();
  CHECK(link.ended() == "1 delivered");
  CHECK(link.written() == 2);
  link.receipt();
  link.receipt();
  CHECK(link.ended() == "2 delivered, 3 delivered");
  CHECK_FALSE(link.link().next_timeout());
}

TEST_CASE("a receipt that nobody waits for counts for nothing later") {
  Link link;
  link.receipt();
  link.push();
  CHECK(link.ended().empty());
  link.pass(5s);
  CHECK(link.ended() == "1 timed out");
}

TEST_CASE(
    "a receiver that shows nothing is frozen: what waits ends with the first, later ones at once") {
  Link link;
  link.push();
  link.push();
  link.push(true);
  link.pass(4999ms);
  CHECK(link.ended().empty());
  link.pass(1ms);
  CHECK(link.ended() == "1 timed out, 2 timed out, 3 timed out");
  CHECK(link.link().is_frozen());
  link.push();
  CHECK(link.ended() == "4 timed out");
  CHECK(link.written() == 1);
}

TEST_CASE("a late receipt is for its own line, and thaws the receiver") {
  Link link;
  link.push();
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out");
  link.receipt();
  CHECK_FALSE(link.link().is_frozen());
  CHECK(link.ended().empty());
  link.push();
  CHECK(link.written() == 2);
  link.receipt();
  CHECK(link.ended() == "2 delivered");
}

TEST_CASE("a program that gives no receipts for broadcasts is still reached by private messages") {
  Link link;
  link.push(true);
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out");
  CHECK_FALSE(link.link().is_frozen());
  link.push();
  link.receipt();
  CHECK(link.ended().empty());  // could still be the broadcast's
  link.pass(499ms);
  CHECK(link.ended().empty());
  link.pass(1ms);
  CHECK(link.ended() == "2 delivered");
}

TEST_CASE(
    "a slow program's receipt for a broadcast is not taken for the private message behind it") {
  Link link;
  link.push(true);
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out");
  link.push();
  link.receipt();
  link.pass(100ms);
  link.receipt();
  CHECK(link.ended() == "2 delivered");
  // Nothing is owed any more.
  link.push();
  link.receipt();
  CHECK(link.ended() == "3 delivered");
}

TEST_CASE("a second broadcast's receipt is told from the first one's") {
  Link link;
  link.push(true);
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out");
  SUBCASE("both come") {
    link.push(true);
    link.receipt();
    link.receipt();
    CHECK(link.ended() == "2 delivered");
  }
  SUBCASE("only one comes: it was the first one's") {
    link.push(true);
    link.receipt();
    link.pass(4s);
    CHECK(link.ended().empty());
    link.pass(1s);
    CHECK(link.ended() == "2 timed out");
  }
}

TEST_CASE("a program without receipts for broadcasts is in the end sent no more of them") {
  Link link;
  for (std::size_t i = 0; i < registry::doors::kSkippedReceiptsMax; ++i) {
    link.push(true);
    link.pass(5s);
  }
  const int written = link.written();
  link.ended();
  const int refused = link.push(true);
  CHECK(link.ended() == std::to_string(refused) + " timed out");
  CHECK(link.written() == written);
  const int last = link.push();
  link.receipt();
  link.pass(500ms);
  CHECK(link.ended() == std::to_string(last) + " delivered");
  link.push(true);
  CHECK(link.written() == written + 2);
}

TEST_CASE("one who owes both sorts is thawed by a receipt that no second follows") {
  Link link;
  link.push(true);
  link.pass(5s);
  link.push();
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out, 2 timed out");
  REQUIRE(link.link().is_frozen());
  link.receipt();
  CHECK(link.link().is_frozen());  // it could be the broadcast's, with the message's to come
  link.pass(500ms);
  CHECK_FALSE(link.link().is_frozen());
}

TEST_CASE("a receipt at the last moment has its grace as well") {
  Link link;
  link.push(true);
  link.pass(5s);
  REQUIRE(link.ended() == "1 timed out");
  link.push();
  link.pass(4800ms);
  link.receipt();
  link.pass(499ms);
  CHECK(link.ended().empty());
  link.pass(1ms);
  CHECK(link.ended() == "2 delivered");
}

TEST_CASE("what waits behind a broadcast without a receipt is still sent") {
  Link link;
  link.push(true);
  link.pass(1s);
  link.push();
  link.pass(4s);
  CHECK(link.ended() == "1 timed out");
  CHECK(link.written() == 2);
  link.receipt();
  link.pass(500ms);
  CHECK(link.ended() == "2 delivered");
}

TEST_CASE("what waits too long is not sent any more") {
  Link link;
  link.push();
  link.pass(3s);
  link.push();
  link.pass(1999ms);
  link.receipt();  // 1 at the last moment; 2 is written
  CHECK(link.ended() == "1 delivered");
  link.push();
  link.pass(4s);
  link.receipt();
  CHECK(link.ended() == "2 delivered");
  link.receipt();
  CHECK(link.ended() == "3 delivered");
  Link slow;
  slow.push();
  slow.push();
  slow.pass(4s);
  slow.receipt();
  CHECK(slow.ended() == "1 delivered");
  slow.push();
  slow.pass(4900ms);
  CHECK(slow.ended().empty());
  slow.pass(200ms);
  CHECK(slow.ended() == "2 timed out, 3 timed out");
}

TEST_CASE("what waits is bounded in number and in bytes") {
  Link link;
  link.push();
  for (std::size_t i = 0; i < registry::doors::kQueuedMessagesMax; ++i) link.push();
  CHECK(link.ended().empty());
  const int refused = link.push();
  CHECK(link.ended() == std::to_string(refused) + " busy");
  link.receipt();
  link.push();
  CHECK(link.ended() == "1 delivered");

  Link large;
  const std::string text(4096, 'x');
  for (std::size_t i = 0; i <= registry::doors::kQueuedBytesMax / text.size(); ++i)
    large.push(false, text);
  CHECK(large.ended().empty());
  const int too_much = large.push(false, text);
  CHECK(large.ended() == std::to_string(too_much) + " busy");
}

TEST_CASE("a queue that is never empty takes no more room than it needs") {
  Link link;
  link.push();
  link.push();
  link.push();
  for (int i = 0; i < 100'000; ++i) {
    link.push();
    link.receipt();
  }
  CHECK(link.link().waiting_room() < 1000);
}

TEST_CASE("a link that is gone ends everything once") {
  Link link;
  link.push();
  link.push();
  link.fail();
  CHECK(link.ended() == "1 left, 2 left");
  CHECK_FALSE(link.link().next_timeout());
}

}  // namespace
