#include "peer/shell/login_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <numeric>

#include "common/os/clock.hpp"
#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "common/safe_text.hpp"
#include "peer/shell/echo_off.hpp"
#include "peer/shell/line_editor.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/signals.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/tcp_socket.hpp"
#include "peer/shell/time_limit.hpp"
#include "peer/two_connection_client.hpp"
#include "peer/two_connection_protocol.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::monotonic_now;
using common::os::print_error;
using common::os::UniqueFd;
using common::os::Written;
using Link = TwoConnectionClient::Link;
using Question = TwoConnectionClient::Question;

/// One of the two connections.
struct Stream {
  UniqueFd fd;
  std::string unsent;
};

class LoginRun {
 public:
  LoginRun(const Options& options, TwoConnectionClient::Options core_options, UniqueFd connection,
           UniqueFd signals)
      : options_(options),
        signals_(std::move(signals)),
        is_terminal_(core_options.is_terminal),
        client_(std::move(core_options), random_),
        commands_{std::move(connection), {}},
        input_(STDIN_FILENO) {}

  ExitStatus run() {
    client_.start(monotonic_now());
    carry_out_actions();
    while (!has_left_) {
      if (editor_ && !has_input_ended_) {
        edit_line();
      } else if (wait()) {
        read_lines();
      }
    }
    finish_output();
    return status_;
  }

 private:
  /// Does what the core asks for, and tells it what could be written, until it asks no more.
  void carry_out_actions() {
    do {
      while (const auto action = client_.poll_action()) carry_out(*action);
    } while (write_output());
    if (editor_ && output_.empty() && !has_left_) editor_->show();
  }

  void carry_out(const TwoConnectionClient::Action& action) {
    if (const auto* send = std::get_if<TwoConnectionClient::Send>(&action)) {
      Stream& stream = send->link == Link::kCommands ? commands_ : messages_;
      stream.unsent += send->bytes;
      send_unsent(stream);
    } else if (const auto* print = std::get_if<TwoConnectionClient::Print>(&action)) {
      if (!is_output_closed_) output_ += print->text;
    } else if (const auto* note = std::get_if<TwoConnectionClient::Note>(&action)) {
      write_output();  // both may be the same terminal
      if (editor_) editor_->hide();
      close_prompt_line();
      if (!options_.quiet || note->is_problem) print_error(fmt::format("peer: {}\n", note->text));
    } else if (const auto* ask = std::get_if<TwoConnectionClient::Ask>(&action)) {
      if (is_terminal_) open_prompt(ask->question);
    } else if (std::holds_alternative<TwoConnectionClient::Listen>(action)) {
      listen();
    } else if (std::holds_alternative<TwoConnectionClient::StopListening>(action)) {
      listener_.reset();
    } else if (const auto* leave = std::get_if<TwoConnectionClient::Leave>(&action)) {
      close_prompt();
      status_ = leave->status;
      has_left_ = true;
    }
  }

  void open_prompt(Question question) {
    if (question == Question::kCommand) {
      if (LineEditor::is_possible()) editor_.emplace();
      return;
    }
    write_output();
    if (question == Question::kPassword) echo_off_.emplace(STDIN_FILENO);
    const std::string_view prompt = question == Question::kName ? "Please input your user name:"
                                                                : "Please input your password:";
    // Not among the messages of a standard output that goes elsewhere.
    if (isatty(STDOUT_FILENO) != 0) {
      common::os::print_output(prompt);
    } else {
      print_error(prompt);
    }
    is_prompt_open_ = true;
  }

  /// The terminal as it was, and its cursor at the beginning of a line.
  void close_prompt() {
    echo_off_.reset();
    close_prompt_line();
  }

  void close_prompt_line() {
    if (std::exchange(is_prompt_open_, false)) print_error("\n");
  }

  void listen() {
    auto listener = listen_tcp(options_.port);
    if (!listener) {
      const bool in_use = listener.error() == std::errc::address_in_use;
      return client_.handle_listen_failed(
          monotonic_now(), in_use ? ExitStatus::kUnavailable : ExitStatus::kConfiguration,
          fmt::format("cannot listen on TCP port {}: {}", options_.port,
                      in_use ? "the port is in use" : listener.error().message()));
    }
    listener_ = *std::move(listener);
    const auto bound = local_endpoint(listener_.get());
    client_.handle_listening(monotonic_now(), bound ? bound->port : options_.port);
  }

