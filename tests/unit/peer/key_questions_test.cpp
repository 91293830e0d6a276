// What the registry is asked about keys: in what order, for how long, and what its word does.
#include "peer/key_questions.hpp"

#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using namespace std::chrono_literals;
using peer::KeyQuestions;
using peer::LookupOutcome;
using peer::sealed::KnownPeers;
using peer::sealed::Messenger;
using peer::sealed::PinGate;
using peer::sealed::SessionKeyRing;
using peer::sealed::TrustMode;

constexpr unsigned kAnn = 2, kEve = 3;

/// Bob, and others' certificates as a registry or an INIT brings them.
struct World {
  explicit World(TrustMode mode = TrustMode::kNew)
      : gate("127.0.0.1:8080", mode, KnownPeers()),
        keys(test::identity_from(1), test::name("bob"), 0, random, now, wall),
        messenger({}, keys, gate, random, now),
        questions(gate, messenger) {}

  /// As `who`, a number that stands for an identity, brings it himself.
  static common::Certificate certificate(unsigned who, std::string_view name) {
    return *common::decode_certificate(test::certificate_bytes(who, name));
  }
  /// As the registry shows it.
  static common::User user(unsigned who, std::string_view name, std::uint64_t serial = 10) {
    common::User user{test::name(name), test::endpoint("127.0.0.1:50001")};
    user.certificate = std::make_shared<const std::string>(
        common::encode_base64(test::certificate_bytes(who, name, serial)));
    return user;
  }
  std::string asked() {
    const auto name = questions.poll(now);
    return name ? name->text() : "";
  }
  void answer(const LookupOutcome& outcome) { questions.handle_answer(now, &outcome); }

  fuzz::SplitmixRandom random{1};
  common::TimePoint now = test::at(1h);
  common::WallTime wall{1'795'000'000'000};
  PinGate gate;
  SessionKeyRing keys;
  Messenger messenger;
  KeyQuestions questions;
};

TEST_CASE("one question at a time, strangers' and those for messages by turns") {
  World world;
  world.questions.want(test::name("zoe"));
  world.questions.doubt(world.now, World::certificate(kAnn, "ann"));
  CHECK(world.asked() == "ann");
  CHECK(world.asked() == "");
  world.answer(World::user(kAnn, "ann"));
  CHECK(world.gate.has_pin(test::name("ann")));
  CHECK(world.asked() == "zoe");
  world.answer(peer::NotFound{});
  CHECK(world.asked() == "");
}

TEST_CASE("a stranger is asked about once, however often he comes meanwhile") {
  World world;
  for (int i = 0; i < 3; ++i) world.questions.doubt(world.now, World::certificate(kAnn, "ann"));
  CHECK(world.asked() == "ann");
  world.questions.doubt(world.now, World::certificate(kAnn, "ann"));
  world.answer(peer::NotFound{});
  CHECK(world.asked() == "");
}

TEST_CASE("the registry's word on a stranger, and on who only calls himself so") {
  World world;
  world.questions.doubt(world.now, World::certificate(kEve, "ann"));
  CHECK(world.asked() == "ann");
  world.answer(World::user(kAnn, "ann"));
  CHECK_FALSE(world.gate.has_pin(test::name("ann")));
  CHECK(world.gate.poll_alarm()->kind == PinGate::Alarm::Kind::kNotHis);
  // Listed without a key, or with a certificate that is none: not his either.
  common::User plain{test::name("old"), test::endpoint("127.0.0.1:50002")};
  world.questions.doubt(world.now, World::certificate(kEve, "old"));
  CHECK(world.asked() == "old");
  world.answer(plain);
  CHECK_FALSE(world.gate.has_pin(test::name("old")));
}

TEST_CASE("no word in a second: he is let in, and not believed for ever") {
  World world;
  world.questions.doubt(world.now, World::certificate(kAnn, "ann"));
  CHECK(world.asked() == "ann");
  CHECK(world.questions.next_timeout() == world.now + 1s);
  world.questions.handle_timeout(world.now + 1s - 1ns);
  CHECK(world.questions.next_timeout().has_value());
  world.questions.handle_timeout(world.now + 1s);
  CHECK_FALSE(world.questions.next_timeout().has_value());
  CHECK_FALSE(world.gate.has_pin(test::name("ann")));
  CHECK(world.gate.admit(World::certificate(kAnn, "ann"), false) ==
        peer::sealed::Admission::kYes);  // not asked again with each handshake
  // The word that comes late still pins.
  world.answer(World::user(kAnn, "ann"));
  CHECK(world.gate.has_pin(test::name("ann")));
}

