#include "peer/shell/line_editor.hpp"

#include <fmt/format.h>
#include <histedit.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <cwctype>
#include <string_view>
#include <utility>

namespace peer {
namespace {

constexpr int kHistoryLines = 1000;

struct EndEditLine {
  void operator()(EditLine* edit_line) const { el_end(edit_line); }
};
struct EndHistory {
  void operator()(History* lines) const { history_end(lines); }
};

int columns_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// How many cells libedit gives a character that would begin in `column`.
int cells_of(wchar_t c, int column) {
  constexpr int kTabStop = 8;
  if (c == L'\t') return kTabStop - column % kTabStop;
  if (std::iswcntrl(static_cast<wint_t>(c)) != 0) return 2;  // ^X
  constexpr int kEscapedCells = 8;                           // \U+12345
  const int width = ::wcwidth(c);
  return width < 0 ? kEscapedCells : width;
}

/// The row, from 0, where the cursor stands behind the text.
int row_behind(const std::wstring& text, int columns) {
  int row = 0;
  int column = 0;
  for (const wchar_t c : text) {
    const int cells = cells_of(c, column);
    if (column + cells > columns) {
      ++row;
      column = 0;
    }
    column += cells;
    if (column >= columns) {
      ++row;
      column = 0;
    }
  }
  return row;
}

std::wstring to_wide(const std::string& text) {
  std::wstring wide(text.size() + 1, L'\0');
  const std::size_t size = std::mbstowcs(wide.data(), text.c_str(), wide.size());
  wide.resize(size == static_cast<std::size_t>(-1) ? 0 : size);
  return wide;
}

}  // namespace

struct LineEditor::State {
  std::unique_ptr<History, EndHistory> history{history_init()};
  std::unique_ptr<EditLine, EndEditLine> edit_line{el_init("peer", stdin, stdout, stderr)};
  std::string prompt;
  const Wait* wait = nullptr;  // set while a line is read
  bool is_hidden = false;
  int columns = columns_of_terminal();

  static State& of(EditLine* edit_line) {
    void* state = nullptr;
    el_get(edit_line, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }

  static char* get_prompt(EditLine* edit_line) { return of(edit_line).prompt.data(); }

  /// One character for libedit; 0 gives the line up.
  static int read_character(EditLine* edit_line, wchar_t* character) {
    State& state = of(edit_line);
    std::mbstate_t shift{};
    for (;;) {
      if (!(*state.wait)()) {
        state.hide();
        return 0;
      }
      char byte = 0;
      const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) return 0;
      const std::size_t used = std::mbrtowc(character, &byte, 1, &shift);
      if (used == static_cast<std::size_t>(-2)) continue;  // its first bytes
      if (used != static_cast<std::size_t>(-1)) return 1;
      shift = {};  // not of this locale: left out
    }
  }

  void hide() {
    if (wait == nullptr || std::exchange(is_hidden, true)) return;
    const LineInfoW* line = el_wline(edit_line.get());
    const std::wstring text = to_wide(prompt) + std::wstring(line->buffer, line->cursor);
    // After a change of size some terminals have broken the rows anew and others have not. Going up
    // too far would erase what others have said; not far enough leaves a bit of our own line.
    const int row = std::min(row_behind(text, columns), row_behind(text, columns_of_terminal()));
    if (row > 0) std::fputs(fmt::format("\x1b[{}A", row).c_str(), stdout);
    clear_below();
  }

  static void clear_below() {
    std::fputs("\r\x1b[J", stdout);
    std::fflush(stdout);
  }

  void show() {
    if (std::exchange(is_hidden, false)) el_set(edit_line.get(), EL_REFRESH);
  }
};

bool LineEditor::is_possible() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

LineEditor::LineEditor() {
  // What is typed is read in the locale's encoding; all that there is may be UTF-8.
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  state_ = std::make_unique<State>();
  EditLine* edit_line = state_->edit_line.get();
  History* history_lines = state_->history.get();
  el_set(edit_line, EL_CLIENTDATA, state_.get());
  el_set(edit_line, EL_PROMPT, &State::get_prompt);
  el_set(edit_line, EL_GETCFN, &State::read_character);
  el_set(edit_line, EL_EDITOR, "emacs");
  el_set(edit_line, EL_SIGNAL, 0);  // the program's loop has them
  HistEvent event{};
  history(history_lines, &event, H_SETSIZE, kHistoryLines);
  history(history_lines, &event, H_SETUNIQUE, 1);
  el_set(edit_line, EL_HIST, history, history_lines);
}

LineEditor::~LineEditor() = default;

void LineEditor::set_prompt(const std::string& prompt) {
  if (prompt == state_->prompt) return;
  const bool was_hidden = state_->is_hidden;
  hide();
  state_->prompt = prompt;
  if (!was_hidden) show();
}

std::optional<std::string> LineEditor::read_line(const Wait& wait) {
  state_->wait = &wait;
  int size = 0;
  const char* typed = el_gets(state_->edit_line.get(), &size);
  state_->wait = nullptr;
  const bool was_hidden = std::exchange(state_->is_hidden, false);
  if (typed == nullptr) {
    if (!was_hidden) State::clear_below();  // the prompt; nothing stood behind it
    return std::nullopt;
  }
  std::string line(typed, static_cast<std::size_t>(std::max(size, 0)));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  HistEvent event{};
  if (!line.empty()) history(state_->history.get(), &event, H_ENTER, line.c_str());
  return line;
}

void LineEditor::hide() { state_->hide(); }

void LineEditor::show() { state_->show(); }

bool LineEditor::is_hidden() const { return state_->is_hidden; }

void LineEditor::resize() {
  const bool was_hidden = state_->is_hidden;
  hide();
  state_->columns = columns_of_terminal();
  el_resize(state_->edit_line.get());
  if (!was_hidden) show();
}

void LineEditor::suspend() {
  const bool was_hidden = state_->is_hidden;
  hide();
  el_set(state_->edit_line.get(), EL_PREP_TERM, 0);
  std::raise(SIGSTOP);
  el_set(state_->edit_line.get(), EL_PREP_TERM, 1);
  if (!was_hidden) show();
}

}  // namespace peer
