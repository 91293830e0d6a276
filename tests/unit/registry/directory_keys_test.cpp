// Names that are bound to a key: who may have them, move them and give them up.
#include <doctest/doctest.h>

#include "common/base64.hpp"
#include "tests/unit/support/directory_world.hpp"
#include "tests/unit/support/signers.hpp"

namespace {

using namespace std::chrono_literals;
using common::Signer;
using test::DirectoryWorld;
using test::From;
using test::signer;

enum class Verb { kRegister, kUpdate, kLogout };

/// Runs a request that `by` has signed, nobody if null; the store commits at once.
std::string ask(DirectoryWorld& world, Verb verb, std::string_view text, const Signer* by,
                From from = {}) {
  registry::Caller caller = test::caller(from);
  caller.signer = by;
  const auto record = test::record(text);
  registry::Directory& directory = world.directory;
  const auto outcome = verb == Verb::kRegister
                           ? directory.register_user(world.now, world.wanted(text), caller)
                       : verb == Verb::kUpdate
                           ? directory.update_user(world.now, world.wanted(text), caller)
                           : directory.logout_user(world.now, record.name, record.endpoint, caller);
  if (test::describe(outcome) != "pending") return test::describe(outcome);
  world.commit_all();
  return "written";
}

std::string certificate_of(const DirectoryWorld& world, std::string_view name) {
  const auto* held = world.find(name);
  REQUIRE(held != nullptr);
  return held->user.certificate ? *held->user.certificate : "none";
}

TEST_CASE("a free name is bound by the first signed request, and shows the certificate") {
  for (const Verb verb : {Verb::kRegister, Verb::kUpdate}) {
    DirectoryWorld world;
    const Signer by = signer(1, "ali", 100);
    CHECK(ask(world, verb, "ali@127.0.0.1:50001", &by) == "written");
    CHECK(certificate_of(world, "ali") == common::encode_base64(by.certificate_bytes));
    REQUIRE(world.last_change->key);
    CHECK(world.last_change->key->identity == by.certificate.identity);
    CHECK(world.last_change->key->request_serial == 100);
    REQUIRE(world.directory.keys().find(test::name("ali")) != nullptr);
  }
}

TEST_CASE("a name that the store did not take is not bound") {
  DirectoryWorld world;
  const Signer by = signer(1, "ali", 100);
  registry::Caller caller = test::caller({});
  caller.signer = &by;
  (void)world.directory.register_user(world.now, world.wanted("ali@127.0.0.1:50001"), caller);
  world.fail_all();
  CHECK(world.directory.keys().size() == 0);
  CHECK(world.register_user("ali@127.0.0.1:50002") == "written");
  CHECK(certificate_of(world, "ali") == "none");
}

TEST_CASE("a bound name obeys its key from anywhere, and nobody else") {
  struct Row {
    std::string_view name;
    Verb verb;
    std::string_view text;
    std::optional<Signer> by;
    From from;
    std::string_view expected;
  };
  const From home{"10.0.0.5", 't'};
  const From away{"10.0.0.9"};
  const Row rows[] = {
      {"REGISTER elsewhere, by the key", Verb::kRegister, "ali@10.0.0.9:50002",
       signer(1, "ali", 101), away, "written"},
      {"REGISTER by another key", Verb::kRegister, "ali@10.0.0.9:50002", signer(2, "ali", 101),
       away, "bound name"},
      {"REGISTER unsigned, with the token", Verb::kRegister, "ali@10.0.0.5:50002", std::nullopt,
       home, "bound name"},
      {"REGISTER by the key, replayed", Verb::kRegister, "ali@10.0.0.5:50001",
       signer(1, "ali", 100), home, "stale request"},
      {"REGISTER by the key with an old certificate", Verb::kRegister, "ali@10.0.0.9:50002",
       signer(1, "ali", 101, 9), away, "stale request"},
      {"UPDATE elsewhere, by the key", Verb::kUpdate, "ali@10.0.0.9:50002", signer(1, "ali", 101),
       away, "written"},
      {"UPDATE unsigned, from the holder's address", Verb::kUpdate, "ali@10.0.0.5:50002",
       std::nullopt, From{"10.0.0.5"}, "bound name"},
      {"UPDATE by another key, from the holder's address", Verb::kUpdate, "ali@10.0.0.5:50002",
       signer(2, "ali", 101), home, "bound name"},
      {"a refresh, with a new serial", Verb::kUpdate, "ali@10.0.0.5:50001", signer(1, "ali", 101),
       home, "accepted"},
      {"a refresh with the next certificate", Verb::kUpdate, "ali@10.0.0.5:50001",
       signer(1, "ali", 101, 11), home, "written"},
      {"LOGOUT from elsewhere, by the key", Verb::kLogout, "ali@10.0.0.5:50001",
       signer(1, "ali", 101), away, "written"},
      {"LOGOUT unsigned, from the holder's address", Verb::kLogout, "ali@10.0.0.5:50001",
       std::nullopt, home, "bound name"},
      {"LOGOUT by another key", Verb::kLogout, "ali@10.0.0.5:50001", signer(2, "ali", 101), home,
       "bound name"},
      {"LOGOUT by the key, replayed", Verb::kLogout, "ali@10.0.0.5:50001", signer(1, "ali", 100),
       home, "stale request"},
      {"LOGOUT of another record", Verb::kLogout, "ali@10.0.0.5:50009", signer(1, "ali", 101), home,
       "not listed"},
      {"the same user in other letters", Verb::kRegister, "ALI@10.0.0.9:50002", std::nullopt, away,
       "bound name"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    DirectoryWorld world;
    const Signer first = signer(1, "ali", 100);
    REQUIRE(ask(world, Verb::kRegister, "ali@10.0.0.5:50001", &first, home) == "written");
    world.pass(2min);  // so that an unsigned REGISTER might ask for a probe
    CHECK(ask(world, row.verb, row.text, row.by ? &*row.by : nullptr, row.from) == row.expected);
  }
}

TEST_CASE("a crashed holder has his name back at once, without a probe") {
  DirectoryWorld world;
  const Signer before = signer(1, "ali", 100);
  REQUIRE(ask(world, Verb::kRegister, "ali@10.0.0.5:50001", &before, {"10.0.0.5", 't'}) ==
          "written");
  const Signer after = signer(1, "ali", 200, 20);
  CHECK(ask(world, Verb::kRegister, "ali@10.0.0.5:50002", &after, {"10.0.0.5", 'u'}) == "written");
  CHECK_FALSE(world.directory.poll_probe());
  CHECK(world.list() == "ali@10.0.0.5:50002");
}

TEST_CASE("a key does not take a name that somebody else holds") {
  DirectoryWorld world;
  REQUIRE(world.register_user("ali@10.0.0.5:50001", {"10.0.0.5", 't'}) == "written");
  const Signer by = signer(1, "ali", 100);
  CHECK(ask(world, Verb::kRegister, "ali@10.0.0.9:50001", &by, {"10.0.0.9"}) == "name taken");
  CHECK(ask(world, Verb::kUpdate, "ali@10.0.0.9:50001", &by, {"10.0.0.9"}) == "name taken");
  CHECK(world.directory.keys().size() == 0);
  // The holder himself may bind it: a peer that learns to sign.
  CHECK(ask(world, Verb::kUpdate, "ali@10.0.0.5:50001", &by, {"10.0.0.5", 't'}) == "written");
  CHECK(world.directory.keys().size() == 1);
}

TEST_CASE("a name stays bound when nobody is listed under it: after LOGOUT, after its lease") {
  for (const bool logs_out : {true, false}) {
    CAPTURE(logs_out);
    DirectoryWorld world;
    const Signer by = signer(1, "ali", 100);
    REQUIRE(ask(world, Verb::kRegister, "ali@127.0.0.1:50001", &by) == "written");
    if (logs_out) {
      const Signer leaving = signer(1, "ali", 101);
      REQUIRE(ask(world, Verb::kLogout, "ali@127.0.0.1:50001", &leaving) == "written");
    } else {
      world.run(200s);  // who signs refreshes: the short lease
    }
    REQUIRE(world.list() == "");
    CHECK(world.register_user("ali@127.0.0.1:50002") == "bound name");
    CHECK(world.directory.attach({.name = test::name("ali"),
                                  .source = test::ip("127.0.0.1"),
                                  .since = {},
                                  .session = 1}) == registry::Refusal::kBoundName);
    const Signer replayed = signer(1, "ali", logs_out ? 101 : 100);
    CHECK(ask(world, Verb::kRegister, "ali@127.0.0.1:50002", &replayed) == "stale request");
    const Signer again = signer(1, "ali", 102);
    CHECK(ask(world, Verb::kRegister, "ali@127.0.0.1:50002", &again) == "written");
  }
}

TEST_CASE("a name is free again after 90 days in which its key was not used") {
  DirectoryWorld world;
  const Signer by = signer(1, "ali", 100);
  REQUIRE(ask(world, Verb::kRegister, "ali@127.0.0.1:50001", &by) == "written");
  world.run(24h * 90 - 1s);
  CHECK(world.register_user("ali@127.0.0.1:50002") == "bound name");
  world.run(1s);
  CHECK(world.register_user("ali@127.0.0.1:50002") == "written");
  CHECK(certificate_of(world, "ali") == "none");
}

TEST_CASE("a listed name keeps its key however long") {
  DirectoryWorld world({.lease = 24h * 200, .classic_lease = 24h * 200});
  const Signer by = signer(1, "ali", 100);
  REQUIRE(ask(world, Verb::kRegister, "ali@127.0.0.1:50001", &by) == "written");
  world.run(24h * 120);
  CHECK(world.list() == "ali@127.0.0.1:50001");
  CHECK(world.register_user("ali@127.0.0.1:50002") == "bound name");
}

TEST_CASE("keys and certificates go on after a restart, and so do serials") {
  DirectoryWorld before;
  const Signer by = signer(1, "ali", 100);
  REQUIRE(ask(before, Verb::kRegister, "ali@127.0.0.1:50001", &by) == "written");
  DirectoryWorld after;
  const common::WallTime wall = before.directory.keys().find(test::name("ali"))->used;
  after.directory.load(after.now, before.directory.snapshot(), before.directory.version(),
                       before.directory.keys().snapshot(), wall);
  after.store_version = before.directory.version();
  CHECK(certificate_of(after, "ali") == certificate_of(before, "ali"));
  CHECK(after.register_user("ali@127.0.0.1:50002") == "bound name");
  CHECK(ask(after, Verb::kUpdate, "ali@127.0.0.1:50001", &by) == "stale request");
  const Signer next = signer(1, "ali", 101);
  CHECK(ask(after, Verb::kUpdate, "ali@127.0.0.1:50001", &next) == "accepted");

  // Days that passed while the registry was down count; a clock that was set back does not.
  DirectoryWorld late;
  late.directory.load(late.now, {}, 1, before.directory.keys().snapshot(),
                      {wall.unix_ms + 90LL * 86'400'000});
  late.store_version = 1;
  late.directory.handle_timeout(late.now);
  CHECK(late.register_user("ali@127.0.0.1:50002") == "written");
  DirectoryWorld early;
  early.directory.load(early.now, {}, 1, before.directory.keys().snapshot(), {0});
  early.directory.handle_timeout(early.now);
  CHECK(early.register_user("ali@127.0.0.1:50002") == "bound name");
}

TEST_CASE("nobody speaks under a bound name because of his address") {
  DirectoryWorld world;
  const Signer by = signer(1, "ali", 100);
  REQUIRE(ask(world, Verb::kRegister, "ali@127.0.0.1:50001", &by, {"127.0.0.1", 't'}) == "written");
  const auto may_speak = [&](From from) {
    return world.directory.may_speak_as(test::name("ali"), test::caller(from));
  };
  CHECK(may_speak({"127.0.0.1", 't'}));
  CHECK_FALSE(may_speak({"127.0.0.1"}));
  world.run(200s);
  CHECK_FALSE(may_speak({"127.0.0.1", 't'}));
}

}  // namespace
