// The store's thread with real files: group commit, the export, and what happens when the disk
// refuses.
#include "registry/store/store_writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "tests/unit/support/file_size_limit.hpp"
#include "tests/unit/support/store_changes.hpp"
#include "tests/unit/support/temp_folder.hpp"

namespace {

using namespace std::chrono_literals;
using registry::SqliteDatabase;
using registry::StoreReport;
using registry::StoreWriter;
using registry::UserListFile;
using test::put;
using test::TempFolder;

/// True once `holds()` is, within a time that only a broken program needs.
template <typename Condition>
bool eventually(Condition holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

class StoreWorld {
 public:
  explicit StoreWorld(std::string_view list = "userlist.txt") {
    auto opened = SqliteDatabase::open(folder / "data");
    REQUIRE(opened.has_value());
    auto file = std::make_unique<UserListFile>(folder / list, **opened);
    writer = std::make_unique<StoreWriter>(*std::move(opened), std::move(file),
                                           [this](StoreReport report) {
                                             const std::lock_guard lock(mutex_);
                                             reports_.push_back(std::move(report));
                                           });
  }

  std::vector<StoreReport> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }
  template <typename Report>
  std::vector<Report> all() {
    std::vector<Report> found;
    for (const StoreReport& report : reports())
      if (const auto* wanted = std::get_if<Report>(&report)) found.push_back(*wanted);
    return found;
  }
  std::size_t committed() {
    std::size_t count = 0;
    for (const auto& report : all<registry::Committed>()) count += report.changes.size();
    return count;
  }
  bool has_failed(registry::ChangeId change) {
    const auto failures = all<registry::Failed>();
    return std::any_of(failures.begin(), failures.end(), [&](const registry::Failed& failed) {
      return std::find(failed.changes.begin(), failed.changes.end(), change) !=
             failed.changes.end();
    });
  }
  std::string list() const { return test::read_text(folder / "userlist.txt"); }

  TempFolder folder;

 private:
  std::mutex mutex_;
  std::vector<StoreReport> reports_;

 public:
  std::unique_ptr<StoreWriter> writer;  // last: its thread uses everything else
};

std::string numbered(std::uint64_t number) {
  return "u" + std::to_string(number) + "@127.0.0.1:50001";
}

TEST_CASE("each change is reported once, with versions in the order of submission") {
  StoreWorld world;
  constexpr std::uint64_t kChanges = 2000;
  for (std::uint64_t i = 1; i <= kChanges; ++i) world.writer->submit(put(i, numbered(i), i));
  REQUIRE(eventually([&] { return world.committed() == kChanges; }));
  registry::Version expected = 0;
  const auto reports = world.all<registry::Committed>();
  for (const auto& report : reports)
    for (const auto& [change, version] : report.changes) {
      ++expected;
      CHECK(change == expected);
      CHECK(version == expected);
    }
  // Group commit: a transaction each would be a disk's flush each.
  CHECK(reports.size() < kChanges / 4);
  CHECK(world.all<registry::Failed>().empty());
}

TEST_CASE("one transaction is bounded, so that its first change does not wait for ever") {
  StoreWorld world;
  constexpr std::uint64_t kChanges = 10'000;
  for (std::uint64_t i = 1; i <= kChanges; ++i) world.writer->submit(put(i, numbered(i), i));
  REQUIRE(eventually([&] { return world.committed() == kChanges; }));
  for (const auto& report : world.all<registry::Committed>()) CHECK(report.changes.size() <= 4096);
}

TEST_CASE("closing finishes what was submitted, and the list says what the database holds") {
  StoreWorld world;
  std::string expected;
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    world.writer->submit(put(i, numbered(i), i));
    expected += numbered(i) + '\n';
  }
  world.writer->close();
  CHECK(world.committed() == 5000);
  CHECK(world.list() == expected);
  world.writer->close();  // again is harmless
  world.writer.reset();
  auto database = SqliteDatabase::open(world.folder / "data");
  REQUIRE(database.has_value());
  CHECK(*(*database)->user_list_text() == expected);
}

