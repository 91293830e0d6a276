// Two messengers and a wire: what becomes of messages, and who learns of it.
#include "peer/sealed/messenger.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/support/sealed_pair.hpp"

namespace {

using test::SealedPair;
using namespace peer::sealed;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

int type_of(const SealedPair::Datagram& datagram) {
  return std::to_integer<int>(datagram.bytes[1]);
}

TEST_CASE("the first text is in the first datagram, and its acknowledgement in the answer") {
  SealedPair pair;
  pair.send(pair.alice, "hello");
  const auto init = pair.take(pair.alice);
  REQUIRE(init.size() == 1);
  CHECK(type_of(init[0]) == 1);
  pair.give_all(init);
  CHECK(pair.events(pair.bob) == Lines{"alice (early): hello"});
  const auto resp = pair.take(pair.bob);
  REQUIRE(resp.size() == 1);
  CHECK(type_of(resp[0]) == 2);
  CHECK(resp[0].bytes.size() <= init[0].bytes.size());
  pair.give_all(resp);
  CHECK(pair.events(pair.alice) == Lines{"hello: delivered"});
  const auto first_data = pair.take(pair.alice);
  REQUIRE(first_data.size() == 1);  // always one, for a recipient that waits for it
  CHECK(type_of(first_data[0]) == 3);
}

TEST_CASE("what could have an effect waits for the first DATA of a completed handshake") {
  SealedPair pair({.bob_has_hook = true});
  pair.send(pair.alice, "hello");
  pair.give_all(pair.take(pair.alice));
  CHECK(pair.events(pair.bob).empty());
  pair.give_all(pair.take(pair.bob));
  CHECK(pair.events(pair.alice).empty());
  pair.give_all(pair.take(pair.alice));
  CHECK(pair.events(pair.bob) == Lines{"alice: hello"});
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"hello: delivered"});
  CHECK(pair.events(pair.bob).empty());
}

TEST_CASE("a question is never shown early, not even without a hook") {
  SealedPair pair;
  pair.send(pair.alice, "status?", {.kind = MessageKind::kAsk, .level = Level::kHandled});
  pair.give_all(pair.take(pair.alice));
  pair.give_all(pair.take(pair.bob));
  CHECK(pair.events(pair.alice).empty());
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"status?: handled (not run 0)"});
  CHECK(pair.events(pair.bob).empty());
}

TEST_CASE("messages of every size arrive whole") {
  for (const std::size_t size :
       {0u, 1u, 700u, 867u, 1039u, 1040u, 1041u, 2080u, 2081u, 65535u, 65536u}) {
    CAPTURE(size);
    SealedPair pair;
    pair.send(pair.alice, "first");
    pair.pass(1s);
    pair.send(pair.alice, std::string(size, 'x'));
    pair.pass(1s);
    const std::string text = size > 40 ? fmt::format("{} bytes", size) : std::string(size, 'x');
    CHECK(pair.events(pair.bob) == Lines{"alice (early): first", "alice: " + text});
    CHECK(pair.events(pair.alice) == Lines{"first: delivered", text + ": delivered"});
  }
}

TEST_CASE("a longer text is refused at once") {
  SealedPair pair;
  const std::string text(kTextBytesMax + 1, 'x');
  const auto id = pair.alice.messenger->send(
      pair.now,
      {.to = test::name("bob"), .text = common::as_bytes(text), .deadline = pair.now + 1s});
  REQUIRE_FALSE(id.has_value());
  CHECK(id.error() == Messenger::SendError::kTooLong);
  CHECK(pair.alice.messenger->is_idle());
}

