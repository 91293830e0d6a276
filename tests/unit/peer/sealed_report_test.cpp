// What people read of sealed messages and of keys.
#include "peer/sealed_report.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using common::ExitStatus;
using peer::Delivery;
using peer::describe;
using peer::KeyContext;
using peer::sealed::HandledResult;
using peer::sealed::KnownPeers;
using peer::sealed::Messenger;
using peer::sealed::PinGate;
using peer::sealed::TrustMode;
using AlarmKind = PinGate::Alarm::Kind;
using Result = Messenger::Result;

PinGate no_pins() { return {"127.0.0.1:8080", TrustMode::kNew, KnownPeers()}; }

Delivery delivery(Result result, bool is_delivered = false) {
  const PinGate pins = no_pins();
  return describe(Messenger::Outcome{.to = "bob",
                                     .wanted = peer::sealed::Level::kHandled,
                                     .result = result,
                                     .is_delivered = is_delivered},
                  pins, 5s);
}

TEST_CASE("each outcome has its status and its reason") {
  struct Row {
    Result result;
    bool is_delivered;
    ExitStatus status;
    std::string_view reason;
  };
  for (const Row& row :
       {Row{Result::kDelivered, true, ExitStatus::kOk, ""},
        Row{Result::kNotAcknowledged, false, ExitStatus::kTemporary, "not acknowledged within 5 s"},
        Row{Result::kNotAcknowledged, true, ExitStatus::kTemporary,
            "no hook gave an answer within 5 s"},
        Row{Result::kKeyChanged, false, ExitStatus::kRefused,
            "one side knows the other by another key"},
        Row{Result::kNotTrusted, false, ExitStatus::kRefused, "strangers are refused"},
        Row{Result::kUnreachable, false, ExitStatus::kTemporary, "not to be reached any more"},
        Row{Result::kNoKey, false, ExitStatus::kRefused,
            "the registry shows no key of this name any more"}}) {
    CAPTURE(row.reason);
    const Delivery told = delivery(row.result, row.is_delivered);
    CHECK(told.status == row.status);
    CHECK(told.reason == row.reason);
    CHECK(told.has_arrived == row.is_delivered);
    CHECK(told.round_trip.has_value() == row.is_delivered);
    CHECK(told.id == std::string(32, '0'));
    CHECK(told.path == "");  // it was never sent
  }
}

TEST_CASE("a signature that does not come is missed as such") {
  const PinGate pins = no_pins();
  const Delivery told = describe(Messenger::Outcome{.to = "bob",
                                                    .wanted = peer::sealed::Level::kDeliveredSigned,
                                                    .result = Result::kNotAcknowledged,
                                                    .is_delivered = true},
                                 pins, 5s);
  CHECK(told.reason == "no signed receipt came within 5 s");
}

TEST_CASE("what a hook made of it") {
  struct Row {
    HandledResult result;
    std::uint8_t status;
    ExitStatus told;
    std::optional<int> hook_status;
    std::string_view reason;
  };
  const PinGate pins = no_pins();
  for (const Row& row :
       {Row{HandledResult::kExited, 0, ExitStatus::kOk, 0, ""},
        Row{HandledResult::kExited, 3, ExitStatus::kOk, 3, "the hook's exit status is 3"},
        Row{HandledResult::kKilled, 9, ExitStatus::kOk, 137, "the hook was killed by signal 9"},
        Row{HandledResult::kTimedOut, 0, ExitStatus::kOk, 124,
            "the hook took too long and was killed"},
        Row{HandledResult::kNotRun, 0, ExitStatus::kTemporary, std::nullopt, "no hook took it"}}) {
    CAPTURE(row.reason);
    const Delivery told = describe(Messenger::Outcome{.to = "bob",
                                                      .result = Result::kHandled,
                                                      .is_delivered = true,
                                                      .handled = row.result,
                                                      .status = row.status,
                                                      .output = common::as_bytes("up")},
                                   pins, 5s);
    CHECK(told.status == row.told);
    CHECK(told.hook_status == row.hook_status);
    CHECK(told.reason == row.reason);
    CHECK(told.output == "up");
    CHECK(told.level == peer::DeliveryLevel::kHandled);
  }
}

TEST_CASE("the trust in a key is named by its pin") {
  PinGate pins = no_pins();
  const auto trust = [&] { return describe(Messenger::Outcome{.to = "bob"}, pins, 5s).trust; };
  CHECK(trust() == "");
  const common::Certificate bob{.name = test::name("bob"), .identity = {}, .session = {}};
  CHECK(pins.admit(bob, true) == peer::sealed::Admission::kYes);
  CHECK(trust() == "new");
  auto parsed = KnownPeers::parse("");
  REQUIRE(parsed.peers.pin(*pins.find(test::name("bob"))));
  PinGate later("127.0.0.1:8080", TrustMode::kNew, parsed.peers);
  CHECK(describe(Messenger::Outcome{.to = "bob"}, later, 5s).trust == "known");
  REQUIRE(parsed.peers.mark_verified("127.0.0.1:8080", test::name("bob")));
  later.replace(parsed.peers);
  CHECK(describe(Messenger::Outcome{.to = "bob"}, later, 5s).trust == "verified");
}

TEST_CASE("each alarm says who, and what can be done about it") {
  const KeyContext context{"ci", "127.0.0.1:8080", "/home/ci/known_peers"};
  const common::UserName bob = test::name("bob");
  const common::IdentityKey key{};
  const std::string command = "peer ci 127.0.0.1:8080 trust bob " + common::format_fingerprint(key);
  for (const AlarmKind kind : {AlarmKind::kKeyChanged, AlarmKind::kUnreadable, AlarmKind::kStranger,
                               AlarmKind::kNotHis, AlarmKind::kStale, AlarmKind::kNoRoom}) {
    CAPTURE(static_cast<int>(kind));
    const std::string text = describe(PinGate::Alarm{kind, bob, key}, context);
    CHECK(text.find("bob") != std::string::npos);
    // Where a person may decide, the command is there to be copied.
    const bool is_persons = kind == AlarmKind::kKeyChanged || kind == AlarmKind::kUnreadable ||
                            kind == AlarmKind::kStranger;
    CHECK((text.find(command) != std::string::npos) == is_persons);
  }
  const common::Certificate stranger{.name = bob, .identity = key, .session = {}};
  CHECK(describe_stranger(stranger, context).ends_with(command));
}

}  // namespace
