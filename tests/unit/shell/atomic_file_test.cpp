// Files that are replaced whole, and read with a bound.
#include "common/os/atomic_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/unit/support/file_mode.hpp"
#include "tests/unit/support/temp_folder.hpp"

namespace {

namespace fs = std::filesystem;
using common::os::read_file;
using common::os::replace_file;
using test::mode_of;
using test::TempFolder;

TEST_CASE("a new file has the content and the mode it was given, and nothing lies beside it") {
  const TempFolder folder;
  CHECK_FALSE(replace_file(folder / "list", "hello\n", 0640));
  CHECK(test::read_text(folder / "list") == "hello\n");
  CHECK(mode_of(folder / "list") == 0640);
  CHECK(test::names_in(folder.path()) == "list");
}

TEST_CASE("an old file is replaced whole and keeps its own mode") {
  const TempFolder folder;
  test::write_text(folder / "list", std::string(100'000, 'x'));
  fs::permissions(folder / "list", fs::perms::owner_read | fs::perms::owner_write |
                                       fs::perms::group_read | fs::perms::others_read |
                                       fs::perms::others_write);
  CHECK_FALSE(replace_file(folder / "list", "short", 0600));
  CHECK(test::read_text(folder / "list") == "short");
  CHECK(mode_of(folder / "list") == 0646);
}

TEST_CASE("a reader who has the old file open still reads it whole") {
  const TempFolder folder;
  test::write_text(folder / "list", "old");
  std::ifstream reader(folder / "list");
  CHECK_FALSE(replace_file(folder / "list", "new and longer", 0644));
  std::string seen;
  std::getline(reader, seen);
  CHECK(seen == "old");
}

TEST_CASE("a symbolic link is followed, not replaced") {
  const TempFolder folder;
  fs::create_directory(folder / "elsewhere");
  test::write_text(folder / "elsewhere/real", "old");
  fs::create_symlink(folder / "elsewhere/real", folder / "list");
  CHECK_FALSE(replace_file(folder / "list", "new", 0644));
  CHECK(fs::is_symlink(folder / "list"));
  CHECK(test::read_text(folder / "elsewhere/real") == "new");
  CHECK(test::names_in(folder / "elsewhere") == "real");
}

TEST_CASE("a file that cannot be written is an error that says why") {
  const TempFolder folder;
  CHECK(replace_file(folder / "missing/list", "x", 0644) == std::errc::no_such_file_or_directory);
  fs::create_directory(folder / "list");
  test::write_text(folder / "list/inside", "x");
  CHECK(replace_file(folder / "list", "x", 0644));
  CHECK(test::names_in(folder.path()) == "list");
  CHECK(test::read_text(folder / "list/inside") == "x");
}

TEST_CASE("what a crash left behind under the temporary name is written over") {
  const TempFolder folder;
  test::write_text(folder / "list.new", std::string(1000, 'y'));
  CHECK_FALSE(replace_file(folder / "list", "x", 0644));
  CHECK(test::read_text(folder / "list") == "x");
  CHECK(test::names_in(folder.path()) == "list");
}

TEST_CASE("any bytes and none are written and read back") {
  const TempFolder folder;
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::string& content : {std::string(), bytes, std::string(200'000, 'z')}) {
    CHECK_FALSE(replace_file(folder / "list", content, 0644));
    const auto read = read_file(folder / "list", 1'000'000);
    REQUIRE(read.has_value());
    CHECK(*read == content);
  }
}

TEST_CASE("a file is read up to a bound, and refused above it") {
  const TempFolder folder;
  test::write_text(folder / "list", std::string(100, 'x'));
  CHECK(read_file(folder / "list", 100).has_value());
  const auto refused = read_file(folder / "list", 99);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == std::errc::file_too_large);
  CHECK(read_file(folder / "nothing", 100).error() == std::errc::no_such_file_or_directory);
  // Nothing that may never end, or never begin.
  CHECK(read_file("/dev/zero", 1000).error() == std::errc::not_supported);
  const auto pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_file(pipe, 1000).error() == std::errc::not_supported);
  CHECK(read_file(folder.path(), 1000).error() == std::errc::is_a_directory);
}

}  // namespace