TEST_CASE("who was let in is turned out when his name is found to be another's") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.settle();
  CHECK(pair.events(pair.bob) == Lines{"alice (early): one"});
  pair.bob.gate.answers["alice"] = Admission::kKeyChanged;
  pair.bob.messenger->handle_admission(pair.now, test::name("alice"), pair.alice.identity.key(),
                                       Admission::kKeyChanged);
  pair.settle();
  pair.events(pair.alice);
  pair.send(pair.alice, "two");
  pair.pass(1s);
  CHECK(pair.events(pair.bob).empty());
  CHECK(pair.events(pair.alice) == Lines{"two: key changed"});
}

TEST_CASE("an unanswered message is given up at its deadline, and never shown after that") {
  SealedPair pair;
  pair.filter = [](const auto&) { return false; };
  pair.send(pair.alice, "hello", {.timeout = 2s});
  pair.pass(2s);
  CHECK(pair.events(pair.alice) == Lines{"hello: not acknowledged"});
  CHECK(pair.alice.messenger->is_idle());
  pair.filter = nullptr;
  pair.pass(10min);
  CHECK(pair.events(pair.bob).empty());
}

TEST_CASE("a message behind one that was given up is not kept waiting for it") {
  SealedPair pair;
  pair.send(pair.alice, "first");
  pair.pass(1s);
  pair.events(pair.bob);
  pair.events(pair.alice);
  pair.send(pair.alice, "lost", {.timeout = 300ms});
  const auto lost = pair.take(pair.alice);
  pair.filter = [&](const auto& datagram) {  // whatever is as long as that is lost
    return datagram.bytes.size() != lost.at(0).bytes.size();
  };
  pair.send(pair.alice, "behind it", {.timeout = 5s});
  pair.pass(3s);
  CHECK(pair.events(pair.alice) == Lines{"lost: not acknowledged", "behind it: delivered"});
  CHECK(pair.events(pair.bob) == Lines{"alice: behind it"});
}

TEST_CASE("nobody of that name: unreachable, at once") {
  SealedPair pair;
  pair.directory_error = Messenger::NotFound::kUnknown;
  pair.send(pair.alice, "hello");
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"hello: unreachable"});
}

TEST_CASE("somebody without a key: said as that, and nothing is sent") {
  SealedPair pair;
  pair.directory_error = Messenger::NotFound::kNoKey;
  pair.send(pair.alice, "hello");
  CHECK(pair.take(pair.alice).empty());
  CHECK(pair.events(pair.alice) == Lines{"hello: no key"});
}

TEST_CASE("a directory that does not answer is asked again every five seconds") {
  SealedPair pair;
  pair.directory_error = Messenger::NotFound::kUnavailable;
  pair.send(pair.alice, "hello", {.timeout = 12s});
  pair.pass(4900ms);
  CHECK(pair.lookups == 1);
  pair.pass(5s);
  CHECK(pair.lookups == 2);
  pair.directory_error.reset();
  pair.pass(5s);
  CHECK(pair.events(pair.alice) == Lines{"hello: delivered"});
}

TEST_CASE("a recipient that was restarted is found again through the directory") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  pair.start(pair.bob);
  pair.bob.endpoint = test::endpoint("10.0.0.2:5555");
  pair.send(pair.alice, "two");
  pair.send(pair.alice, "three");
  pair.pass(10s);
  CHECK(pair.events(pair.alice) == Lines{"one: delivered", "two: delivered", "three: delivered"});
  CHECK(pair.events(pair.bob) ==
        Lines{"alice (early): one", "alice (early): two", "alice (early): three"});
}

TEST_CASE("he who falls silent is looked up beside the INIT, not after three of them") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(10s);
  pair.start(pair.bob);
  pair.bob.endpoint = test::endpoint("10.0.0.2:5555");
  pair.lookups = 0;
  pair.send(pair.alice, "two");
  pair.pass(700ms);
  CHECK(pair.lookups == 1);
  CHECK(pair.events(pair.alice) == Lines{"one: delivered", "two: delivered"});
}

