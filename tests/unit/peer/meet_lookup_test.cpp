// Commands of `meet` that name users: what is asked about whom, and what of it is asked for then.
#include "peer/meet_lookup.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

using peer::MeetLookup;

namespace {

const auto kMe = test::name("alice");
constexpr std::uint16_t kPort = 50001;

MeetLookup found(peer::MeetCommand command) {
  MeetLookup lookup(std::move(command));
  while (!lookup.is_done()) lookup.take_answer(true);
  return lookup;
}

}  // namespace

TEST_CASE("each name is asked for, in order, and only those found are in the request") {
  MeetLookup lookup(peer::MeetGroupChat{{"bob", "carol", "dave"}});
  CHECK(lookup.question(kMe) == "&&SEARCH&&|bob|alice");
  CHECK(lookup.take_answer(true) == "bob");
  CHECK(lookup.question(kMe) == "&&SEARCH&&|carol|alice");
  CHECK(lookup.take_answer(false) == "carol");
  CHECK_FALSE(lookup.is_done());
  CHECK(lookup.take_answer(true) == "dave");
  CHECK(lookup.is_done());
  CHECK(lookup.request(kMe, kPort) == "&&GROUPCHAT&&|alice|bob|dave|");
}

TEST_CASE("what is asked for once the name is found") {
  using Request = std::optional<std::string>;
  CHECK(found(peer::MeetSearch{"bob"}).request(kMe, kPort) == std::nullopt);
  CHECK(found(peer::MeetChatRequest{"bob"}).request(kMe, kPort) ==
        Request("&&CHATREQUEST&&|bob|alice"));
  CHECK(found(peer::MeetAnswer{"bob", true}).request(kMe, kPort) ==
        Request("&&OK&&|alice|bob|50001"));
  CHECK(found(peer::MeetAnswer{"bob", false}).request(kMe, kPort) ==
        Request("&&REJECT&&|alice|bob"));
}

TEST_CASE("of a name that is not found nothing is left to ask for") {
  MeetLookup lookup(peer::MeetChatRequest{"bob"});
  CHECK_FALSE(lookup.is_done());
  CHECK(lookup.take_answer(false) == "bob");
  CHECK(lookup.is_done());
  CHECK_FALSE(lookup.has_found_some());
}
