// userlist.txt: our own export is never taken for a person's edit, and a person's edit always wins.
#include "registry/store/user_list_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/store_changes.hpp"
#include "tests/unit/support/temp_folder.hpp"

namespace {

using registry::SqliteDatabase;
using registry::UserListFile;
using test::put;
using test::TempFolder;

class ListWorld {
 public:
  ListWorld() : database(open()), file(folder / "userlist.txt", *database) {}

  void commit(const std::vector<registry::Change>& changes) {
    REQUIRE(database->commit(changes).has_value());
  }
  /// What the import logged, one line each; warnings begin with '!'.
  std::string import() {
    std::string log;
    const auto done =
        file.import(common::WallTime{5}, random, [&](bool is_warning, std::string_view text) {
          log += (is_warning ? "! " : "") + std::string(text) + '\n';
        });
    if (!done) log += "failed: " + done.error().text + '\n';
    return log;
  }
  std::string in_database() {
    const auto text = database->user_list_text();
    REQUIRE(text.has_value());
    return *text;
  }
  std::string on_disk() const { return test::read_text(folder / "userlist.txt"); }
  void edit(std::string_view text) { test::write_text(folder / "userlist.txt", text); }
  std::string path() const { return (folder / "userlist.txt").string(); }

  TempFolder folder;
  std::unique_ptr<SqliteDatabase> database;
  UserListFile file;
  test::TestRandom random{1};

 private:
  std::unique_ptr<SqliteDatabase> open() {
    auto opened = SqliteDatabase::open(folder / "data");
    REQUIRE(opened.has_value());
    return *std::move(opened);
  }
};

TEST_CASE("the export is one record a line, in order of registration") {
  ListWorld world;
  REQUIRE(world.file.write().has_value());
  CHECK(world.on_disk() == "");
  world.commit({put(1, "ali@127.0.0.1:50001"), put(2, "Şule@[::1]:50002")});
  REQUIRE(world.file.write().has_value());
  CHECK(world.on_disk() == "ali@127.0.0.1:50001\nŞule@[::1]:50002\n");
}

TEST_CASE("a file that is as it was exported is no edit") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001")});
  REQUIRE(world.file.write().has_value());
  CHECK(world.import() == "");
  // Not even when the database has gone on: a kill before the next export leaves the old file.
  world.commit({put(2, "veli@127.0.0.1:50002")});
  CHECK(world.import() == "");
  CHECK(world.in_database() == "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n");
}

TEST_CASE("a kill between writing the file and noting so is no edit") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001")});
  REQUIRE(world.file.write().has_value());
  world.commit({put(2, "veli@127.0.0.1:50002")});
  // An export that notes what is under way and is stopped at the file itself.
  UserListFile elsewhere(world.folder / "missing/userlist.txt", *world.database);
  const auto failed = elsewhere.write();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == registry::StoreError::Kind::kFile);
  CHECK(world.import() == "");  // killed before the rename: the old file
  world.edit(world.in_database());
  CHECK(world.import() == "");  // killed after it: the new file
  CHECK(world.in_database() == "ali@127.0.0.1:50001\nveli@127.0.0.1:50002\n");
}

TEST_CASE("an old deployment moves over with no step: without a database the file is everything") {
  ListWorld world;
  world.edit("ali@127.0.0.1:50001\nveli@192.168.1.5:50002\n");
  CHECK(world.import() == world.path() + ": registered ali@127.0.0.1:50001\n" + world.path() +
                              ": registered veli@192.168.1.5:50002\n");
  CHECK(world.in_database() == world.on_disk());
  const auto state = world.database->load([](std::string_view) {});
  REQUIRE(state.has_value());
  CHECK(state->version == 2);
  CHECK(state->records[0].source == test::ip("127.0.0.1"));
  CHECK_FALSE(state->records[0].token.has_value());
  CHECK(state->records[0].user.since.unix_ms == 5);
}

TEST_CASE("a missing file is no edit: whoever wants everybody gone leaves it empty") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001")});
  CHECK(world.import() == "");
  CHECK(world.in_database() == "ali@127.0.0.1:50001\n");
  world.edit("");
  CHECK(world.import() == world.path() + ": logged out ali\n");
  CHECK(world.in_database() == "");
}

TEST_CASE("a person's edit wins: added lines are claimed, missing ones logged out") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001", 11), put(2, "veli@127.0.0.1:50002", 12),
                put(3, "can@127.0.0.1:50003", 13)});
  REQUIRE(world.file.write().has_value());
  world.edit("ali@127.0.0.1:50001\ncan@127.0.0.1:50009\nnew@10.0.0.7:50004\n");
  CHECK(world.import() == world.path() + ": logged out veli\n" + world.path() +
                              ": registered can@127.0.0.1:50009\n" + world.path() +
                              ": registered new@10.0.0.7:50004\n");
  CHECK(world.in_database() == "ali@127.0.0.1:50001\ncan@127.0.0.1:50009\nnew@10.0.0.7:50004\n");
  const auto state = world.database->load([](std::string_view) {});
  CHECK(state->records[0].id == test::registration_id(11));
  CHECK(state->version == 6);
}

TEST_CASE("an edit that comes to the same changes nothing") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001"), put(2, "veli@127.0.0.1:50002")});
  REQUIRE(world.file.write().has_value());
  world.edit("\r\nveli@127.0.0.1:50002\r\n\r\nali@127.0.0.1:50001");
  CHECK(world.import() == "");
  CHECK(world.database->load([](std::string_view) {})->version == 2);
}

TEST_CASE("bad lines are reported, skipped and kept beside the file") {
  ListWorld world;
  world.edit("# my list\nali@127.0.0.1:50001\nveli@127.0.0.1:80\nALI@127.0.0.1:50003\n\x1b[2J\n");
  const std::string log = world.import();
  CHECK(log.find("! " + world.path() +
                 " line 1 skipped: the record is not name@ip:port: # my list\n") !=
        std::string::npos);
  CHECK(log.find("line 3 skipped: the port is not 1024 to 65535") != std::string::npos);
  CHECK(log.find("line 4 skipped: the name stands in an earlier line") != std::string::npos);
  CHECK(log.find('\x1b') == std::string::npos);
  CHECK(log.find("! 4 skipped lines are kept in " + world.path() + ".rejected\n") !=
        std::string::npos);
  CHECK(world.in_database() == "ali@127.0.0.1:50001\n");
  const std::string kept = test::read_text(world.folder / "userlist.txt.rejected");
  CHECK(kept.find("line 3: the port is not 1024 to 65535: veli@127.0.0.1:80\n") !=
        std::string::npos);
  CHECK(std::count(kept.begin(), kept.end(), '\n') == 4);
}

TEST_CASE("a file that cannot be read is an error: silence could log everybody out") {
  ListWorld world;
  std::filesystem::create_directory(world.folder / "userlist.txt");
  CHECK(world.import().starts_with("failed: cannot read " + world.path() + ": "));
}

TEST_CASE("a file full of junk is survived") {
  ListWorld world;
  world.commit({put(1, "ali@127.0.0.1:50001")});
  REQUIRE(world.file.write().has_value());
  test::TestRandom random(3);
  std::string junk(10'000, '\0');
  random.fill(std::as_writable_bytes(std::span(junk.data(), junk.size())));
  world.edit(junk);
  const std::string log = world.import();
  CHECK(log.find("logged out ali") != std::string::npos);
  for (const char c : log) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'));
  CHECK(world.in_database() == "");
}

}  // namespace
