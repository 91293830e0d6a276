// The person's side of a conversation: standard input, output and error, on a terminal or not. On
// one, what arrives stands above the line being typed. A shell, in one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "peer/conversation.hpp"
#include "peer/shell/echo_off.hpp"
#include "peer/shell/line_editor.hpp"
#include "peer/shell/line_reader.hpp"

namespace peer {

class Console {
 public:
  /// `quiet`: notes that are no problems are left out. The conversation outlives this.
  Console(Conversation& conversation, bool quiet);

  /// Standard input is a terminal.
  bool is_terminal() const { return is_terminal_; }

  // What a conversation asks for, as it is said there.
  void print(std::string_view text);
  void note(const Conversation::Note& note);
  void ask(const Conversation::Ask& ask);
  void take_commands(const std::string& prompt);

  /// As much as there is room for; true if the conversation was told something.
  bool write_output();
  bool has_output() const { return !output_.empty(); }
  /// All that was printed is written, or will never be.
  bool is_output_lost() const { return is_output_closed_ || has_output(); }

  /// Nothing is to be shown for now: the line being typed is put back on the screen.
  void settle();
  /// The conversation is over and hears nothing more; the cursor is at the beginning of a line.
  void leave();
  /// The terminal is as it was before us. Not while a line is read.
  void end() { editor_.reset(); }

  /// There may be something to read: to be polled for.
  bool reads_input() const;
  /// Reads what is there and hands it to the conversation. `wait` waits for more with the program's
  /// loop: true if there is some, false if the program leaves.
  void read_input(const std::function<bool()>& wait);
  /// A line is edited: read_input may be called at any time, and does the waiting itself.
  bool is_editing() const { return editor_.has_value() && !has_input_ended_; }

  void resize();
  /// Ctrl-Z: the shell finds the terminal as it was.
  void suspend();

 private:
  void close_prompt_line();
  void edit_line(const std::function<bool()>& wait);
  void read_lines();
  void end_input();

  Conversation& conversation_;
  bool is_over_ = false;
  bool quiet_;
  bool is_terminal_;
  LineReader input_;
  bool has_input_ended_ = false;
  std::optional<EchoOff> echo_off_;   // while a secret is typed
  bool is_question_open_ = false;     // the cursor stands behind it
  std::optional<LineEditor> editor_;  // once commands are taken
  std::string output_;                // not written yet
  bool is_output_closed_ = false;
};

}  // namespace peer
