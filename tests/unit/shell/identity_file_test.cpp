// The file that holds who a user is.
#include "peer/shell/identity_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "common/os/random.hpp"
#include "peer/shell/user_folder.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/file_mode.hpp"
#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/temp_folder.hpp"
#include "tests/unit/support/values.hpp"

namespace {

namespace fs = std::filesystem;
using peer::open_identity;
using peer::read_identity;
using test::mode_of;
using test::TempFolder;

TEST_CASE("an identity is made once, and is the same ever after") {
  const TempFolder home;
  const fs::path folder = home / "peer/ali";
  test::TestRandom random(1);
  const auto first = open_identity(folder, random);
  REQUIRE(first.has_value());
  CHECK(first->is_new);
  CHECK_FALSE(first->is_exposed);
  const auto again = open_identity(folder, random);
  REQUIRE(again.has_value());
  CHECK_FALSE(again->is_new);
  CHECK(again->identity.key() == first->identity.key());
  CHECK(test::names_in(folder) == "identity");
  CHECK(mode_of(folder / "identity") == 0600);
  CHECK(mode_of(folder) == 0700);
}

TEST_CASE("the file is a word and the seed in base64, and can be carried elsewhere") {
  const TempFolder home;
  const fs::path file = home / "key";
  test::write_text(file, "ed25519-seed oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE=\n");
  ::chmod(file.c_str(), 0600);
  const auto read = read_identity(file);
  REQUIRE(read.has_value());
  CHECK(test::to_hex(read->identity.key().bytes) ==
        "bc7cbcb5636375fa1d82434d466724d92377f53b980695dd49d26d0ce12205a5");
  CHECK_FALSE(read->is_exposed);
  ::chmod(file.c_str(), 0640);
  CHECK(read_identity(file)->is_exposed);
}

TEST_CASE("a file that is no identity is an error and stays as it is") {
  for (const std::string_view text :
       {"", "\n", "hello\n", "ed25519-seed \n", "ed25519-seed oaGh\n",
        "ed25519-seed oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE= \n",
        "ed25519-seed oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE=\n\n",
        "rsa-seed oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE=\n"}) {
    CAPTURE(text);
    const TempFolder home;
    test::write_text(home / "identity", text);
    test::TestRandom random(1);
    const auto opened = open_identity(home.path(), random);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().error == std::errc::illegal_byte_sequence);
    CHECK(opened.error().path == home / "identity");
    CHECK(test::read_text(home / "identity") == text);
  }
}

TEST_CASE("a key file that is not there is an error, and is not made") {
  const TempFolder home;
  const auto read = read_identity(home / "key");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().error == std::errc::no_such_file_or_directory);
  CHECK(test::names_in(home.path()).empty());
}

TEST_CASE("a folder that cannot be made is an error") {
  const TempFolder home;
  test::write_text(home / "file", "");
  test::TestRandom random(1);
  CHECK_FALSE(open_identity(home / "file/ali", random).has_value());
}

TEST_CASE("many programs that start at once have one identity") {
  const TempFolder home;
  const fs::path folder = home / "peer/ali";
  constexpr int kPrograms = 16;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  for (int i = 0; i < kPrograms; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child != 0) continue;
    common::os::SystemRandom random;
    const auto opened = open_identity(folder, random);
    // 33 bytes leave in one write, and pipes keep such writes whole.
    std::array<std::byte, 33> report{};
    if (opened) {
      std::copy_n(opened->identity.key().bytes.begin(), 32, report.begin());
      report[32] = static_cast<std::byte>(opened->is_new ? 2 : 1);
    }
    const ssize_t written = ::write(ends[1], report.data(), report.size());
    ::_exit(written == static_cast<ssize_t>(report.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::set<std::string> keys;
  int reports = 0;
  int makers = 0;
  std::array<std::byte, 33> report{};
  while (::read(ends[0], report.data(), report.size()) == static_cast<ssize_t>(report.size())) {
    ++reports;
    CHECK(report[32] != std::byte{0});
    if (report[32] == std::byte{2}) ++makers;
    keys.insert(test::to_hex(common::Bytes(report).first(32)));
  }
  ::close(ends[0]);
  for (int i = 0; i < kPrograms; ++i) {
    int status = -1;
    REQUIRE(::wait(&status) > 0);
    CHECK(status == 0);
  }
  CHECK(reports == kPrograms);
  CHECK(keys.size() == 1);
  CHECK(makers == 1);
  CHECK(test::names_in(folder) == "identity");
}

TEST_CASE("the highest serial is remembered") {
  const TempFolder home;
  const fs::path folder = home / "peer/ali";
  CHECK(peer::read_last_serial(folder) == 0);
  CHECK_FALSE(peer::keep_serial(folder, 5));
  CHECK(peer::read_last_serial(folder) == 5);
  CHECK_FALSE(peer::keep_serial(folder, 4));
  CHECK(peer::read_last_serial(folder) == 5);
  CHECK_FALSE(peer::keep_serial(folder, ~std::uint64_t{0}));
  CHECK(peer::read_last_serial(folder) == ~std::uint64_t{0});
  CHECK(mode_of(folder / "serial") == 0600);
  test::write_text(folder / "serial", "nonsense");
  CHECK(peer::read_last_serial(folder) == 0);
}

TEST_CASE("a user's data is under PEER_HOME, else where XDG says") {
  const auto with = [](const char* own, const char* data, const char* home) {
    const auto set = [](const char* name, const char* value) {
      value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    };
    const std::string real_home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
    set("PEER_HOME", own);
    set("XDG_DATA_HOME", data);
    set("HOME", home);
    const auto folder = peer::data_folder();
    set("PEER_HOME", nullptr);
    set("XDG_DATA_HOME", nullptr);
    set("HOME", real_home.c_str());
    return folder.value_or("");
  };
  CHECK(with("/own", "/data", "/home/ali") == "/own");
  CHECK(with("", "/data", "/home/ali") == "/data/peer");
  CHECK(with(nullptr, "relative", "/home/ali") == "/home/ali/.local/share/peer");
  CHECK(with(nullptr, nullptr, "/home/ali") == "/home/ali/.local/share/peer");
}

}  // namespace
