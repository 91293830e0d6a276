// A line typed at a terminal while other lines arrive: libedit edits it, and what is to be shown
// goes above it. A shell; one at a time, in one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace peer {

class LineEditor {
 public:
  /// Waits until standard input has something: true; or false to give the line up. Meanwhile it may
  /// call all but read_line().
  using Wait = std::function<bool()>;

  /// Both standard input and output are a terminal whose cursor can be moved.
  static bool is_possible();

  /// Of one for the whole program: the locale's characters are set here, too.
  LineEditor();
  /// The terminal is again as it was.
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// The line in UTF-8, without its end. Nothing at the end of input (Ctrl-D on an empty line), or
  /// given up. Lines of before can be called back; they are forgotten with this object.
  std::optional<std::string> read_line(const Wait& wait);

  /// What stands before the line, from now on.
  void set_prompt(const std::string& prompt);

  /// Takes the line being typed off the screen, so that others can be written in its place. While
  /// it is hidden, `wait` must not say that there is input.
  void hide();
  /// Writes it again, below them.
  void show();
  bool is_hidden() const;
  /// The terminal has another size (SIGWINCH).
  void resize();
  /// Stops the process as Ctrl-Z does, with the terminal as it was before us; comes back with it.
  void suspend();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace peer
