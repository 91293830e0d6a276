// The lines of the two-connection dialect.
#include "registry/doors/two_connection_lines.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace {

using namespace registry::doors;

/// "to bob|hi" and the like; "401" for what is not recognized.
std::string parse(std::string_view line) {
  const CommandLine command = parse_two_connection_line(line);
  if (const auto* login = std::get_if<LoginLine>(&command))
    return fmt::format("login {}|{}", login->name, login->password);
  if (const auto* port = std::get_if<PortLine>(&command)) return fmt::format("port {}", port->port);
  if (const auto* to = std::get_if<ToLine>(&command))
    return fmt::format("to {}|{}", to->target, to->content);
  if (const auto* all = std::get_if<ToAllLine>(&command))
    return fmt::format("toall {}", all->content);
  if (std::holds_alternative<ListLine>(command)) return "list";
  if (std::holds_alternative<ExitLine>(command)) return "exit";
  return "401";
}

TEST_CASE("each command is recognized, and nothing that is not exactly one") {
  struct Row {
    std::string_view line, meaning;
  };
  constexpr Row kRows[] = {
      {"/login carol s3cret", "login carol|s3cret"},
      {"/login carol s3cret\r", "login carol|s3cret"},
      {"/login Göktuğ ş", "login Göktuğ|ş"},
      {"/login carol", "401"},
      {"/login carol ", "401"},
      {"/login  carol s3cret", "401"},
      {"/login carol s3cret more", "401"},
      {"/login carol  s3cret", "401"},
      {"/login", "401"},
      {"/login ", "401"},
      {"/port 30232", "port 30232"},
      {"/port 1", "port 1"},
      {"/port 65535", "port 65535"},
      {"/port 65536", "401"},
      {"/port 0", "401"},
      {"/port -1", "401"},
      {"/port 030", "401"},
      {"/port 30232 ", "401"},
      {"/port", "401"},
      {"/port x", "401"},
      {"/list", "list"},
      {"/list ", "401"},
      {"/list all", "401"},
      {"/to dave Hi there", "to dave|Hi there"},
      {"/to dave  two blanks", "to dave| two blanks"},
      {"/to dave \ttab", "to dave|\ttab"},
      {"/to dave x ", "to dave|x "},
      {"/to dave  ", "to dave| "},
      {"/to dave ", "401"},
      {"/to dave", "401"},
      {"/to", "401"},
      {"/to  dave hi", "401"},
      {"/toall Lunch?", "toall Lunch?"},
      {"/toall  x", "toall  x"},
      {"/toall ", "401"},
      {"/toall", "401"},
      {"/exit", "exit"},
      {"/exit now", "401"},
      {"/EXIT", "401"},
      {" /list", "401"},
      {"list", "401"},
      {"", "401"},
      {"\r", "401"},
      {"/list\r\r", "401"},
      {"/to dave a\rb", "401"},
      {"/to dave a\x1b[2Jb", "401"},
      {"/to dave a\x7f", "401"},
      {"/to dave a\xc2\x9b", "401"},
      {"/to dave \xff", "401"},
      {"/to dave \xc3", "401"},
      {"/dance", "401"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.line);
    CHECK(parse(row.line) == row.meaning);
  }
  CHECK(parse(std::string_view("/to dave a\0b", 12)) == "401");
}

TEST_CASE("a receipt is known by its code alone") {
  for (const std::string_view line :
       {"302 Message receipt successful", "302 Message receipt successful\r", "302", "302 ok"}) {
    CAPTURE(line);
    CHECK(is_receipt(line));
  }
  for (const std::string_view line : {"", "30", "3020 x", " 302", "303 x", "/exit", "302x"}) {
    CAPTURE(line);
    CHECK_FALSE(is_receipt(line));
  }
}

TEST_CASE("what is pushed and answered is exactly the dialect's lines") {
  CHECK(format_push({"carol", "Hi there", false}) == "/from carol Hi there\n");
  CHECK(format_push({"carol", "Lunch?", true}) == "/broadcastfrom carol Lunch?\n");
  CHECK(*reply_line(Reply::kLoggedIn) == "101 Authentication successful\n");
  CHECK(*reply_line(Reply::kLoginFailed) == "102 Authentication failed\n");
  CHECK(*reply_line(Reply::kConnected) == "201 Build connection successful\n");
  CHECK(*reply_line(Reply::kNotConnected) == "202 Build connection failed\n");
  CHECK(*reply_line(Reply::kDelivered) == "303 Message delivery successful\n");
  CHECK(*reply_line(Reply::kNotDelivered) == "304 Message delivery failed\n");
  CHECK(*reply_line(Reply::kBye) == "310 Bye bye\n");
  CHECK(*reply_line(Reply::kUnrecognized) == "401 Unrecognized message\n");
}

}  // namespace
