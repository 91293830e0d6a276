// The file of signed receipts: whole lines or none, and nobody else's file.
#include "peer/shell/receipt_log.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "tests/unit/support/temp_folder.hpp"

namespace {

namespace fs = std::filesystem;
using peer::ReceiptLog;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST_CASE("lines are added, and a file is its owner's alone") {
  const test::TempFolder folder;
  const fs::path path = folder.path() / "receipts";
  for (const char* line : {"{1}", "{2}"}) {
    auto log = ReceiptLog::open(path);
    REQUIRE(log.has_value());
    CHECK_FALSE(log->append(line));
    CHECK_FALSE(log->sync());
  }
  CHECK(content(path) == "{1}\n{2}\n");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a line that was cut off spoils no other") {
  const test::TempFolder folder;
  const fs::path path = folder.path() / "receipts";
  write(path, "{1}\n{\"half");
  auto log = ReceiptLog::open(path);
  REQUIRE(log.has_value());
  CHECK_FALSE(log->append("{2}"));
  CHECK(content(path) == "{1}\n{\"half\n{2}\n");
}

TEST_CASE("two may add to one file") {
  const test::TempFolder folder;
  const fs::path path = folder.path() / "receipts";
  auto one = ReceiptLog::open(path);
  auto other = ReceiptLog::open(path);
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK_FALSE(one->append("{1}"));
  CHECK_FALSE(other->append("{2}"));
  CHECK_FALSE(one->append("{3}"));
  CHECK(content(path) == "{1}\n{2}\n{3}\n");
}

TEST_CASE("a file of something else is left alone") {
  const test::TempFolder folder;
  const fs::path path = folder.path() / "identity";
  write(path, "peer identity 1\n");
  const auto log = ReceiptLog::open(path);
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error() == std::errc::illegal_byte_sequence);
  CHECK(content(path) == "peer identity 1\n");
}

TEST_CASE("a pipe without a reader is refused, not waited for; a folder, too") {
  const test::TempFolder folder;
  const fs::path pipe = folder.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_FALSE(ReceiptLog::open(pipe).has_value());
  CHECK_FALSE(ReceiptLog::open(folder.path()).has_value());
}

TEST_CASE("a device without room is an error") {
  auto log = ReceiptLog::open("/dev/full");
  REQUIRE(log.has_value());
  CHECK(log->append("{1}") == std::errc::no_space_on_device);
}

}  // namespace
