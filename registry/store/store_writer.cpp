#include "registry/store/store_writer.hpp"

#include "common/os/clock.hpp"

namespace registry {
namespace {

using common::Duration;
using common::os::monotonic_now;

/// userlist.txt follows a change within a second; the pause lets further changes join.
constexpr Duration kExportDelay = std::chrono::milliseconds(500);
/// An export may take one part in this many of the writer's time, which bounds what a huge list
/// costs those who wait for their own change.
constexpr int kExportShare = 100;
/// How often a full disk is tried again.
constexpr Duration kSpaceCheckInterval = std::chrono::seconds(1);
/// One transaction's worth: more would keep the first of them waiting for the last.
constexpr std::size_t kBatchMax = 4096;

}  // namespace

StoreWriter::StoreWriter(std::unique_ptr<SqliteDatabase> database,
                         std::unique_ptr<UserListFile> user_list, Listener listener)
    : database_(std::move(database)),
      user_list_(std::move(user_list)),
      listener_(std::move(listener)),
      // At start the file may be behind: killed before its export, or just edited by a person.
      export_at_(monotonic_now()),
      thread_([this] { run(); }) {}

StoreWriter::~StoreWriter() { close(); }

void StoreWriter::submit(Change change) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(change));
  }
  wake_.notify_one();
}

void StoreWriter::rebuild(StoredState state) {
  {
    const std::lock_guard lock(mutex_);
    to_rebuild_ = std::move(state);
  }
  wake_.notify_one();
}

void StoreWriter::close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StoreWriter::run() {
  for (;;) {
    Work work = wait_for_work();
    if (!work.changes.empty()) commit(std::move(work.changes));
    if (work.rebuild) rebuild_now(*work.rebuild);
    if (work.space_check_due) check_space();
    if (work.export_due || (work.stop && export_at_)) export_now();
    if (work.stop) return;
  }
}

StoreWriter::Work StoreWriter::wait_for_work() {
  std::unique_lock lock(mutex_);
  const auto has_work = [&] { return !queue_.empty() || to_rebuild_ || stopping_; };
  std::optional<common::TimePoint> wake_at = check_space_at_;
  if (export_at_) {
    const auto due = std::max(*export_at_, export_not_before_);
    if (!wake_at || due < *wake_at) wake_at = due;
  }
  if (!wake_at) {
    wake_.wait(lock, has_work);
  } else {
    const Duration until = *wake_at - monotonic_now();
    if (until > Duration::zero()) wake_.wait_for(lock, until, has_work);
  }
  Work work;
  if (queue_.size() <= kBatchMax) {
    work.changes = std::exchange(queue_, {});
    work.stop = stopping_;
  } else {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(kBatchMax);
    work.changes.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  work.rebuild = std::exchange(to_rebuild_, std::nullopt);
  work.export_due = export_at_ && monotonic_now() >= std::max(*export_at_, export_not_before_);
  work.space_check_due = check_space_at_ && monotonic_now() >= *check_space_at_;
  return work;
}

void StoreWriter::commit(std::vector<Change> changes) {
  const auto fail = [&](std::string reason, bool must_rebuild) {
    Failed failed{.changes = {}, .reason = std::move(reason), .must_rebuild = must_rebuild};
    for (const Change& change : changes) failed.changes.push_back(change.id);
    listener_(std::move(failed));
  };
  if (broken_) return fail("the store is waiting to be written anew", true);
  const auto first = database_->commit(changes);
  if (!first) {
    note_failure(first.error());
    return fail(first.error().text, broken_);
  }
  check_space_at_.reset();
  Committed committed;
  committed.changes.reserve(changes.size());
  Version version = *first;
  for (const Change& change : changes) committed.changes.emplace_back(change.id, version++);
  listener_(std::move(committed));
  if (!export_at_) export_at_ = monotonic_now() + kExportDelay;
}

// Full: it is tried again from time to time. Anything else: what is on disk can no longer be told.
void StoreWriter::note_failure(const StoreError& error) {
  broken_ = error.kind != StoreError::Kind::kFull;
  check_space_at_.reset();
  if (!broken_) check_space_at_ = monotonic_now() + kSpaceCheckInterval;
}

// Nobody may be trying a change when space comes back, and somebody may be watching /readyz.
void StoreWriter::check_space() {
  const auto written = database_->set_fact("space_check", "");
  if (written) {
    check_space_at_.reset();
    return listener_(Recovered{"there is space"});
  }
  note_failure(written.error());
  if (broken_)
    listener_(Failed{.changes = {}, .reason = written.error().text, .must_rebuild = true});
}

void StoreWriter::rebuild_now(const StoredState& state) {
  if (!broken_) return;  // asked for twice: by now the state may be older than what is on disk
  if (const auto rebuilt = database_->rebuild(state); !rebuilt) {
    listener_(RebuildFailed{rebuilt.error().text});
    return;
  }
  broken_ = false;
  if (!export_at_) export_at_ = monotonic_now() + kExportDelay;
  listener_(Recovered{"written anew from memory"});
}

void StoreWriter::export_now() {
  const auto begun = monotonic_now();
  if (broken_) {  // comes again after the rebuild
    export_at_ = begun + std::chrono::seconds(1);
    return;
  }
  const auto written = user_list_->write();
  const auto ended = monotonic_now();
  export_not_before_ = ended + kExportShare * (ended - begun);
  if (written) {
    export_at_.reset();
    if (export_failing_) listener_(StoreNotice{false, "userlist.txt is written again"});
    export_failing_ = false;
    return;
  }
  export_at_ = ended + std::chrono::seconds(1);
  if (written.error().kind == StoreError::Kind::kBroken) {
    note_failure(written.error());
    listener_(Failed{.changes = {}, .reason = written.error().text, .must_rebuild = true});
    return;
  }
  if (!export_failing_)  // once for each time it begins to fail, not each second
    listener_(StoreNotice{true, "userlist.txt is behind: " + written.error().text});
  export_failing_ = true;
}

}  // namespace registry
