// `send` to users with keys: who gets his messages sealed, and what is told of them.
#include <doctest/doctest.h>

#include "tests/unit/support/sender_run.hpp"

namespace {

using common::ExitStatus;
using peer::DeliveryLevel;
using peer::SendTerms;
using test::SenderRun;

const std::vector<std::string> kThree = {"Ali@127.0.0.1:50001", "Veli@127.0.0.1:50002",
                                         "Lara@127.0.0.1:50003"};

/// Ali and Lara have keys.
SenderRun run_with(SendTerms terms) {
  terms.seals = true;
  SenderRun run(kThree, "carol", std::move(terms));
  run.keyed = {"Ali", "Lara"};
  return run;
}

TEST_CASE("who has a key gets his messages sealed, everybody else a datagram, in one command") {
  SenderRun run = run_with({});
  run.line("broadcast \"hi\"");
  CHECK(run.sealed == std::vector<std::string>{"Ali hi", "Lara hi"});
  CHECK(run.datagrams == std::vector<std::string>{"127.0.0.1:50002 carol: hi"});
  CHECK(run.out == "message is sent to Ali\nmessage is sent to Veli\nmessage is sent to Lara\n");
  CHECK(run.status() == 0);
}

TEST_CASE("without a key of one's own everybody gets a datagram") {
  SenderRun run(kThree);
  run.keyed = {"Ali"};
  run.line("unicast Ali \"hi\"");
  CHECK(run.sealed.empty());
  CHECK(run.datagrams.size() == 1);
}

TEST_CASE("a message that is not confirmed is told and counts by its reason") {
  struct Row {
    ExitStatus status;
    int exit;
  };
  for (const Row& row : {Row{ExitStatus::kTemporary, 75}, Row{ExitStatus::kRefused, 77}}) {
    SenderRun run = run_with({});
    run.deliveries["Ali"] = {.status = row.status, .reason = "why"};
    run.line("unicast Ali \"hi\"");
    CHECK(run.out == "");
    CHECK(run.err == "message to Ali was not delivered: why\n");
    CHECK(run.sender.exit_status() == row.exit);
    run.line("multicast [Ali, Lara] \"hi\"");  // the worst stays
    CHECK(run.sender.exit_status() == row.exit);
  }
  SenderRun some = run_with({});
  some.deliveries["Ali"] = {.status = ExitStatus::kRefused, .reason = "why"};
  some.line("multicast [Ali, Lara] \"hi\"");
  CHECK(some.sender.exit_status() == 1);
}

TEST_CASE("a name that was seen with a key gets no plain text") {
  SendTerms terms;
  terms.has_key = [](const common::UserName& name) { return name.text() == "Veli"; };
  SenderRun run = run_with(terms);
  run.line("unicast Veli \"hi\"");
  CHECK(run.datagrams.empty());
  CHECK(run.err.find("message to Veli was not delivered: the name was seen with a key") == 0);
  CHECK(run.sender.exit_status() == 77);
}

TEST_CASE("a level is insisted on: who cannot confirm is sent nothing") {
  SenderRun run = run_with({.level = DeliveryLevel::kDelivered});
  run.line("unicast Veli \"hi\"");
  CHECK(run.datagrams.empty());
  CHECK(run.sender.exit_status() == 76);
  SenderRun handled = run_with({.level = DeliveryLevel::kHandled});
  handled.line("unicast Ali \"hi\"");
  CHECK(handled.sealed == std::vector<std::string>{"Ali hi handled"});
}

TEST_CASE("a hook's status is told, and the run's only if asked for") {
  for (const bool has_hook_status : {false, true}) {
    SenderRun run =
        run_with({.level = DeliveryLevel::kHandled, .has_hook_status = has_hook_status});
    run.deliveries["Ali"] = {.reason = "the hook's exit status is 3",
                             .level = DeliveryLevel::kHandled,
                             .hook_status = 3};
    run.line("unicast Ali \"hi\"");
    CHECK(run.out == "message is sent to Ali\n");
    CHECK(run.err == "Ali: the hook's exit status is 3\n");
    CHECK(run.status() == 0);
    CHECK(run.sender.exit_status() == (has_hook_status ? 3 : 0));
  }
}

TEST_CASE("an answer is printed as it came, and its hook's status is the run's") {
  SenderRun run = run_with({});
  run.deliveries["Ali"] = {
      .level = DeliveryLevel::kHandled, .hook_status = 4, .output = "up 3 days\nload 0.1"};
  run.line("ask Ali \"status?\"");
  CHECK(run.sealed == std::vector<std::string>{"ask Ali status? handled"});
  CHECK(run.out == "up 3 days\nload 0.1");
  CHECK(run.sender.exit_status() == 4);
}

TEST_CASE("who has no key cannot be asked") {
  SenderRun run = run_with({});
  run.line("ask Veli \"status?\"");
  CHECK(run.datagrams.empty());
  CHECK(run.sender.exit_status() == 76);
  run.line("ask");
  CHECK(run.err.ends_with("ask NAME \"TEXT\"\n"));
}

TEST_CASE("lines keep the order of the recipients, however late each is confirmed") {
  SenderRun run = run_with({});
  run.is_late = true;
  run.line("multicast [Ali, Veli, Lara] \"hi\"");
  REQUIRE(run.tickets.size() == 2);
  CHECK(run.out == "");
  run.tell(run.tickets[1], {});
  CHECK(run.out == "");
  CHECK(run.sender.awaited() == 1);
  run.tell(run.tickets[0], {.status = ExitStatus::kTemporary, .reason = "late"});
  CHECK(run.out == "message is sent to Veli\nmessage is sent to Lara\n");
  CHECK(run.err == "message to Ali was not delivered: late\n");
  CHECK(run.sender.exit_status() == 1);
}

TEST_CASE(
    "a text for sealed datagrams may be long and have lines; classic ones refuse it by name") {
  SenderRun run = run_with({});
  const std::string text = "two\nlines " + std::string(60'000, 'x');
  run.words({"multicast", "[Ali, Veli]", text});
  CHECK(run.sealed == std::vector<std::string>{"Ali " + text});
  CHECK(run.datagrams.empty());
  CHECK(run.err.starts_with("message to Veli was not delivered: the text"));
  run.words({"unicast", "Ali", std::string(65'537, 'x')});
  CHECK(run.err.ends_with("the text is too long: 65537 bytes, and a message has 65536 at most\n"));
  CHECK(run.sealed.size() == 1);
  run.words({"unicast", "Ali", "\xff"});
  CHECK(run.err.ends_with("the text is not UTF-8\n"));
}

TEST_CASE("--json tells each recipient's fate in an object") {
  SenderRun run = run_with({.json = true});
  run.deliveries["Ali"] = {.id = "00ff",
                           .path = "127.0.0.1:50001",
                           .trust = "new",
                           .round_trip = std::chrono::microseconds(1500)};
  run.line("multicast [Ali, Veli, Zoe] \"hi\"");
  CHECK(run.out ==
        R"({"v":1,"event":"sent","to":"Ali","ok":true,"status":0,"id":"00ff","level":"delivered",)"
        R"("path":"127.0.0.1:50001","rtt_ms":1.500,"trust":"new","sealed":true})"
        "\n"
        R"({"v":1,"event":"sent","to":"Veli","ok":true,"status":0,"level":"sent","sealed":false})"
        "\n"
        R"({"v":1,"event":"sent","to":"Zoe","ok":false,"status":67,"reason":"not found",)"
        R"("sealed":false})"
        "\n");
}

}  // namespace
