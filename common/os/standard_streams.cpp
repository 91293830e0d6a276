#include "common/os/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

namespace common::os {
namespace {

/// How long a full standard error may take to have room again. Longer, and whoever reads it has
/// stopped.
constexpr int kErrorWaitMs = 100;

/// 1: there is room for a piece; 0: none within the time; -1: nothing will ever be taken.
int wait_for_room(int fd, int milliseconds) {
  pollfd output{fd, POLLOUT, 0};
  for (;;) {
    const int ready = ::poll(&output, 1, milliseconds);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return -1;
    if (ready == 0) return 0;
    return (output.revents & POLLOUT) != 0 ? 1 : -1;
  }
}

/// One write of a size that a pipe with any room takes whole.
Written write_piece(int fd, std::string_view& text) {
  const std::size_t size = std::min<std::size_t>(text.size(), PIPE_BUF);
  const ssize_t written = ::write(fd, text.data(), size);
  if (written < 0 && errno == EINTR) return Written::kPart;
  if (written < 0) return errno == EAGAIN ? Written::kPart : Written::kFailed;
  text.remove_prefix(static_cast<std::size_t>(written));
  return text.empty() ? Written::kAll : Written::kPart;
}

}  // namespace

void open_missing_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. For reading only, so that writing to it is an error.
    const int opened = ::open("/dev/null", fd == STDERR_FILENO ? O_RDWR : O_RDONLY);
    if (opened >= 0 && opened != fd) ::close(opened);
  }
}

void print_error(std::string_view text) {
  // Once a reader has stopped, he is not waited for again until he reads on.
  static std::atomic<bool> is_stuck = false;
  while (!text.empty()) {
    if (wait_for_room(STDERR_FILENO, is_stuck ? 0 : kErrorWaitMs) <= 0) {
      is_stuck = true;
      return;
    }
    is_stuck = false;
    if (write_piece(STDERR_FILENO, text) == Written::kFailed) return;
  }
}

bool print_output(std::string_view text) {
  while (!text.empty()) {
    if (wait_for_room(STDOUT_FILENO, -1) < 0) return false;
    if (write_piece(STDOUT_FILENO, text) == Written::kFailed) return false;
  }
  return true;
}

Written write_available(int fd, std::string_view& text) {
  while (!text.empty()) {
    const int room = wait_for_room(fd, 0);
    if (room < 0) return Written::kFailed;
    if (room == 0) return Written::kPart;
    if (write_piece(fd, text) == Written::kFailed) return Written::kFailed;
  }
  return Written::kAll;
}

}  // namespace common::os