TEST_CASE("the list follows a change by itself") {
  StoreWorld world;
  world.writer->submit(put(1, "ali@127.0.0.1:50001"));
  CHECK(eventually([&] { return world.list() == "ali@127.0.0.1:50001\n"; }));
  world.writer->submit(test::erase(2, "ali@127.0.0.1:50001"));
  CHECK(eventually([&] { return world.list() == ""; }));
}

TEST_CASE("at start the list is written anew: a kill may have left it behind") {
  StoreWorld world;
  CHECK(eventually([&] { return std::filesystem::exists(world.folder / "userlist.txt"); }));
}

TEST_CASE("a list that cannot be written is told once, and again when it can") {
  StoreWorld world("missing/userlist.txt");
  REQUIRE(eventually([&] { return !world.all<registry::StoreNotice>().empty(); }));
  CHECK(world.all<registry::StoreNotice>()[0].is_warning);
  CHECK(
      world.all<registry::StoreNotice>()[0].text.starts_with("userlist.txt is behind: cannot "
                                                             "write "));
  // Changes are durable all the same.
  world.writer->submit(put(1, "ali@127.0.0.1:50001"));
  REQUIRE(eventually([&] { return world.committed() == 1; }));
  std::filesystem::create_directory(world.folder / "missing");
  REQUIRE(eventually([&] { return world.all<registry::StoreNotice>().size() == 2; }));
  CHECK_FALSE(world.all<registry::StoreNotice>()[1].is_warning);
  CHECK(world.all<registry::StoreNotice>()[1].text == "userlist.txt is written again");
  CHECK(test::read_text(world.folder / "missing/userlist.txt") == "ali@127.0.0.1:50001\n");
  CHECK(world.all<registry::Failed>().empty());
}

TEST_CASE("after a failure nothing is taken until the database is written anew from memory") {
  StoreWorld world;
  world.writer->submit(put(1, "ali@127.0.0.1:50001", 11));
  REQUIRE(eventually([&] { return world.committed() == 1; }));
  REQUIRE(eventually([&] { return world.list() == "ali@127.0.0.1:50001\n"; }));
  registry::StoredState state;
  state.records = {put(1, "ali@127.0.0.1:50001", 11).record};
  state.records[0].version = state.records[0].order = state.version = 1;
  {
    const test::FileSizeLimit no_file_grows(1);
    world.writer->submit(put(2, "veli@127.0.0.1:50002"));
    REQUIRE(eventually([&] { return world.has_failed(2); }));
    world.writer->rebuild(state);
    REQUIRE(eventually([&] { return !world.all<registry::RebuildFailed>().empty(); }));
  }
  for (const auto& failed : world.all<registry::Failed>()) CHECK(failed.must_rebuild);
  world.writer->submit(put(3, "can@127.0.0.1:50003"));
  REQUIRE(eventually([&] { return world.has_failed(3); }));

  world.writer->rebuild(state);
  REQUIRE(eventually([&] { return !world.all<registry::Recovered>().empty(); }));
  CHECK(world.all<registry::Recovered>()[0].how == "written anew from memory");
  world.writer->submit(put(4, "lara@127.0.0.1:50004", 14));
  REQUIRE(eventually([&] { return world.committed() == 2; }));
  const auto last = world.all<registry::Committed>().back();
  CHECK(last.changes[0] == std::pair<registry::ChangeId, registry::Version>{4, 2});
  world.writer->close();
  CHECK(world.list() == "ali@127.0.0.1:50001\nlara@127.0.0.1:50004\n");
}

TEST_CASE("changes may be submitted from another thread while the writer works") {
  StoreWorld world;
  constexpr std::uint64_t kEach = 500;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&world, t] {
      for (std::uint64_t i = 1; i <= kEach; ++i)
        world.writer->submit(put(t * kEach + i, numbered(t * kEach + i), t * kEach + i));
    });
  for (std::thread& thread : threads) thread.join();
  world.writer->close();
  CHECK(world.committed() == 4 * kEach);
}

}  // namespace
