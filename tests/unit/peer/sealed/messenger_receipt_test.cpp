// Two messengers and a wire: receipts, plain and signed.
#include <doctest/doctest.h>

#include "peer/sealed/messenger.hpp"
#include "tests/unit/support/sealed_pair.hpp"

namespace {

using test::SealedPair;
using namespace peer::sealed;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

TEST_CASE("a hook's status and output come back, once") {
  SealedPair pair({.bob_has_hook = true});
  pair.send(pair.alice, "build", {.level = Level::kHandled});
  pair.send(pair.alice, "status?", {.kind = MessageKind::kAsk, .level = Level::kHandled});
  pair.pass(1s);
  CHECK(pair.events(pair.bob) == Lines{"alice: build", "alice: status?"});
  CHECK(pair.events(pair.alice).empty());
  REQUIRE(pair.bob.handles.size() == 2);
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles[1], HandledResult::kExited, 3,
                                     common::as_bytes("all is well"));
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles[0], HandledResult::kKilled, 9, {});
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles[0], HandledResult::kExited, 0, {});
  pair.pass(1s);
  CHECK(pair.events(pair.alice) ==
        Lines{"status?: handled (exited 3, all is well)", "build: handled (killed 9)"});
}

TEST_CASE("an output of 64 KiB comes back whole, a longer one cut") {
  for (const std::size_t size : {65536u, 65537u, 200000u}) {
    CAPTURE(size);
    SealedPair pair({.bob_has_hook = true});
    pair.send(pair.alice, "status?", {.kind = MessageKind::kAsk, .level = Level::kHandled});
    pair.pass(1s);
    const std::string output(size, 'o');
    pair.bob.messenger->handle_handled(pair.now, pair.bob.handles.at(0), HandledResult::kExited, 0,
                                       common::as_bytes(output));
    pair.pass(1s);
    CHECK(pair.events(pair.alice) == Lines{"status?: handled (exited 0, 65536 bytes)"});
  }
}

TEST_CASE("a message that is to be signed for is told when its signed receipt has come") {
  SealedPair pair;
  const MessageId id = pair.send(pair.alice, "pay", {.level = Level::kDeliveredSigned});
  pair.pass(1s);
  CHECK(pair.events(pair.bob) == Lines{"alice: pay"});  // not early: its sender is certain
  CHECK(pair.events(pair.alice).empty());
  pair.now += 250ms;
  pair.bob.messenger->handle_shown(pair.now, pair.bob.handles.at(0));
  pair.pass(1s);
  CHECK(pair.events(pair.alice) == Lines{"pay: delivered, signed"});
  REQUIRE(pair.alice.evidence.has_value());
  const ReceiptStatement& statement = pair.alice.evidence->statement;
  CHECK(statement.id == id);
  CHECK(statement.sender.name.text() == "alice");
  CHECK(statement.sender.identity == pair.alice.identity.key());
  CHECK(statement.recipient.name.text() == "bob");
  CHECK(statement.recipient.identity == pair.bob.identity.key());
  CHECK(statement.result == HandledResult::kShown);
  CHECK(statement.text == digest_of(common::as_bytes("pay")));
  CHECK(statement.output == digest_of({}));
  // When it was shown, not when the last datagram had come.
  CHECK(statement.time.unix_ms >= SealedPair::kWall.unix_ms + 250);
  CHECK(verify_receipt(statement, pair.alice.evidence->signature));
}

TEST_CASE("a hook's end is signed with its status and its answer") {
  SealedPair pair({.bob_has_hook = true});
  pair.send(pair.alice, "status?", {.kind = MessageKind::kAsk, .level = Level::kHandledSigned});
  pair.pass(1s);
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles.at(0), HandledResult::kExited, 3,
                                     common::as_bytes("all is well"));
  pair.pass(1s);
  CHECK(pair.events(pair.alice) == Lines{"status?: handled (exited 3, all is well), signed"});
  const ReceiptStatement& statement = pair.alice.evidence->statement;
  CHECK(statement.kind == MessageKind::kAsk);
  CHECK(statement.result == HandledResult::kExited);
  CHECK(statement.status == 3);
  CHECK(statement.output == digest_of(common::as_bytes("all is well")));
  CHECK(verify_receipt(statement, pair.alice.evidence->signature));
}

TEST_CASE("without a hook that is signed, too") {
  SealedPair pair;
  pair.send(pair.alice, "build", {.level = Level::kHandledSigned});
  pair.pass(1s);
  CHECK(pair.events(pair.alice) == Lines{"build: handled (not run 0), signed"});
}

TEST_CASE("a receipt that is not signed, or not for this, is none") {
  struct Row {
    const char* what;
    std::optional<Digest> text;
    HandledResult result;
  };
  for (const Row& row : {Row{"no signature", std::nullopt, HandledResult::kExited},
                         Row{"for another text", digest_of({}), HandledResult::kShown},
                         Row{"of a hook that nobody asked for", digest_of(common::as_bytes("pay")),
                             HandledResult::kExited}}) {
    CAPTURE(row.what);
    SealedPair pair;
    pair.send(pair.alice, "pay", {.level = Level::kDeliveredSigned, .timeout = 3s});
    pair.pass(1s);
    Messenger::Handle handle = pair.bob.handles.at(0);
    handle.text = row.text;
    pair.bob.messenger->handle_handled(pair.now, handle, row.result, 0, {});
    pair.pass(1s);
    CHECK(pair.events(pair.alice).empty());
    pair.pass(2s);
    CHECK(pair.events(pair.alice) == Lines{"pay: not acknowledged (but delivered)"});
  }
}

TEST_CASE("a hook that takes too long is told of as delivered and not more") {
  SealedPair pair({.bob_has_hook = true});
  pair.send(pair.alice, "build", {.level = Level::kHandled, .timeout = 2s});
  pair.pass(3s);
  CHECK(pair.events(pair.alice) == Lines{"build: not acknowledged (but delivered)"});
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles.at(0), HandledResult::kExited, 0,
                                     {});
  pair.pass(3s);
  CHECK(pair.events(pair.alice).empty());
}

TEST_CASE("a receipt counts only from him it was asked of") {
  SealedPair pair;
  pair.send(pair.alice, "hi");
  pair.pass(1s);
  pair.events(pair.alice);
  pair.is_directory_up = false;  // so that what is for carol waits
  const auto asked = pair.alice.messenger->send(
      pair.now, {.to = test::name("carol"), .level = Level::kHandled, .deadline = pair.now + 2s});
  REQUIRE(asked.has_value());
  pair.alice.texts[asked.value()] = "to carol";
  pair.bob.messenger->handle_handled(pair.now, {1, asked.value()}, HandledResult::kExited, 0, {});
  pair.pass(1s);
  CHECK(pair.events(pair.alice).empty());
  pair.pass(2s);
  CHECK(pair.events(pair.alice) == Lines{"to carol: unreachable"});
}

}  // namespace
