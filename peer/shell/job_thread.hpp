// A thread that does one job after the other for a poll loop, because each may block. A shell: one
// caller, besides the thread inside.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/check.hpp"
#include "common/os/unique_fd.hpp"
#include "common/time.hpp"

namespace peer {

template <typename Job, typename Result>
class JobThread {
 public:
  /// `work` runs in the thread. Whoever wants it to stop soon must be able to interrupt it.
  explicit JobThread(std::function<Result(const Job&)> work)
      : work_(std::move(work)),
        ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { run(); }) {}
  /// Waits for the job under way.
  ~JobThread() {
    stop();
    thread_.join();
  }
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  /// The same, but waits for so long at most; false if the thread still runs.
  bool stop_within(common::Duration time) {
    stop();
    std::unique_lock lock(mutex_);
    return stopped_.wait_for(lock, time, [&] { return has_stopped_; });
  }

  /// One at a time: not before the last one's result was taken.
  void start(Job job) {
    {
      const std::lock_guard lock(mutex_);
      ENSURE(!job_ && !result_);
      job_ = std::move(job);
    }
    wake_.notify_one();
  }

  /// Readable when a result is there.
  int fd() const { return ready_.get(); }
  std::optional<Result> take_result() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(ready_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(result_, std::nullopt);
  }

 private:
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return job_ || is_stopping_; });
      if (is_stopping_) {
        has_stopped_ = true;
        stopped_.notify_one();
        return;
      }
      const Job job = *std::exchange(job_, std::nullopt);
      lock.unlock();
      Result result = work_(job);
      lock.lock();
      result_ = std::move(result);
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(ready_.get(), &one, sizeof one);
    }
  }

  std::function<Result(const Job&)> work_;
  common::os::UniqueFd ready_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Job> job_;        // guarded by mutex_
  std::optional<Result> result_;  // guarded by mutex_
  bool is_stopping_ = false;      // guarded by mutex_
  bool has_stopped_ = false;      // guarded by mutex_
  std::condition_variable stopped_;
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace peer