  /// As much as there is room for; true if the core was told something.
  bool write_output() {
    if (output_.empty() || is_output_closed_) return false;
    if (editor_) editor_->hide();
    std::string_view rest = output_;
    const auto result = common::os::write_available(STDOUT_FILENO, rest);
    const std::size_t written = output_.size() - rest.size();
    output_.erase(0, written);
    if (written > 0) client_.handle_written(monotonic_now(), written);
    if (result == Written::kFailed) {
      is_output_closed_ = true;
      output_.clear();
      client_.handle_output_closed(monotonic_now());
    }
    return written > 0 || is_output_closed_;
  }

  /// The last lines, for a reader who is only slow.
  void finish_output() {
    editor_.reset();
    const auto give_up_at = monotonic_now() + TwoConnectionClient::kExitTime;
    for (write_output(); !output_.empty() && monotonic_now() < give_up_at; write_output()) {
      pollfd output{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&output, 1, 100);
    }
    const bool is_lost = is_output_closed_ || !output_.empty();
    if (is_lost && status_ == ExitStatus::kOk) status_ = ExitStatus::kOutput;
  }

  /// Waits for something and deals with it; true if that is a line, or a key, to be read.
  bool wait() {
    const bool reads_input =
        !has_input_ended_ && client_.wants_input() && !(editor_ && editor_->is_hidden());
    std::array<pollfd, 6> fds = {{{signals_.get(), POLLIN, 0},
                                  {output_.empty() ? -1 : STDOUT_FILENO, POLLOUT, 0},
                                  {listener_.get(), POLLIN, 0},
                                  poll_for(commands_, Link::kCommands),
                                  poll_for(messages_, Link::kMessages),
                                  {reads_input ? STDIN_FILENO : -1, POLLIN, 0}}};
    const int count = ::poll(fds.data(), fds.size(), timeout_ms());
    if (count > 0) {
      if (fds[0].revents != 0) read_signal();
      if (fds[2].revents != 0) accept_connection();
      handle_events(commands_, Link::kCommands, fds[3].revents);
      handle_events(messages_, Link::kMessages, fds[4].revents);
    }
    client_.handle_timeout(monotonic_now());
    carry_out_actions();
    return count > 0 && fds[5].revents != 0 && !has_left_ && !(editor_ && editor_->is_hidden());
  }

  pollfd poll_for(const Stream& stream, Link link) const {
    short events = client_.wants_bytes(link) ? POLLIN : 0;
    if (!stream.unsent.empty()) events |= POLLOUT;
    // Nothing wanted must be no descriptor: poll() would report its end all the time.
    return {events != 0 ? stream.fd.get() : -1, events, 0};
  }

  int timeout_ms() const {
    const auto next = client_.next_timeout();
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - monotonic_now());
    constexpr std::int64_t kLongest = 3'600'000;
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kLongest));
  }

  void handle_events(Stream& stream, Link link, short events) {
    if (events == 0) return;
    send_unsent(stream);
    if ((events & ~POLLOUT) == 0) return;
    std::array<char, 16 * 1024> chunk;
    const ssize_t got = ::recv(stream.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got > 0) {
      const std::string_view bytes(chunk.data(), static_cast<std::size_t>(got));
      return client_.handle_bytes(monotonic_now(), common::os::wall_now(), link,
                                  common::as_bytes(bytes));
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const std::string why = got < 0 ? describe_errno(errno) : std::string();
    stream.fd.reset();
    stream.unsent.clear();
    client_.handle_closed(monotonic_now(), link, why);
  }

  /// What the other side does not take now waits. A connection that broke is noticed in reading.
  static void send_unsent(Stream& stream) {
    if (stream.unsent.empty()) return;
    const ssize_t sent = ::send(stream.fd.get(), stream.unsent.data(), stream.unsent.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) stream.unsent.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) stream.unsent.clear();
  }

  void accept_connection() {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
    const auto there = from_socket_address(from);
    const auto here = local_endpoint(fd.get());
    if (!there || !here || !client_.handle_connection(there->address, here->address)) return;
    disable_delay(fd.get());
    messages_.fd = std::move(fd);
  }

  void read_signal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGWINCH) {
      if (editor_) editor_->resize();
    } else if (info.ssi_signo == SIGTSTP) {
      suspend();
    } else {
      client_.handle_stop(monotonic_now(), static_cast<ExitStatus>(128 + info.ssi_signo));
    }
  }

  /// Ctrl-Z: the shell finds the terminal as it was.
  void suspend() {
    if (editor_) return editor_->suspend();
    if (echo_off_) echo_off_->restore();
    std::raise(SIGSTOP);
    if (echo_off_) echo_off_->set();
  }

  void edit_line() {
    const auto line = editor_->read_line("> ", [this] {
      while (!has_left_)
        if (wait()) return true;
      return false;
    });
    if (has_left_) return;
    if (line) {
      client_.handle_input_line(monotonic_now(), *line);
    } else {
      end_input();
    }
    carry_out_actions();
  }

  void read_lines() {
    std::vector<LineReader::Line> lines;
    const bool has_more = input_.read_available(lines);
    if (!lines.empty()) {
      echo_off_.reset();
      is_prompt_open_ = false;
    }
    for (const LineReader::Line& line : lines)
      client_.handle_input_line(monotonic_now(), line.text);
    if (!has_more) {
      if (const auto rest = input_.take_rest())
        client_.handle_input_line(monotonic_now(), rest->text);
      end_input();
    }
    carry_out_actions();
  }

  void end_input() {
    has_input_ended_ = true;
    client_.handle_input_end(monotonic_now());
  }

  const Options& options_;
  UniqueFd signals_;
  bool is_terminal_;
  common::os::SystemRandom random_;
  TwoConnectionClient client_;
  Stream commands_;
  Stream messages_;
  UniqueFd listener_;
  LineReader input_;
  bool has_input_ended_ = false;
  std::optional<EchoOff> echo_off_;  // while a password is typed
  bool is_prompt_open_ = false;
  std::optional<LineEditor> editor_;  // once commands are typed
  std::string output_;                // not written yet
  bool is_output_closed_ = false;
  bool has_left_ = false;
  ExitStatus status_ = ExitStatus::kOk;
};

