// Asking a silent registry again: when, until when, and what counts as silent.
#include "peer/registry_patience.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace std::chrono_literals;
using peer::ExchangeFailure;
using peer::RegistryPatience;
using test::kStart;

const ExchangeFailure kSilent{
    .kind = ExchangeFailure::Kind::kUnreachable, .text = "no answer in time", .is_silent = true};
const ExchangeFailure kRefusal{.kind = ExchangeFailure::Kind::kUnreachable,
                               .text = "connection refused"};

TEST_CASE("a silent registry is asked again at once, or after half a second") {
  RegistryPatience patience(60s);
  patience.begin(kStart);
  CHECK_FALSE(patience.deadline());  // the first try has its usual time
  CHECK(patience.handle_failure(kStart, kStart + 3s, kSilent) == kStart + 3s);
  CHECK(patience.handle_failure(kStart + 3s, kStart + 3100ms, kSilent) == kStart + 3500ms);
  CHECK(patience.deadline() == kStart + 60s);
}

TEST_CASE("one that refuses is believed") {
  RegistryPatience patience(60s);
  patience.begin(kStart);
  CHECK_FALSE(patience.handle_failure(kStart, kStart, kRefusal));
  // And may be asked again when it is silent later.
  patience.begin(kStart + 1s);
  CHECK(patience.handle_failure(kStart + 1s, kStart + 4s, kSilent));
}

TEST_CASE("a further try needs three seconds of the time that is left") {
  for (const auto& [failed_at, is_tried] : {std::pair{7s, true}, std::pair{8s, false}}) {
    RegistryPatience patience(10s);
    patience.begin(kStart);
    CHECK(patience.handle_failure(kStart, kStart + failed_at, kSilent).has_value() == is_tried);
  }
}

TEST_CASE("after a whole time in silence each question is asked once, until there is an answer") {
  RegistryPatience patience(5s);
  patience.begin(kStart);
  CHECK_FALSE(patience.handle_failure(kStart, kStart + 3s, kSilent));
  patience.begin(kStart + 3s);
  CHECK_FALSE(patience.handle_failure(kStart + 3s, kStart + 3s, kSilent));
  patience.handle_answer();
  patience.begin(kStart + 10s);
  CHECK_FALSE(patience.deadline());
  CHECK(patience.handle_failure(kStart + 10s, kStart + 10s, kSilent) == kStart + 10500ms);
}

}  // namespace
