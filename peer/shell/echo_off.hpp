// A terminal that does not show what is typed, but for the end of the line. A shell.
#pragma once

#include <termios.h>

namespace peer {

/// From here to the end of its life. What was typed before is dropped: it was shown. Nothing
/// happens where `fd` is no terminal.
class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd), is_on_(tcgetattr(fd, &before_) == 0) { set(); }
  ~EchoOff() { restore(); }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

  void set() const {
    termios hidden = before_;
    hidden.c_lflag = (hidden.c_lflag & ~static_cast<tcflag_t>(ECHO)) | ECHONL;
    if (is_on_) tcsetattr(fd_, TCSAFLUSH, &hidden);
  }
  void restore() const {
    if (is_on_) tcsetattr(fd_, TCSANOW, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool is_on_;
};

}  // namespace peer