TEST_CASE("who waits behind other strangers' questions is let in by no delay") {
  World world;
  for (int i = 0; i < 5; ++i)
    world.questions.doubt(world.now, World::certificate(kEve, "u" + std::to_string(i)));
  world.questions.doubt(world.now, World::certificate(kEve, "ann"));
  // Each answer takes less than a second, all of them together more.
  for (int i = 0; i < 5; ++i) {
    CHECK(world.asked() == "u" + std::to_string(i));
    world.now += 900ms;
    world.questions.handle_timeout(world.now);
    world.answer(peer::NotFound{});
    CHECK_FALSE(world.questions.next_timeout().has_value());  // nobody's answer is awaited
  }
  CHECK(world.gate.admit(World::certificate(kEve, "ann"), false) == peer::sealed::Admission::kAsk);
  CHECK(world.asked() == "ann");
  world.answer(World::user(kAnn, "ann"));
  CHECK(world.gate.poll_alarm()->kind == PinGate::Alarm::Kind::kNotHis);
}

TEST_CASE("who was let in for want of a word goes when it comes and the name is another's") {
  World world;
  const auto eve = World::certificate(kEve, "ann");
  world.questions.doubt(world.now, eve);
  CHECK(world.asked() == "ann");
  world.questions.handle_timeout(world.now + 1s);
  CHECK(world.gate.admit(eve, false) == peer::sealed::Admission::kYes);
  world.answer(World::user(kAnn, "ann"));
  CHECK(world.gate.admit(eve, false) == peer::sealed::Admission::kAsk);
  CHECK(world.gate.poll_alarm()->kind == PinGate::Alarm::Kind::kNotHis);
}

TEST_CASE("a registry that answers nothing keeps nobody waiting for longer than a second") {
  World world;
  world.questions.doubt(world.now, World::certificate(kAnn, "ann"));
  CHECK(world.asked() == "ann");
  world.now += 300ms;
  world.questions.doubt(world.now, World::certificate(kEve, "eve"));
  world.now += 700ms;
  world.questions.handle_timeout(world.now);
  CHECK(world.gate.admit(World::certificate(kAnn, "ann"), false) == peer::sealed::Admission::kYes);
  CHECK(world.questions.next_timeout() == world.now + 300ms);
  world.questions.handle_timeout(world.now + 300ms);
  CHECK(world.gate.admit(World::certificate(kEve, "eve"), false) == peer::sealed::Admission::kYes);
}

TEST_CASE("of more strangers than may wait the oldest is forgotten") {
  World world;
  const std::size_t many = KeyQuestions::kStrangersMax + 5;
  for (std::size_t i = 0; i < many; ++i) {
    world.questions.doubt(world.now, World::certificate(kEve, "u" + std::to_string(i)));
  }
  std::size_t count = 0;
  std::string first;
  for (std::string name = world.asked(); !name.empty(); name = world.asked()) {
    if (count++ == 0) first = name;
    world.answer(peer::NotFound{});
  }
  CHECK(count == KeyQuestions::kStrangersMax);
  CHECK(first == "u5");
}

TEST_CASE("a person's word, where persons are asked") {
  World world(TrustMode::kAsk);
  const auto certificate = World::certificate(kAnn, "ann");
  world.questions.doubt(world.now, certificate);
  CHECK(world.asked() == "ann");
  world.answer(peer::NotFound{});
  const auto stranger = world.questions.poll_person();
  REQUIRE(stranger.has_value());
  CHECK_FALSE(world.questions.poll_person().has_value());
  world.questions.handle_judgement(world.now, *stranger, false);
  CHECK_FALSE(world.gate.has_pin(test::name("ann")));
  world.questions.handle_judgement(world.now, *stranger, true);
  CHECK(world.gate.has_pin(test::name("ann")));
}

TEST_CASE("an answer that is older than one before is no news, and is told") {
  World world;
  world.questions.tell(world.now, World::user(kAnn, "zoe", 9000));
  CHECK(world.gate.find(test::name("zoe"))->serial == 9000);
  world.questions.tell(world.now, World::user(kAnn, "zoe", 8000));
  CHECK(world.gate.find(test::name("zoe"))->serial == 9000);
  CHECK(world.gate.poll_alarm()->kind == PinGate::Alarm::Kind::kStale);
}

TEST_CASE("a certificate counts for the name it is listed under") {
  common::User user = World::user(kAnn, "ann");
  CHECK(peer::certificate_of(user).has_value());
  user.name = test::name("bob");
  CHECK_FALSE(peer::certificate_of(user).has_value());
  user.certificate = std::make_shared<const std::string>("rubbish");
  CHECK_FALSE(peer::certificate_of(user).has_value());
  user.certificate = nullptr;
  CHECK_FALSE(peer::certificate_of(user).has_value());
}

}  // namespace
