// The accounts' file as text.
#include "registry/accounts.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

using namespace test;
using registry::Accounts;
using registry::BadAccountLine;

constexpr const char* kHash =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b0dWRWJTmaaJObG";

TEST_CASE("plain and hashed lines are read, in any line ends, and the last may have none") {
  std::vector<BadAccountLine> bad;
  const auto accounts =
      Accounts::parse("carol s3cret\r\n\ndave " + std::string(kHash) + "\nGöktuğ şifre", bad);
  CHECK(bad.empty());
  REQUIRE(accounts.size() == 3);
  CHECK(accounts.find(name("carol"))->secret == "s3cret");
  CHECK_FALSE(accounts.find(name("carol"))->is_hashed);
  CHECK(accounts.find(name("CAROL")) != nullptr);
  CHECK(accounts.find(name("dave"))->is_hashed);
  CHECK(accounts.find(name("Göktuğ"))->secret == "şifre");
  CHECK(accounts.find(name("erin")) == nullptr);
  CHECK(accounts.plain_count() == 2);
  CHECK(accounts.sample_hash() == kHash);
  CHECK(accounts.keys().contains("dave"));
}

TEST_CASE("a bad line is skipped and said, without its password") {
  struct Row {
    const char* line;
    const char* reason;
  };
  const Row rows[] = {
      {"carol", "is not `user password`"},
      {"carol ", "the password is empty"},
      {" carol pw", "the name is empty"},
      {"a@b pw", "the name has a character other than letters, digits, '_', '-' and '.'"},
      {"server pw", "the name is reserved"},
      {"carol two words", "the password has a blank or a control character"},
      {"carol a\tb", "the password has a blank or a control character"},
      {"carol \xff", "the password is not UTF-8"},
      {"carol $argon2id$v=19$broken", "the hash is malformed"},
      {"dave again", "the name is in an earlier line"},
      {"DAVE again", "the name is in an earlier line"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    std::vector<BadAccountLine> bad;
    const auto accounts = Accounts::parse("dave pw\n" + std::string(row.line) + "\nerin pw\n", bad);
    REQUIRE(bad.size() == 1);
    CHECK(bad[0].number == 2);
    CHECK(bad[0].reason == row.reason);
    CHECK(accounts.size() == 2);
    CHECK(accounts.find(name("dave"))->secret == "pw");
    CHECK(accounts.find(name("erin")) != nullptr);
  }
}

TEST_CASE("writing an account changes its line and no other") {
  const auto carol = name("carol");
  CHECK(registry::with_account("", carol, kHash) == "carol " + std::string(kHash) + '\n');
  CHECK(registry::with_account("dave pw\n# note\n\nerin pw", carol, "x") ==
        "dave pw\n# note\n\nerin pw\ncarol x\n");
  CHECK(registry::with_account("dave pw\nCarol old\nerin pw\n", carol, "x") ==
        "dave pw\ncarol x\nerin pw\n");
  CHECK(registry::with_account("carol 1\ncarol 2\n", carol, "x") == "carol x\n");
}

TEST_CASE("a byte order mark at the beginning is no part of the first name") {
  const std::string mark = "\xef\xbb\xbf";
  std::vector<BadAccountLine> bad;
  const auto accounts = Accounts::parse(mark + "carol s3cret\ndave pw\n", bad);
  CHECK(bad.empty());
  REQUIRE(accounts.find(name("carol")) != nullptr);
  CHECK(accounts.find(name("carol"))->secret == "s3cret");
  CHECK(Accounts::parse(mark + "# note\ndave pw\n", bad).size() == 1);
  CHECK(Accounts::parse(mark, bad).size() == 0);
  CHECK(bad.empty());
  // Anywhere else it is none.
  CHECK(Accounts::parse(mark + mark + "carol x\n" + mark + "dave pw\n", bad).size() == 0);
  CHECK(bad.size() == 2);

  CHECK(registry::with_account(mark + "carol 1\ndave 2\n", name("carol"), "x") ==
        "carol x\ndave 2\n");
  CHECK(registry::with_account(mark + "carol 1\ndave 2\n", name("dave"), "x") ==
        mark + "carol 1\ndave x\n");
}

TEST_CASE("a password is anything that stands in a line as one word") {
  CHECK_FALSE(registry::password_problem("s3cret"));
  CHECK_FALSE(registry::password_problem("şifre/$;'\""));
  CHECK(registry::password_problem(""));
  CHECK(registry::password_problem("two words"));
  CHECK(registry::password_problem("a\x7f"));
  CHECK(registry::password_problem(std::string(1025, 'x')));
  CHECK_FALSE(registry::password_problem(std::string(1024, 'x')));
}

}  // namespace
