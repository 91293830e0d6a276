// The file of pins.
#include "peer/shell/known_peers_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/temp_folder.hpp"
#include "tests/unit/support/values.hpp"

namespace {

using peer::KnownPeersFile;
using peer::sealed::KnownPeers;
using peer::sealed::Pin;
using test::TempFolder;

Pin pin_of(std::string_view name) {
  return {.registry = "lab.example:8080",
          .name = test::name(name),
          .identity = {test::repeated(0xb1)},
          .serial = 1,
          .first_seen_s = 2};
}

TEST_CASE("pins are there after they were written, and none before") {
  const TempFolder home;
  const KnownPeersFile file(home / "peer/ali");
  auto none = file.load();
  REQUIRE(none.has_value());
  CHECK(none->peers.size() == 0);

  CHECK_FALSE(file.update([](KnownPeers& peers) { return peers.pin(pin_of("bob")); }));
  const auto one = file.load();
  REQUIRE(one.has_value());
  CHECK(one->peers.size() == 1);
  CHECK(one->bad_lines.empty());
  struct stat found {};
  REQUIRE(::stat(file.path().c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  CHECK(test::names_in(home / "peer/ali") == "known_peers lock");
}

TEST_CASE("a change that changes nothing leaves the file alone") {
  const TempFolder home;
  const KnownPeersFile file(home.path());
  test::write_text(file.path(), "# no line end behind me");
  CHECK_FALSE(file.update([](KnownPeers&) { return false; }));
  CHECK(test::read_text(file.path()) == "# no line end behind me");
}

TEST_CASE("a file that cannot be read is an error, not an empty one") {
  const TempFolder home;
  const KnownPeersFile file(home.path());
  std::filesystem::create_directory(file.path());
  CHECK_FALSE(file.load().has_value());
  bool was_asked = false;
  CHECK(file.update([&](KnownPeers&) { return was_asked = true; }));
  CHECK_FALSE(was_asked);
}

TEST_CASE("programs that pin at the same time lose no pin") {
  const TempFolder home;
  const KnownPeersFile file(home.path());
  constexpr int kPrograms = 8;
  constexpr int kPins = 10;
  for (int i = 0; i < kPrograms; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child != 0) continue;
    bool failed = false;
    for (int n = 0; n < kPins; ++n) {
      const std::string name = "user-" + std::to_string(i) + '-' + std::to_string(n);
      if (file.update([&](KnownPeers& peers) { return peers.pin(pin_of(name)); })) failed = true;
    }
    ::_exit(failed ? 1 : 0);
  }
  for (int i = 0; i < kPrograms; ++i) {
    int status = -1;
    REQUIRE(::wait(&status) > 0);
    CHECK(status == 0);
  }
  const auto loaded = file.load();
  REQUIRE(loaded.has_value());
  CHECK(loaded->peers.size() == kPrograms * kPins);
  CHECK(loaded->bad_lines.empty());
}

}  // namespace