TEST_CASE("an INIT that is on its way stays what it is when the directory has no news") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(10s);
  std::set<common::ByteVector> inits;
  int sent = 0;
  pair.filter = [&](const auto& datagram) {
    if (type_of(datagram) != 1) return false;
    inits.insert(datagram.bytes);
    return ++sent == 3;  // nothing else arrives
  };
  pair.lookups = 0;
  pair.send(pair.alice, "two");
  pair.pass(1500ms);
  CHECK(pair.lookups == 1);
  CHECK(sent == 3);
  CHECK(inits.size() == 1);
  CHECK(pair.events(pair.bob) == Lines{"alice (early): one", "alice (early): two"});
}

TEST_CASE("a key hint leads to one look-up in five seconds, and to a new INIT") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.settle();
  pair.pass(4min);  // the keys of the session are gone
  pair.start(pair.bob);
  pair.lookups = 0;
  pair.send(pair.alice, "two");
  pair.settle();  // INIT, KEYHINT, look-up, INIT, RESP
  CHECK(pair.lookups == 1);
  CHECK(pair.events(pair.bob).back() == "alice (early): two");
}

TEST_CASE("a name with another key here is refused there, inside the session") {
  SealedPair pair;
  pair.bob.gate.answers["alice"] = Admission::kKeyChanged;
  pair.send(pair.alice, "hello");
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"hello: key changed"});
  CHECK(pair.events(pair.bob).empty());
  pair.bob.gate.answers["alice"] = Admission::kNotTrusted;
  pair.send(pair.alice, "hello again");
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"hello again: not trusted"});
  pair.bob.gate.answers.clear();
  pair.send(pair.alice, "now");
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"now: delivered"});
  CHECK(pair.events(pair.bob) == Lines{"alice (early): now"});
}

TEST_CASE("to a name whose key has changed nothing is sent") {
  SealedPair pair;
  pair.alice.gate.answers["bob"] = Admission::kKeyChanged;
  pair.send(pair.alice, "hello");
  CHECK(pair.take(pair.alice).empty());
  CHECK(pair.events(pair.alice) == Lines{"hello: key changed"});
}

TEST_CASE("a person is asked once, and the message waits for the answer") {
  SealedPair pair;
  pair.alice.gate.answers["bob"] = Admission::kAsk;
  pair.bob.gate.answers["alice"] = Admission::kAsk;
  pair.send(pair.alice, "hello");
  pair.send(pair.alice, "again");
  pair.settle();
  CHECK(pair.events(pair.alice) == Lines{"who is bob?"});
  pair.alice.gate.answers.clear();
  pair.alice.messenger->handle_admission(pair.now, test::name("bob"), pair.bob.identity.key(),
                                         Admission::kYes);
  pair.pass(1s);
  CHECK(pair.events(pair.alice).empty());
  CHECK(pair.events(pair.bob) == Lines{"who is alice?"});
  pair.bob.gate.answers.clear();
  pair.bob.messenger->handle_admission(pair.now, test::name("alice"), pair.alice.identity.key(),
                                       Admission::kYes);
  pair.pass(1s);
  CHECK(pair.events(pair.bob) == Lines{"alice (early): hello", "alice (early): again"});
  CHECK(pair.events(pair.alice) == Lines{"hello: delivered", "again: delivered"});
}

TEST_CASE("who leaves says so, and is looked for at once") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  pair.bob.messenger->leave();
  pair.settle();
  pair.filter = [](const auto&) { return false; };  // nobody is there any longer
  pair.directory_error = Messenger::NotFound::kUnknown;
  pair.lookups = 0;
  pair.send(pair.alice, "two");
  pair.pass(5s);  // the INIT is not answered: three tries, then the directory, 5 s after the last
  CHECK(pair.lookups == 1);
  CHECK(pair.events(pair.alice) == Lines{"one: delivered", "two: unreachable"});
}

