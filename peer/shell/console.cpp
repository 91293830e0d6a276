#include "peer/shell/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <utility>
#include <vector>

#include "common/os/clock.hpp"
#include "common/os/standard_streams.hpp"

namespace peer {

using common::os::monotonic_now;
using common::os::print_error;
using common::os::Written;

Console::Console(Conversation& conversation, bool quiet)
    : conversation_(conversation),
      quiet_(quiet),
      is_terminal_(isatty(STDIN_FILENO) != 0),
      input_(STDIN_FILENO) {}

void Console::print(std::string_view text) {
  if (!is_output_closed_) output_ += text;
}

void Console::note(const Conversation::Note& note) {
  write_output();  // both may be the same terminal
  if (editor_) editor_->hide();
  close_prompt_line();
  if (!quiet_ || note.is_problem) print_error(fmt::format("peer: {}\n", note.text));
}

void Console::ask(const Conversation::Ask& ask) {
  if (!is_terminal_) return;
  write_output();
  if (ask.is_secret) echo_off_.emplace(STDIN_FILENO);
  // Not among the messages of a standard output that goes elsewhere.
  if (isatty(STDOUT_FILENO) != 0) {
    common::os::print_output(ask.question);
  } else {
    print_error(ask.question);
  }
  is_question_open_ = true;
}

void Console::take_commands(const std::string& prompt) {
  if (!editor_ && LineEditor::is_possible()) editor_.emplace();
  if (editor_) editor_->set_prompt(prompt);
}

bool Console::write_output() {
  if (output_.empty() || is_output_closed_) return false;
  if (editor_) editor_->hide();
  std::string_view rest = output_;
  const auto result = common::os::write_available(STDOUT_FILENO, rest);
  const std::size_t written = output_.size() - rest.size();
  output_.erase(0, written);
  if (written > 0 && !is_over_) conversation_.handle_written(monotonic_now(), written);
  if (result == Written::kFailed) {
    is_output_closed_ = true;
    output_.clear();
    if (!is_over_) conversation_.handle_output_closed(monotonic_now());
  }
  return written > 0 || is_output_closed_;
}

void Console::settle() {
  if (editor_ && output_.empty()) editor_->show();
}

void Console::leave() {
  is_over_ = true;
  echo_off_.reset();
  close_prompt_line();
}

void Console::close_prompt_line() {
  if (std::exchange(is_question_open_, false)) print_error("\n");
}

bool Console::reads_input() const {
  return !has_input_ended_ && conversation_.wants_input() && !(editor_ && editor_->is_hidden());
}

void Console::read_input(const std::function<bool()>& wait) {
  if (is_editing()) return edit_line(wait);
  read_lines();
}

void Console::edit_line(const std::function<bool()>& wait) {
  bool is_given_up = false;
  const auto line = editor_->read_line([&] {
    const bool has_more = wait();
    is_given_up = !has_more;
    return has_more;
  });
  if (is_given_up) return;
  if (line) {
    conversation_.handle_input_line(monotonic_now(), *line);
  } else {
    end_input();
  }
}

void Console::read_lines() {
  std::vector<LineReader::Line> lines;
  const bool has_more = input_.read_available(lines);
  if (!lines.empty()) {
    echo_off_.reset();
    is_question_open_ = false;
  }
  for (const LineReader::Line& line : lines)
    conversation_.handle_input_line(monotonic_now(), line.text);
  if (has_more) return;
  if (const auto rest = input_.take_rest())
    conversation_.handle_input_line(monotonic_now(), rest->text);
  end_input();
}

void Console::end_input() {
  has_input_ended_ = true;
  conversation_.handle_input_end(monotonic_now());
}

void Console::resize() {
  if (editor_) editor_->resize();
}

void Console::suspend() {
  if (editor_) return editor_->suspend();
  if (echo_off_) echo_off_->restore();
  std::raise(SIGSTOP);
  if (echo_off_) echo_off_->set();
}

}  // namespace peer
