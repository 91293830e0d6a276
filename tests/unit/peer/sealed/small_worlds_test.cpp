// Where cases are few, all of them: every loss and order of four datagrams, every loss of the first
// ten, every pair of states that two processes can be in with each other.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/support/sealed_pair.hpp"

namespace {

using test::SealedPair;
using namespace peer::sealed;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

/// What bob was shown, without how early; what alice was told.
Lines shown(SealedPair& pair, SealedPair::Side& side) {
  Lines lines = pair.events(side);
  for (std::string& line : lines)
    if (const auto at = line.find(" (early)"); at != line.npos) line.erase(at, 8);
  return lines;
}

TEST_CASE("every loss and every order of four datagrams") {
  // Digits are the four in the order in which they arrive; those that are missing are lost.
  std::vector<std::string> arrivals = {""};
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const std::string so_far = arrivals[i];
    for (const char digit : {'0', '1', '2', '3'})
      if (so_far.find(digit) == so_far.npos) arrivals.push_back(so_far + digit);
  }
  CHECK(arrivals.size() == 65);
  for (const bool in_parts : {false, true}) {
    for (const std::string& arrival : arrivals) {
      CAPTURE(in_parts);
      CAPTURE(arrival);
      SealedPair pair;
      pair.send(pair.alice, "first");
      pair.pass(1s);
      pair.events(pair.alice);
      pair.events(pair.bob);
      std::vector<SealedPair::Datagram> datagrams;
      Lines received;
      Lines told;
      const auto send = [&](const std::string& text) {
        pair.send(pair.alice, text);
        for (auto& datagram : pair.take(pair.alice)) datagrams.push_back(std::move(datagram));
        const std::string name = text.size() > 40 ? fmt::format("{} bytes", text.size()) : text;
        received.push_back("alice: " + name);
        told.push_back(name + ": delivered");
      };
      if (in_parts) {
        send("a");
        send(std::string(2000, 'b'));
        send("c");
      } else {
        for (const char* text : {"a", "b", "c", "d"}) send(text);
      }
      REQUIRE(datagrams.size() == 4);
      for (const char digit : arrival) pair.give(datagrams[static_cast<std::size_t>(digit - '0')]);
      for (const char digit : arrival) pair.give(datagrams[static_cast<std::size_t>(digit - '0')]);
      pair.pass(5s);
      CHECK(shown(pair, pair.bob) == received);
      CHECK(shown(pair, pair.alice) == told);
    }
  }
}

TEST_CASE("every loss among the first ten datagrams of two that begin") {
  for (const bool bob_has_hook : {false, true}) {
    for (unsigned losses = 0; losses < 1024; ++losses) {
      CAPTURE(bob_has_hook);
      CAPTURE(losses);
      SealedPair pair({.bob_has_hook = bob_has_hook});
      unsigned count = 0;
      pair.filter = [&](const auto&) {
        const unsigned index = count++;
        return index >= 10 || ((losses >> index) & 1) == 0;
      };
      pair.send(pair.alice, "a", {.timeout = 30s});
      pair.send(pair.alice, "b", {.timeout = 30s});
      pair.pass(25s);
      REQUIRE(shown(pair, pair.bob) == Lines{"alice: a", "alice: b"});
      REQUIRE(shown(pair, pair.alice) == Lines{"a: delivered", "b: delivered"});
    }
  }
}

/// How a side stands to the other, brought about by what it says and what becomes of that.
enum class Stand {
  kNothing,    // never spoken
  kInitLost,   // its INIT went nowhere
  kRespLost,   // the other side is half open
  kFirstLost,  // it has keys, the other side is still half open
  kComplete,   // both have keys
  kOld,        // due for new ones
  kGone,       // their time is over
  kForgotten,  // the other side has them no longer
  kEnd
};

void bring_about(SealedPair& pair, SealedPair::Side& side, Stand stand) {
  if (stand == Stand::kNothing) return;
  pair.send(side, "before", {.timeout = 300ms});
  SealedPair::Side& other = pair.other(side);
  if (stand == Stand::kInitLost) {
    pair.take(side);
  } else if (stand == Stand::kRespLost) {
    pair.give_all(pair.take(side));
    pair.take(other);
  } else if (stand == Stand::kFirstLost) {
    pair.give_all(pair.take(side));
    pair.give_all(pair.take(other));
    pair.take(side);
  } else {
    pair.settle();
  }
  if (stand == Stand::kOld) pair.pass(125s);
  if (stand == Stand::kGone) pair.pass(200s);
  if (stand == Stand::kForgotten) {
    pair.events(other);
    pair.start(other);
  }
}

TEST_CASE("from every pair of states two processes come to hear each other") {
  constexpr int kStands = static_cast<int>(Stand::kEnd);
  for (int hooks = 0; hooks < 4; ++hooks) {
    for (int first = 0; first < kStands; ++first) {
      for (int second = 0; second < kStands; ++second) {
        CAPTURE(hooks);
        CAPTURE(first);
        CAPTURE(second);
        SealedPair pair({.alice_has_hook = (hooks & 1) != 0, .bob_has_hook = (hooks & 2) != 0});
        bring_about(pair, pair.alice, static_cast<Stand>(first));
        bring_about(pair, pair.bob, static_cast<Stand>(second));
        pair.pass(400ms);  // what was said before has met its deadline
        pair.events(pair.alice);
        pair.events(pair.bob);
        pair.send(pair.alice, "to bob");
        pair.send(pair.bob, "to alice");
        pair.pass(10s);
        REQUIRE(shown(pair, pair.alice).size() == 2);
        REQUIRE(shown(pair, pair.bob).size() == 2);
        REQUIRE(pair.alice.messenger->is_idle());
        REQUIRE(pair.bob.messenger->is_idle());
        pair.send(pair.alice, "again");
        pair.send(pair.bob, "and again");
        pair.pass(10s);
        auto alice = shown(pair, pair.alice);
        auto bob = shown(pair, pair.bob);
        std::sort(alice.begin(), alice.end());
        std::sort(bob.begin(), bob.end());
        REQUIRE(alice == Lines{"again: delivered", "bob: and again"});
        REQUIRE(bob == Lines{"alice: again", "and again: delivered"});
      }
    }
  }
}

}  // namespace
