// Which messages a hook was started for, over ends of the program of every kind.
#include "peer/shell/handled_log.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/support/temp_folder.hpp"

namespace {

using peer::HandledLog;
using test::TempFolder;

std::string id(int number) { return fmt::format("{:032x}", number); }

HandledLog open_log(const std::filesystem::path& folder) {
  auto log = HandledLog::open(folder);
  REQUIRE(log.has_value());
  return *std::move(log);
}

TEST_CASE("an id is new once, also for the next program") {
  const TempFolder folder;
  {
    HandledLog log = open_log(folder / "bob");
    CHECK(*log.remember(id(1)));
    CHECK_FALSE(*log.remember(id(1)));
    CHECK(*log.remember(id(2)));
  }
  HandledLog again = open_log(folder / "bob");
  CHECK_FALSE(*again.remember(id(1)));
  CHECK_FALSE(*again.remember(id(2)));
  CHECK(*again.remember(id(3)));
  CHECK(std::filesystem::status(folder / "bob").permissions() == std::filesystem::perms::owner_all);
}

TEST_CASE("a line that was cut off was not acted on, and does no harm to the next") {
  const TempFolder folder;
  const std::string whole = id(1) + '\n';
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    const auto place = folder / std::to_string(size);
    std::filesystem::create_directory(place);
    test::write_text(place / "handled", id(7) + '\n' + whole.substr(0, size));
    HandledLog log = open_log(place);
    CHECK(*log.remember(id(1)) == (size < whole.size()));
    HandledLog again = open_log(place);
    CHECK_FALSE(*again.remember(id(1)));
    CHECK_FALSE(*again.remember(id(7)));
  }
}

TEST_CASE("something else in its place is an error, and is left alone") {
  const TempFolder folder;
  const std::string rubbish(100, 'x');
  test::write_text(folder / "handled", rubbish);
  CHECK_FALSE(HandledLog::open(folder.path()).has_value());
  CHECK(test::read_text(folder / "handled") == rubbish);
}

TEST_CASE("it does not grow without end, and knows the latest") {
  const TempFolder folder;
  const int full = static_cast<int>(HandledLog::kIdsPerFile);
  std::string text;
  for (int i = 0; i < full; ++i) text += id(i) + '\n';
  test::write_text(folder / "handled", text);
  HandledLog log = open_log(folder.path());
  CHECK(*log.remember(id(full)));
  CHECK_FALSE(*log.remember(id(0)));
  CHECK(test::read_text(folder / "handled") == id(full) + '\n');
  CHECK(test::read_text(folder / "handled.old") == text);
  HandledLog again = open_log(folder.path());
  CHECK_FALSE(*again.remember(id(full - 1)));
  CHECK_FALSE(*again.remember(id(full)));
}

}  // namespace