TEST_CASE("keys are replaced after two minutes of use, and end after three") {
  SealedPair pair;
  pair.send(pair.alice, "0");
  pair.pass(1s);
  int inits = 0;
  pair.filter = [&](const auto& datagram) {
    inits += type_of(datagram) == 1 ? 1 : 0;
    return true;
  };
  for (int second = 1; second <= 600; ++second) {
    pair.send(pair.alice, std::to_string(second));
    pair.pass(1s);
  }
  CHECK(inits == 5);
  CHECK(pair.events(pair.bob).size() == 601);
  CHECK(pair.events(pair.alice).size() == 601);
  pair.pass(200s);
  CHECK(pair.alice.messenger->table().find(1)->epoch_count() == 0);
}

TEST_CASE("one id is delivered once, whatever way it comes again") {
  SealedPair pair;
  const MessageId id = pair.send(pair.alice, "hello");
  pair.pass(1s);
  pair.send(pair.alice, "hello", {.id = id});
  pair.pass(1s);
  pair.start(pair.alice);  // a new process with the same word
  pair.send(pair.alice, "hello", {.id = id});
  pair.pass(1s);
  CHECK(pair.events(pair.bob) == Lines{"alice (early): hello"});
  CHECK(pair.events(pair.alice) ==
        Lines{"hello: delivered", "hello: delivered", "hello: delivered"});
}

TEST_CASE("a message to oneself arrives") {
  SealedPair pair;
  const auto id = pair.alice.messenger->send(
      pair.now,
      {.to = test::name("alice"), .text = common::as_bytes("note"), .deadline = pair.now + 5s});
  REQUIRE(id.has_value());
  pair.alice.texts[id.value()] = "note";
  pair.pass(1s);
  CHECK(pair.events(pair.alice) == Lines{"alice (early): note", "note: delivered"});
}

TEST_CASE("a move of the sender is followed by proof of the new address") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  const common::Endpoint old = pair.alice.endpoint;
  pair.alice.endpoint = test::endpoint("10.0.0.77:7777");
  pair.send(pair.alice, "two");
  pair.give_all(pair.take(pair.alice));
  const Session* session = pair.bob.messenger->table().find(1);
  CHECK(session->endpoint() == pair.alice.endpoint);
  CHECK_FALSE(session->path().is_proven());
  pair.settle();
  CHECK(session->path().is_proven());
  pair.pass(1s);
  CHECK(pair.events(pair.alice) == Lines{"one: delivered", "two: delivered"});
  CHECK(old != pair.alice.endpoint);
}

TEST_CASE("an address that a directory gave is proven by what comes from it") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(10s);
  // bob moves, and alice learns where to; but all she had to say is given up before she reaches
  // him.
  pair.bob.endpoint = test::endpoint("10.0.0.2:5555");
  bool is_told = false;
  pair.filter = [&](const auto& datagram) {
    is_told |= type_of(datagram) == 1 && datagram.to == &pair.bob;
    return false;
  };
  pair.send(pair.alice, "two", {.timeout = 3s});
  pair.pass(10s);
  REQUIRE(is_told);
  const Session* session = pair.alice.messenger->table().find(1);
  CHECK(session->endpoint() == pair.bob.endpoint);
  CHECK_FALSE(session->path().is_proven());
  REQUIRE(session->epoch_count() == 1);  // bob has these keys still

  pair.filter = nullptr;
  pair.send(pair.bob, "three");
  pair.pass(1s);
  CHECK(session->path().is_proven());
  pair.send(pair.alice, std::string(20'000, 'x'), {.timeout = 2s});
  pair.pass(3s);
  CHECK(pair.events(pair.alice) ==
        Lines{"one: delivered", "two: not acknowledged", "bob: three", "20000 bytes: delivered"});
}

TEST_CASE("a delayed copy of an older datagram moves nobody") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  pair.send(pair.alice, "two");
  auto older = pair.take(pair.alice);
  pair.send(pair.alice, "three");
  pair.give_all(pair.take(pair.alice));
  REQUIRE(older.size() == 1);
  older[0].from = test::endpoint("203.0.113.9:9");
  pair.give_all(older);
  const Session* session = pair.bob.messenger->table().find(1);
  CHECK(session->endpoint() == pair.alice.endpoint);
  CHECK(session->path().is_proven());
  CHECK(pair.events(pair.bob) == Lines{"alice (early): one", "alice: two", "alice: three"});
}