/// From the file or else from the environment; nothing if neither says one. An error is a sentence.
common::expected<std::optional<std::string>, std::string> find_password(const Options& options) {
  std::string password;
  std::string source;
  if (!options.password_file.empty()) {
    source = "in " + common::to_terminal(options.password_file);
    const UniqueFd file(::open(options.password_file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
      return common::unexpected{fmt::format("--password-file {}: {}",
                                            common::to_terminal(options.password_file),
                                            describe_errno(errno))};
    }
    const auto lines = LineReader(file.get()).next(1);
    if (!lines.empty()) password = lines[0].text;
    if (password.ends_with('\r')) password.pop_back();
  } else if (const char* value = std::getenv("PEER_PASSWORD"); value != nullptr && *value != '\0') {
    source = "in PEER_PASSWORD";
    password = value;
  } else {
    return std::optional<std::string>();
  }
  if (const auto why = why_no_password(password))
    return common::unexpected{fmt::format("the password {} {}", source, *why)};
  return std::optional(std::move(password));
}

std::optional<std::string> join(const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  return std::accumulate(words.begin() + 1, words.end(), words[0],
                         [](std::string line, const std::string& word) {
                           line += ' ';
                           return line += word;
                         });
}

ExitStatus refuse(ExitStatus status, std::string_view text) {
  print_error(fmt::format("peer: {}\n", text));
  return status;
}

}  // namespace

ExitStatus run_login(const Options& options) {
  const auto begun = monotonic_now();
  auto wait = options.wait;
  auto command = join(options.command);
  if (command) {
    if (const auto why = why_no_command(*command))
      return refuse(ExitStatus::kUsage, fmt::format("the command {}", *why));
    if (command->empty()) return refuse(ExitStatus::kUsage, "the command is empty");
  }
  auto password = find_password(options);
  if (!password) return refuse(ExitStatus::kConfiguration, password.error());

  // Nothing is begun yet: a signal may end it as it ends any program.
  const auto connected = [&] {
    const TimeLimit limit(options.wait);
    return limit.during([&] { return connect_tcp(options.registry, /*cancel_fd=*/-1); });
  };
  auto connection = connected();
  if (!connection) {
    return refuse(ExitStatus::kUnavailable, fmt::format("cannot reach the server at {}: {}",
                                                        options.registry_text, connection.error()));
  }
  const auto server = remote_endpoint(connection->get());
  const auto here = local_endpoint(connection->get());
  if (!server || !here) {
    return refuse(ExitStatus::kUnavailable,
                  fmt::format("cannot reach the server at {}: it closed the connection at once",
                              options.registry_text));
  }

  if (wait) wait = std::max(*wait - (monotonic_now() - begun), common::Duration::zero());

  const bool is_terminal = isatty(STDIN_FILENO) != 0;
  UniqueFd signals = is_terminal ? open_signals({SIGQUIT, SIGTSTP, SIGWINCH}) : open_signals();
  LoginRun run(options,
               {.name = options.is_name_asked ? std::nullopt : std::optional(options.name),
                .password = *std::move(password),
                .server = options.registry_text,
                .server_address = server->address,
                .is_server_here = server->address == here->address,
                .is_terminal = is_terminal,
                .json = options.json,
                .command = std::move(command),
                .count = options.count,
                .wait = wait},
               *std::move(connection), std::move(signals));
  return run.run();
}

}  // namespace peer
