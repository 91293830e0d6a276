// The lines of the two-connection server.
#include "peer/two_connection_protocol.hpp"

#include <doctest/doctest.h>

namespace {

using common::ExitStatus;

TEST_CASE("a reply is known by its code alone") {
  struct Row {
    std::string_view line;
    std::optional<int> code;
  };
  const Row rows[] = {
      {"101 Authentication successful", 101},
      {"303 Message delivery success", 303},
      {"303 Message delivery successful", 303},
      {"310", 310},
      {"301 ", 301},
      {"000 ", 0},
      {"999 x", 999},
      {"", {}},
      {"30", {}},
      {"3033 x", {}},
      {"303x", {}},
      {"303\tx", {}},
      {" 303 x", {}},
      {"+03 x", {}},
      {"-03", {}},
      {"HTTP/1.1 400 Bad Request", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(peer::reply_code(row.line) == row.code);
  }
}

TEST_CASE("a delivery is one of three verbs, a sender and the rest of the line") {
  struct Row {
    std::string_view line;
    std::string_view expected;  // "sender|text"; empty: none
  };
  const Row rows[] = {
      {"/from carol Hi there", "carol|Hi there"},
      {"/broadcastfrom carol Lunch?", "carol|Lunch?"},
      {"/broadcast carol Lunch?", "carol|Lunch?"},
      {"/from carol  two  blanks ", "carol| two  blanks "},
      {"/from carol ", "carol|"},
      {"/from carol", "carol|"},
      {"/from \xff x", "\xff|x"},
      {"/from", ""},
      {"/from ", ""},
      {"/from  carol x", ""},
      {"/From carol x", ""},
      {"/fromage carol x", ""},
      {"/broadcasts carol x", ""},
      {"from carol x", ""},
      {"/forceQuit", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const auto message = peer::parse_delivery(row.line);
    CHECK((message ? *message->sender + '|' + message->text : "") == row.expected);
  }
}

TEST_CASE("each reply has its outcome") {
  struct Row {
    int code;
    std::string_view command;
    ExitStatus expected;
  };
  const Row rows[] = {
      {101, "/login a b", ExitStatus::kOk},
      {201, "/port 1", ExitStatus::kOk},
      {301, "/list", ExitStatus::kOk},
      {303, "/to bob hi", ExitStatus::kOk},
      {303, "/toall hi", ExitStatus::kOk},
      {310, "/exit", ExitStatus::kOk},
      {304, "/to bob hi", ExitStatus::kTemporary},
      {304, "/toall hi", ExitStatus::kSomeMissed},
      {304, "/toaller hi", ExitStatus::kTemporary},
      {102, "/login a b", ExitStatus::kRefused},
      {103, "/login a b", ExitStatus::kRefused},
      {202, "/port 1", ExitStatus::kUnavailable},
      {401, "/dance", ExitStatus::kBadInput},
      {302, "/to bob hi", ExitStatus::kProtocol},
      {500, "/list", ExitStatus::kProtocol},
      {0, "/list", ExitStatus::kProtocol},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    CHECK(peer::outcome_of_reply(row.code, row.command, ExitStatus::kBadInput) == row.expected);
  }
  CHECK(peer::outcome_of_reply(401, "/dance", ExitStatus::kUsage) == ExitStatus::kUsage);
}

TEST_CASE("what cannot be sent says why") {
  const auto why = [](std::optional<std::string_view> text) { return text.value_or("fine"); };
  struct Row {
    std::string text;
    std::string_view password;
    std::string_view command;
  };
  const Row rows[] = {
      {"s3cret", "fine", "fine"},
      {"пароль", "fine", "fine"},
      {"", "is empty", "fine"},
      {"two words", "has a blank", "fine"},
      {"a\ttab", "has a blank", "fine"},
      {"a\nline", "has a control character", "has a control character"},
      {"a\rreturn", "has a control character", "has a control character"},
      {std::string("a\0nul", 5), "has a control character", "has a control character"},
      {"an\x1b[31mescape", "has a control character", "has a control character"},
      {"del\x7f", "has a control character", "has a control character"},
      {"c1\xc2\x9b", "fine", "has a control character"},
      {"no-break\xc2\xa0space", "fine", "fine"},
      {"\xff", "fine", "is not UTF-8"},
      {"cut\xc3", "fine", "is not UTF-8"},
      {std::string(1024, 'x'), "fine", "fine"},
      {std::string(1025, 'x'), "is longer than 1,024 bytes", "fine"},
      {std::string(4096, 'x'), "is longer than 1,024 bytes", "fine"},
      {std::string(4097, 'x'), "is longer than 1,024 bytes", "is longer than 4,096 bytes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(why(peer::why_no_password(row.text)) == row.password);
    CHECK(why(peer::why_no_command(row.text)) == row.command);
  }
}

}  // namespace
