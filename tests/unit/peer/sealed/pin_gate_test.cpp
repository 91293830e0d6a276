// Who may speak for a name: pins, strangers, and the directory's word about them.
#include "peer/sealed/pin_gate.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using peer::sealed::Admission;
using peer::sealed::KnownPeers;
using peer::sealed::PinGate;
using peer::sealed::Trust;
using peer::sealed::TrustMode;
using AlarmKind = PinGate::Alarm::Kind;
using Word = PinGate::Word;

constexpr const char* kLocalRegistry = "127.0.0.1:8080";

common::Certificate certificate(std::string_view name, int who, std::uint64_t serial = 1) {
  common::IdentityKey identity{};
  identity.bytes[0] = static_cast<std::byte>(who);
  return {.name = test::name(name), .identity = identity, .session = {}, .serial = serial};
}

PinGate gate(TrustMode mode = TrustMode::kNew) { return {kLocalRegistry, mode, KnownPeers()}; }

std::optional<AlarmKind> alarm(PinGate& gate) {
  const auto alarm = gate.poll_alarm();
  if (!alarm) return std::nullopt;
  return alarm->kind;
}

TEST_CASE("the directory's key is pinned at first use, and another one refused from then on") {
  PinGate pins = gate();
  CHECK_FALSE(pins.has_pin(test::name("bob")));
  CHECK(pins.admit(certificate("bob", 1), true) == Admission::kYes);
  CHECK(pins.has_pin(test::name("bob")));
  CHECK(pins.is_new(test::name("Bob")));
  CHECK(pins.take_changes().size() == 1);
  CHECK(pins.admit(certificate("bob", 1), false) == Admission::kYes);
  CHECK_FALSE(pins.poll_alarm().has_value());
  for (const bool is_from_directory : {true, false})
    CHECK(pins.admit(certificate("bob", 2), is_from_directory) == Admission::kKeyChanged);
  CHECK(alarm(pins) == AlarmKind::kKeyChanged);
  CHECK_FALSE(pins.poll_alarm().has_value());  // told once
  CHECK(pins.take_changes().empty());
  CHECK(pins.judge(test::name("bob"), certificate("bob", 1).identity) == Trust::kMatch);
}

TEST_CASE("a certificate of the directory's that is older than one before is not used") {
  PinGate pins = gate();
  CHECK(pins.admit(certificate("bob", 1, 10), true) == Admission::kYes);
  CHECK(pins.admit(certificate("bob", 1, 12), true) == Admission::kYes);
  CHECK(pins.take_changes().back().serial == 12);
  CHECK(pins.admit(certificate("bob", 1, 11), true) == Admission::kNotTrusted);
  CHECK(alarm(pins) == AlarmKind::kStale);
  CHECK(pins.admit(certificate("bob", 1, 3), false) == Admission::kYes);  // his own word
}

TEST_CASE("a stranger who comes by himself waits for the directory's word") {
  struct Row {
    Word word;
    Admission admission;
    bool is_pinned;
    std::optional<AlarmKind> alarm;
  };
  for (const Row& row : {Row{Word::kSameKey, Admission::kYes, true, {}},
                         Row{Word::kUnknown, Admission::kYes, true, {}},
                         Row{Word::kNone, Admission::kYes, false, {}},
                         Row{Word::kOtherKey, Admission::kKeyChanged, false, AlarmKind::kNotHis},
                         Row{Word::kNoKey, Admission::kKeyChanged, false, AlarmKind::kNotHis}}) {
    CAPTURE(static_cast<int>(row.word));
    PinGate pins = gate();
    const auto mallory = certificate("bob", 7, 1000);
    CHECK(pins.admit(mallory, false) == Admission::kAsk);
    CHECK(pins.take_changes().empty());
    CHECK(pins.decide(mallory, row.word) == row.admission);
    CHECK(pins.has_pin(test::name("bob")) == row.is_pinned);
    CHECK(alarm(pins) == row.alarm);
    // What he says of serials makes no certificate of the directory's look old.
    if (row.is_pinned) CHECK(pins.admit(certificate("bob", 7, 5), true) == Admission::kYes);
  }
}

TEST_CASE("a name that got its pin while the directory was asked keeps it") {
  PinGate pins = gate();
  const auto mallory = certificate("bob", 7);
  CHECK(pins.admit(mallory, false) == Admission::kAsk);
  CHECK(pins.admit(certificate("bob", 1), true) == Admission::kYes);
  CHECK(pins.decide(mallory, Word::kUnknown) == Admission::kKeyChanged);
}