TEST_CASE("an address that does not prove itself gets three bytes for one, and is given up") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  pair.send(pair.alice, "two");
  auto stolen = pair.take(pair.alice);
  REQUIRE(stolen.size() == 1);
  stolen[0].from = test::endpoint("203.0.113.9:9");  // a stranger was faster
  std::size_t bytes_to_victim = 0;
  pair.filter = [&](const auto& datagram) {
    if (datagram.to != nullptr) return true;
    bytes_to_victim += datagram.bytes.size();
    return false;
  };
  pair.give_all(stolen);
  for (int i = 0; i < 50; ++i) pair.send(pair.bob, std::string(1000, 'x'));
  pair.pass(500ms);
  CHECK(bytes_to_victim > 0);
  CHECK(bytes_to_victim <= 3 * stolen[0].bytes.size());
  pair.pass(9s);
  CHECK(bytes_to_victim <= 3 * stolen[0].bytes.size());
  CHECK(pair.bob.messenger->is_idle());
  const auto events = pair.events(pair.bob);
  CHECK(std::count(events.begin(), events.end(), "1000 bytes: delivered") == 50);
}

TEST_CASE("datagrams of one burst have one size, so that one call can send them") {
  SealedPair pair;
  pair.send(pair.alice, "one");
  pair.pass(1s);
  for (int i = 0; i < 100; ++i) pair.send(pair.alice, std::string(100, 'x'));
  common::ByteVector buffer(65'000);
  const auto sent = pair.alice.messenger->poll_transmit(pair.now, buffer);
  REQUIRE(sent.has_value());
  CHECK(sent->segment_bytes == 16 + 19 + 9 * 121 + 16);
  CHECK(sent->bytes > 5 * sent->segment_bytes);
  CHECK(pair.bob.messenger->table().shared().drops[0] == 0);
  for (std::size_t at = 0; at < sent->bytes; at += sent->segment_bytes)
    pair.give({&pair.bob,
               pair.alice.endpoint,
               {buffer.begin() + static_cast<std::ptrdiff_t>(at),
                buffer.begin() +
                    static_cast<std::ptrdiff_t>(std::min(at + sent->segment_bytes, sent->bytes))}});
  CHECK(pair.events(pair.bob).size() > 45);
  pair.pass(1s);
  CHECK(pair.alice.messenger->is_idle());
}

TEST_CASE("who takes no more messages leaves them to their senders, and hears the rest") {
  SealedPair pair({.bob_has_hook = true});
  pair.send(pair.alice, "status?", {.kind = MessageKind::kAsk, .level = Level::kHandled});
  pair.settle();
  CHECK(pair.events(pair.bob) == Lines{"alice: status?"});
  pair.bob.messenger->stop_taking();
  pair.send(pair.alice, "late");
  pair.bob.messenger->handle_handled(pair.now, pair.bob.handles.at(0), HandledResult::kExited, 0,
                                     common::as_bytes(std::string(60'000, 'x')));
  CHECK(pair.bob.messenger->unfinished_receipts() == 1);
  pair.pass(1s);
  CHECK(pair.bob.messenger->unfinished_receipts() == 0);
  CHECK(pair.events(pair.bob).empty());
  CHECK(pair.events(pair.alice) == Lines{"status?: handled (exited 0, 60000 bytes)"});
  pair.pass(30s);
  CHECK(pair.events(pair.alice) == Lines{"late: not acknowledged"});
}

}  // namespace
