#include "peer/sealed/known_peers.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/handshake_pair.hpp"

namespace {

using common::IdentityKey;
using peer::sealed::KnownPeers;
using peer::sealed::Pin;
using peer::sealed::Trust;
using LineError = KnownPeers::LineError;
using test::name_of;

const IdentityKey kBob = test::identity_of(0xb1).key();
const IdentityKey kOther = test::identity_of(0xc1).key();

constexpr std::string_view kLabRegistry = "lab.example:8080";
constexpr std::string_view kBobLine =
    "lab.example:8080 bob ed25519 RyG1tjInLmWmjdp6wltBhfiwGRbbGFwUKH25Lit3D64= 1700000000000 "
    "1700000000 unverified\n";

Pin pin_of(const IdentityKey& identity, std::string_view name = "bob",
           std::string_view registry = kLabRegistry) {
  return {.registry = std::string(registry),
          .name = name_of(name),
          .identity = identity,
          .serial = 1'700'000'000'000,
          .first_seen_s = 1'700'000'000};
}

TEST_CASE("a pin is one line, and is read back from it") {
  KnownPeers peers;
  CHECK(peers.format().empty());
  REQUIRE(peers.pin(pin_of(kBob)));
  CHECK(peers.format() == kBobLine);

  const auto parsed = KnownPeers::parse(kBobLine);
  CHECK(parsed.bad_lines.empty());
  CHECK(parsed.peers.format() == kBobLine);
  const Pin* pin = parsed.peers.find(kLabRegistry, name_of("bob"));
  REQUIRE(pin != nullptr);
  CHECK(pin->name.text() == "bob");
  CHECK(pin->identity == kBob);
  CHECK(pin->serial == 1'700'000'000'000);
  CHECK(pin->first_seen_s == 1'700'000'000);
  CHECK_FALSE(pin->is_verified);
}

TEST_CASE("a key is judged by registry and name") {
  KnownPeers peers;
  REQUIRE(peers.pin(pin_of(kBob)));
  REQUIRE(peers.pin(pin_of(kOther, "carol")));
  REQUIRE(peers.mark_verified(kLabRegistry, name_of("carol")));
  struct Row {
    std::string_view name;
    std::string_view registry;
    std::string_view user;
    IdentityKey identity;
    Trust trust;
  };
  const Row rows[] = {
      {"the pinned key", kLabRegistry, "bob", kBob, Trust::kMatch},
      {"the same user in other letters", kLabRegistry, "BOB", kBob, Trust::kMatch},
      {"another key", kLabRegistry, "bob", kOther, Trust::kChanged},
      {"a verified key", kLabRegistry, "carol", kOther, Trust::kVerified},
      {"another key than the verified one", kLabRegistry, "carol", kBob, Trust::kChanged},
      {"a name not seen before", kLabRegistry, "dave", kBob, Trust::kFirstUse},
      {"the same name at another registry", "lab.example:8081", "bob", kOther, Trust::kFirstUse},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(peers.judge(row.registry, name_of(row.user), row.identity) == row.trust);
  }
}

TEST_CASE("only a person changes a pin") {
  KnownPeers peers;
  REQUIRE(peers.pin(pin_of(kBob)));
  CHECK_FALSE(peers.pin(pin_of(kOther)));
  CHECK_FALSE(peers.pin(pin_of(kBob)));
  CHECK(peers.judge(kLabRegistry, name_of("bob"), kBob) == Trust::kMatch);

  REQUIRE(peers.trust(pin_of(kOther)));
  CHECK(peers.judge(kLabRegistry, name_of("bob"), kOther) == Trust::kVerified);
  CHECK(peers.judge(kLabRegistry, name_of("bob"), kBob) == Trust::kChanged);
  CHECK(peers.size() == 1);
  CHECK_FALSE(peers.mark_verified(kLabRegistry, name_of("nobody")));
}

TEST_CASE("a registry that cannot stand in a line pins nothing") {
  KnownPeers peers;
  for (const std::string_view registry :
       {"", "lab", "lab example:80", "lab:80\n", "lab:080", "#lab:80"}) {
    CAPTURE(registry);
    CHECK_FALSE(peers.pin(pin_of(kBob, "bob", registry)));
    CHECK_FALSE(peers.trust(pin_of(kBob, "bob", registry)));
  }
  CHECK(peers.format().empty());
  CHECK(peers.pin(pin_of(kBob, "bob", "[2001:db8::1]:8080")));
}

TEST_CASE("a directory's serial never goes back, a first one is taken as it is") {
  KnownPeers peers;
  CHECK_FALSE(peers.is_stale(kLabRegistry, name_of("bob"), 0));
  REQUIRE(peers.pin(pin_of(kBob)));
  CHECK(peers.is_stale(kLabRegistry, name_of("bob"), 1'699'999'999'999));
  CHECK_FALSE(peers.is_stale(kLabRegistry, name_of("bob"), 1'700'000'000'000));
  CHECK_FALSE(peers.raise_serial(kLabRegistry, name_of("bob"), 1'700'000'000'000));
  CHECK(peers.raise_serial(kLabRegistry, name_of("bob"), 1'700'000'000'001));
  CHECK(peers.is_stale(kLabRegistry, name_of("bob"), 1'700'000'000'000));
  CHECK_FALSE(peers.raise_serial(kLabRegistry, name_of("nobody"), 5));
}

TEST_CASE("a bad line is reported, pins nothing, and is kept") {
  const std::string key = "RyG1tjInLmWmjdp6wltBhfiwGRbbGFwUKH25Lit3D64=";
  struct Row {
    std::string_view name;
    std::string line;
    LineError error;
    bool blocks_bob;  // it is recognisably bob's
  };
  const std::string start = std::string(kLabRegistry) + " bob ed25519 ";
  const Row rows[] = {
      {"one word", "hello", LineError::kFields, false},
      {"a field missing", start + key + " 1 2", LineError::kFields, true},
      {"a field too many", start + key + " 1 2 verified x", LineError::kFields, true},
      {"two blanks", start + key + "  1 2 verified", LineError::kFields, true},
      {"a carriage return", start + key + " 1 2 verified\r", LineError::kFields, true},
      {"another last word", start + key + " 1 2 yes", LineError::kFields, true},
      {"no port", "lab bob ed25519 " + key + " 1 2 verified", LineError::kRegistry, false},
      {"an illegal name", std::string(kLabRegistry) + " b@b ed25519 " + key + " 1 2 verified",
       LineError::kName, false},
      {"another kind of key", std::string(kLabRegistry) + " bob rsa " + key + " 1 2 verified",
       LineError::kAlgorithm, true},
      {"half a key", start + key.substr(0, 40) + " 1 2 verified", LineError::kKey, true},
      {"a serial that is none", start + key + " -1 2 verified", LineError::kNumber, true},
      {"a serial beyond 64 bits", start + key + " 18446744073709551616 2 verified",
       LineError::kNumber, true},
      {"leading zeros", start + key + " 01 2 verified", LineError::kNumber, true},
      {"a time that is none", start + key + " 1 2s verified", LineError::kNumber, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string text = "# mine\n\n" + row.line + "\n";
    const auto parsed = KnownPeers::parse(text);
    REQUIRE(parsed.bad_lines.size() == 1);
    CHECK(parsed.bad_lines[0].number == 3);
    CHECK(parsed.bad_lines[0].error == row.error);
    CHECK(parsed.peers.size() == 0);
    CHECK(parsed.peers.format() == text);
    CHECK(parsed.peers.judge(kLabRegistry, name_of("bob"), kBob) ==
          (row.blocks_bob ? Trust::kUnreadable : Trust::kFirstUse));
  }
}

TEST_CASE("two lines for a name count as unreadable until a person decides") {
  std::string other(kBobLine);
  other.replace(other.find("bob"), 3, "BOB");
  auto parsed = KnownPeers::parse(std::string(kBobLine) + other);
  REQUIRE(parsed.bad_lines.size() == 1);
  CHECK(parsed.bad_lines[0].number == 2);
  CHECK(parsed.bad_lines[0].error == LineError::kRepeated);
  KnownPeers& peers = parsed.peers;
  CHECK(peers.judge(kLabRegistry, name_of("bob"), kBob) == Trust::kUnreadable);
  CHECK_FALSE(peers.pin(pin_of(kBob)));
  REQUIRE(peers.trust(pin_of(kBob)));
  CHECK(peers.judge(kLabRegistry, name_of("bob"), kBob) == Trust::kVerified);
  // The line that could not be kept is gone from the text as well.
  CHECK(KnownPeers::parse(peers.format()).bad_lines.empty());
}

TEST_CASE("beyond 100,000 pins no name is pinned, and none is forgotten") {
  KnownPeers peers;
  for (std::size_t i = 0; i < KnownPeers::kPinsMax; ++i)
    REQUIRE(peers.pin(pin_of(kBob, "user" + std::to_string(i))));
  CHECK_FALSE(peers.pin(pin_of(kBob, "late")));
  CHECK_FALSE(peers.trust(pin_of(kBob, "late")));
  CHECK(peers.trust(pin_of(kOther, "user0")));
  const auto parsed = KnownPeers::parse(peers.format() + std::string(kBobLine));
  REQUIRE(parsed.bad_lines.size() == 1);
  CHECK(parsed.bad_lines[0].error == LineError::kTooMany);
  CHECK(parsed.peers.judge(kLabRegistry, name_of("bob"), kBob) == Trust::kUnreadable);
}

TEST_CASE("a last line without its end is read, and gets one") {
  const auto parsed = KnownPeers::parse(kBobLine.substr(0, kBobLine.size() - 1));
  CHECK(parsed.bad_lines.empty());
  CHECK(parsed.peers.format() == kBobLine);
}

}  // namespace
