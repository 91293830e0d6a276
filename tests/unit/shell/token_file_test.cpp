// Where `listen` keeps its owner token.
#include "peer/shell/token_file.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "common/owner_token.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/file_mode.hpp"
#include "tests/unit/support/temp_folder.hpp"
#include "tests/unit/support/values.hpp"

namespace {

namespace fs = std::filesystem;
using peer::TokenFile;
using test::mode_of;
using test::TempFolder;

class StateHome {
 public:
  StateHome() { setenv("XDG_STATE_HOME", folder.path().c_str(), 1); }
  ~StateHome() { unsetenv("XDG_STATE_HOME"); }
  TempFolder folder;
  test::TestRandom random{1};

  common::expected<TokenFile, TokenFile::Failure> open(std::string_view name,
                                                       std::string_view registry) {
    return TokenFile::open(test::name(name), *common::parse_host_port(registry), random);
  }
};

TEST_CASE("a token is made once for a name at a registry, and is the same ever after") {
  StateHome home;
  std::string token;
  {
    const auto first = home.open("ali", "127.0.0.1:8080");
    REQUIRE(first.has_value());
    token = first->token();
    CHECK(common::is_owner_token(token));
  }
  const auto again = home.open("ali", "127.0.0.1:8080");
  REQUIRE(again.has_value());
  CHECK(again->token() == token);
  CHECK(test::read_text(home.folder / "peer/ali/127.0.0.1:8080.token") == token + '\n');
}

TEST_CASE("the token is its owner's alone") {
  StateHome home;
  REQUIRE(home.open("ali", "127.0.0.1:8080").has_value());
  CHECK(mode_of(home.folder / "peer/ali/127.0.0.1:8080.token") == 0600);
  CHECK(mode_of(home.folder / "peer/ali") == 0700);
}

TEST_CASE("each name and each registry has a token of its own") {
  StateHome home;
  const auto a = home.open("ali", "127.0.0.1:8080");
  const auto b = home.open("ali", "127.0.0.1:8081");
  const auto c = home.open("veli", "127.0.0.1:8080");
  const auto d = home.open("ali", "[::1]:8080");
  REQUIRE((a && b && c && d));
  CHECK(a->token() != b->token());
  CHECK(a->token() != c->token());
  CHECK(a->token() != d->token());
}

TEST_CASE("two spellings of one name share the token, as they share the name") {
  StateHome home;
  std::string token;
  { token = home.open("Göktuğ", "h:1")->token(); }
  CHECK(home.open("GÖKTUĞ", "h:1")->token() == token);
}

TEST_CASE("a second listener of the name is told that it is in use, until the first is gone") {
  StateHome home;
  auto first = home.open("ali", "127.0.0.1:8080");
  REQUIRE(first.has_value());
  const auto second = home.open("Ali", "127.0.0.1:8080");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == TokenFile::Failure::kInUse);
  CHECK(home.open("ali", "127.0.0.1:9999").has_value());
  first = home.open("veli", "127.0.0.1:8080");
  CHECK(home.open("ali", "127.0.0.1:8080").has_value());
}

TEST_CASE("a file that holds no token is given a new one") {
  struct Row {
    std::string_view name;
    std::string content;
  };
  const Row rows[] = {
      {"empty", ""},
      {"cut short", std::string(20, 'k')},
      {"too long", std::string(100, 'k')},
      {"something else", "hello\n"},
      {"binary", std::string(43, '\0')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    StateHome home;
    fs::create_directories(home.folder / "peer/ali");
    test::write_text(home.folder / "peer/ali/h:1.token", row.content);
    const auto token = home.open("ali", "h:1");
    REQUIRE(token.has_value());
    CHECK(common::is_owner_token(token->token()));
    CHECK(test::read_text(home.folder / "peer/ali/h:1.token") == token->token() + '\n');
  }
}

TEST_CASE("line ends behind a token are forgiven") {
  StateHome home;
  fs::create_directories(home.folder / "peer/ali");
  test::write_text(home.folder / "peer/ali/h:1.token", std::string(43, 'k') + "\n\n");
  CHECK(home.open("ali", "h:1")->token() == std::string(43, 'k'));
}

TEST_CASE("a token file that others could read is made its owner's alone again") {
  // Copied from a backup or another machine, say: whoever reads it can take the name.
  StateHome home;
  fs::create_directories(home.folder / "peer/ali");
  test::write_text(home.folder / "peer/ali/h:1.token", std::string(43, 'k') + '\n');
  fs::permissions(home.folder / "peer/ali/h:1.token", fs::perms(0644));
  REQUIRE(home.open("ali", "h:1").has_value());
  const bool is_hidden = mode_of(home.folder / "peer/ali") == 0700 ||
                         mode_of(home.folder / "peer/ali/h:1.token") == 0600;
  CHECK(is_hidden);
}

TEST_CASE("a symbolic link in the token's place is not followed") {
  StateHome home;
  fs::create_directories(home.folder / "peer/ali");
  test::write_text(home.folder / "victim", "precious");
  fs::create_symlink(home.folder / "victim", home.folder / "peer/ali/h:1.token");
  const auto token = home.open("ali", "h:1");
  REQUIRE_FALSE(token.has_value());
  CHECK(token.error() == TokenFile::Failure::kUnavailable);
  CHECK(test::read_text(home.folder / "victim") == "precious");
}

TEST_CASE("without a place to keep it there is no token, and that is said") {
  StateHome home;
  test::write_text(home.folder / "peer", "a file where the folder should be");
  const auto token = home.open("ali", "h:1");
  REQUIRE_FALSE(token.has_value());
  CHECK(token.error() == TokenFile::Failure::kUnavailable);
}

TEST_CASE("a relative XDG_STATE_HOME is ignored, as its specification says") {
  const TempFolder fake_home;
  const std::string before = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  setenv("XDG_STATE_HOME", "relative/path", 1);
  setenv("HOME", fake_home.path().c_str(), 1);
  test::TestRandom random(1);
  {
    const auto token = TokenFile::open(test::name("ali"), {"h", 1}, random);
    CHECK(token.has_value());
    CHECK(fs::exists(fake_home / ".local/state/peer/ali/h:1.token"));
  }
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", before.c_str(), 1);
}

}  // namespace
