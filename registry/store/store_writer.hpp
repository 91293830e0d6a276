// The embedded store: one thread that writes all waiting changes in one transaction (group commit)
// and keeps userlist.txt in step. Its public functions may be called from the loop's thread; the
// listener is called on the writer's own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/time.hpp"
#include "registry/store/sqlite_database.hpp"
#include "registry/store/user_list_file.hpp"

namespace registry {

class StoreWriter final : public Store {
 public:
  StoreWriter(std::unique_ptr<SqliteDatabase> database, std::unique_ptr<UserListFile> user_list,
              Listener listener);
  ~StoreWriter() override;

  void submit(Change change) override;
  void rebuild(StoredState state) override;
  void close() override;

 private:
  /// What the thread has to do next, taken from the queue under the lock.
  struct Work {
    std::vector<Change> changes;
    std::optional<StoredState> rebuild;
    bool export_due = false;
    bool space_check_due = false;
    bool stop = false;
  };

  void run();
  Work wait_for_work();
  void commit(std::vector<Change> changes);
  void note_failure(const StoreError& error);
  void check_space();
  void rebuild_now(const StoredState& state);
  void export_now();

  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<UserListFile> user_list_;
  Listener listener_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Change> queue_;              // guarded by mutex_
  std::optional<StoredState> to_rebuild_;  // guarded by mutex_
  bool stopping_ = false;                  // guarded by mutex_

  // Of the writer's thread alone.
  bool broken_ = false;
  std::optional<common::TimePoint> check_space_at_;  // set while the disk is full
  bool export_failing_ = false;
  std::optional<common::TimePoint> export_at_;  // set while userlist.txt is behind
  common::TimePoint export_not_before_;
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace registry