TEST_CASE("strict: nobody gets in by a first use") {
  PinGate pins = gate(TrustMode::kStrict);
  CHECK(pins.admit(certificate("bob", 1), true) == Admission::kNotTrusted);
  CHECK(pins.admit(certificate("bob", 1), false) == Admission::kNotTrusted);
  CHECK(alarm(pins) == AlarmKind::kStranger);
  CHECK_FALSE(pins.has_pin(test::name("bob")));
}

TEST_CASE("ask: a person's yes pins, whatever the directory says short of a no") {
  PinGate pins = gate(TrustMode::kAsk);
  const auto bob = certificate("bob", 1);
  CHECK(pins.admit(bob, true) == Admission::kAsk);
  CHECK(pins.decide(bob, Word::kNone) == Admission::kAsk);
  CHECK(pins.decide(bob, Word::kOtherKey) == Admission::kKeyChanged);
  CHECK_FALSE(pins.has_pin(test::name("bob")));
  CHECK(pins.accept(bob) == Admission::kYes);
  CHECK(pins.admit(bob, true) == Admission::kYes);
  CHECK(pins.accept(certificate("bob", 2)) == Admission::kKeyChanged);
}

TEST_CASE("alarms are remembered up to a bound") {
  PinGate pins = gate(TrustMode::kStrict);
  std::size_t told = 0;
  for (int i = 0; i < 5000; ++i) {
    CHECK(pins.admit(certificate("u" + std::to_string(i), 1), false) == Admission::kNotTrusted);
    while (pins.poll_alarm()) ++told;
  }
  CHECK(told == 1024);
}

TEST_CASE("no flood of strangers hides that a pinned name's key has changed") {
  PinGate pins = gate();
  CHECK(pins.admit(certificate("bob", 1), true) == Admission::kYes);
  CHECK(pins.admit(certificate("ann", 1), true) == Admission::kYes);
  std::size_t told = 0;
  for (int i = 0; i < 3000; ++i) {
    static_cast<void>(pins.decide(certificate("u" + std::to_string(i), 1), Word::kOtherKey));
    CHECK(pins.admit(certificate("bob", 2 + static_cast<unsigned>(i) % 200), false) ==
          Admission::kKeyChanged);
    while (pins.poll_alarm()) ++told;
  }
  CHECK(told == 1024 + PinGate::kChangesToldMax);
  CHECK(pins.admit(certificate("ann", 2), false) == Admission::kKeyChanged);
  const auto alarm = pins.poll_alarm();
  REQUIRE(alarm.has_value());
  CHECK(alarm->kind == PinGate::Alarm::Kind::kKeyChanged);
  CHECK(alarm->name.text() == "ann");
}

TEST_CASE("of those let in without a word the oldest is forgotten, whatever his name") {
  PinGate pins = gate();
  pins.set_time({1'000'000});
  CHECK(pins.decide(certificate("zoe", 1), Word::kNone) == Admission::kYes);
  for (int i = 0; i < 4096; ++i) {
    pins.set_time({1'000'001 + i});
    CHECK(pins.decide(certificate("a" + std::to_string(i), 1), Word::kNone) == Admission::kYes);
  }
  CHECK(pins.admit(certificate("zoe", 1), false) == Admission::kAsk);
  CHECK(pins.admit(certificate("a0", 1), false) == Admission::kYes);
}

TEST_CASE("who was let in without the directory's word is asked about again after a minute") {
  PinGate pins = gate();
  pins.set_time({1'000'000});
  const auto ann = certificate("ann", 1);
  CHECK(pins.decide(ann, Word::kNone) == Admission::kYes);
  pins.set_time({1'000'000 + 59'999});
  CHECK(pins.admit(ann, false) == Admission::kYes);
  CHECK(pins.admit(certificate("ann", 2), false) == Admission::kAsk);  // not another key
  pins.set_time({1'000'000 + 60'000});
  CHECK(pins.admit(ann, false) == Admission::kAsk);
}

TEST_CASE("names that only their bearers vouch for take up a share of the pins, and no more") {
  PinGate pins = gate();
  for (std::size_t i = 0; i < PinGate::kUnvouchedMax; ++i)
    CHECK(pins.decide(certificate("u" + std::to_string(i), 1), Word::kUnknown) == Admission::kYes);
  CHECK(pins.take_changes().size() == PinGate::kUnvouchedMax);
  const auto late = certificate("late", 1);
  CHECK(pins.decide(late, Word::kUnknown) == Admission::kYes);  // heard, and not remembered
  CHECK_FALSE(pins.has_pin(late.name));
  CHECK(pins.decide(late, Word::kSameKey) == Admission::kYes);
  CHECK(pins.has_pin(late.name));
  CHECK(pins.admit(certificate("bob", 1), true) == Admission::kYes);
  CHECK(pins.has_pin(test::name("bob")));
}

}  // namespace
