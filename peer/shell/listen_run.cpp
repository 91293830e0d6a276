#include "peer/shell/listen_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "common/os/clock.hpp"
#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/listener.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/hook_process.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/registry_worker.hpp"
#include "peer/shell/signals.hpp"
#include "peer/shell/token_file.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::monotonic_now;
using common::os::print_error;
using common::os::UniqueFd;
using common::os::write_available;
using common::os::Written;

/// Lines that may wait for a slow reader before no more messages are taken.
constexpr std::size_t kOutputBytesMax = 256 * 1024;

/// True if reading the terminal now would not stop us as a background job.
bool is_foreground() { return tcgetpgrp(STDIN_FILENO) == getpgrp(); }

class ListenRun {
 public:
  ListenRun(const Options& options, UniqueFd signals, DatagramSocket socket,
            std::optional<std::string> token)
      : options_(options),
        signals_(std::move(signals)),
        socket_(std::move(socket)),
        token_(std::move(token)),
        is_terminal_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)),
        listener_({.name = options.name,
                   .registry = options.registry_text,
                   .asks = options.question == Question::kAlways ||
                           (options.question == Question::kTerminal && is_terminal_),
                   .is_terminal = is_terminal_,
                   .json = options.json,
                   .has_hook = !options.hook.empty(),
                   .count = options.count,
                   .wait = options.wait},
                  random_),
        hook_(options.hook, options.hook_time),
        worker_(options.registry),
        input_(STDIN_FILENO) {}

  ExitStatus run() {
    listener_.start(monotonic_now());
    while (!carry_out_actions()) wait();
    finish_output();
    // A name server that does not answer holds the worker for longer than a leaving peer waits.
    if (!worker_.stop_within(Listener::kLogoutTime)) {
      ::_exit(static_cast<int>(status_));
    }
    return status_;
  }

 private:
  /// True once it is time to leave.
  bool carry_out_actions() {
    bool is_leaving = false;
    // What was typed before there was a question is no answer to it.
    if (listener_.is_asking() && !std::exchange(was_asking_, true) && is_terminal_)
      tcflush(STDIN_FILENO, TCIFLUSH);
    was_asking_ = listener_.is_asking();
    while (const auto action = listener_.poll_action()) {
      if (const auto* job = std::get_if<Listener::Register>(&*action)) {
        worker_.start({job->verb, options_.name, socket_.port(), options_.advertise, token_});
      } else if (const auto* print = std::get_if<Listener::Print>(&*action)) {
        output_ += print->text;
      } else if (const auto* note = std::get_if<Listener::Note>(&*action)) {
        write_output();  // both may be the same terminal
        if (!options_.quiet || note->is_problem) print_error(fmt::format("peer: {}\n", note->text));
      } else if (const auto* hook = std::get_if<Listener::RunHook>(&*action)) {
        if (!hook_.start(monotonic_now(), hook->received))
          listener_.handle_hook_done(monotonic_now(), "it could not be started");
      } else if (const auto* leave = std::get_if<Listener::Leave>(&*action)) {
        status_ = leave->status;
        is_leaving = true;
      }
    }
    write_output();
    if (is_output_closed_ && !std::exchange(is_stopped_by_output_, true)) {
      listener_.handle_stop(monotonic_now(), ExitStatus::kOutput);
      return carry_out_actions() || is_leaving;
    }
    return is_leaving;
  }

  /// As much as there is room for: signals, timers and the registry do not wait for a reader.
  void write_output() {
    std::string_view rest = output_;
    if (is_output_closed_ || write_available(STDOUT_FILENO, rest) == Written::kFailed) {
      is_output_closed_ = true;
      rest = {};
    }
    output_.erase(0, output_.size() - rest.size());
  }

  /// The last lines, for a reader who is only slow.
  void finish_output() {
    const auto give_up_at = monotonic_now() + Listener::kLogoutTime;
    for (write_output(); !output_.empty() && monotonic_now() < give_up_at; write_output()) {
      pollfd output{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&output, 1, 100);
    }
    if (!output_.empty() && status_ == ExitStatus::kOk) status_ = ExitStatus::kOutput;
  }

  void wait() {
    const bool reads_input =
        listener_.is_asking() && !has_input_ended_ && (!is_terminal_ || is_foreground());
    // What nobody reads here waits in the kernel, which bounds it.
    const bool receives = output_.size() < kOutputBytesMax;
    std::array<pollfd, 6> fds = {{{receives ? socket_.fd() : -1, POLLIN, 0},
                                  {signals_.get(), POLLIN, 0},
                                  {worker_.fd(), POLLIN, 0},
                                  {hook_.fd(), POLLIN, 0},
                                  {reads_input ? STDIN_FILENO : -1, POLLIN, 0},
                                  {output_.empty() ? -1 : STDOUT_FILENO, POLLOUT, 0}}};
    const int count = ::poll(fds.data(), fds.size(), timeout_ms());
    const auto now = monotonic_now();
    if (count > 0) {
      if (fds[1].revents != 0) read_signal();
      if (fds[2].revents != 0) take_result();
      if (fds[3].revents != 0) finish_hook();
      if (fds[4].revents != 0) read_input();
      if (fds[0].revents != 0) {
        socket_.receive([&](const common::Endpoint&, common::Bytes datagram) {
          listener_.handle_datagram(now, common::os::wall_now(), datagram);
        });
      }
    }
    hook_.handle_timeout(now);
    listener_.handle_timeout(now);
  }

  int timeout_ms() const {
    auto next = listener_.next_timeout();
    const auto hook = hook_.deadline();
    if (hook && (!next || *hook < *next)) next = hook;
    // While a background job has a question open it looks now and then whether it is in front.
    constexpr auto kForegroundCheck = std::chrono::milliseconds(250);
    if (listener_.is_asking() && is_terminal_ && !is_foreground()) {
      const auto check = monotonic_now() + kForegroundCheck;
      if (!next || check < *next) next = check;
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - monotonic_now());
    constexpr std::int64_t kLongest = 3'600'000;
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kLongest));
  }

  void read_signal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) return;
    listener_.handle_stop(monotonic_now(), static_cast<ExitStatus>(128 + info.ssi_signo));
  }

  void take_result() {
    if (auto result = worker_.take_result())
      listener_.handle_registration(monotonic_now(), result->endpoint, std::move(result->outcome));
  }

  void finish_hook() { listener_.handle_hook_done(monotonic_now(), hook_.finish()); }

  void read_input() {
    std::vector<LineReader::Line> lines;
    const bool has_more = input_.read_available(lines);
    for (const LineReader::Line& line : lines)
      listener_.handle_input_line(monotonic_now(), line.text);
    if (has_more) return;
    has_input_ended_ = true;
    listener_.handle_input_end(monotonic_now());
  }

  const Options& options_;
  UniqueFd signals_;
  DatagramSocket socket_;
  std::optional<std::string> token_;
  bool is_terminal_;
  common::os::SystemRandom random_;
  Listener listener_;
  HookProcess hook_;
  RegistryWorker worker_;
  LineReader input_;
  bool has_input_ended_ = false;
  bool was_asking_ = false;
  std::string output_;  // not written yet
  bool is_output_closed_ = false;
  bool is_stopped_by_output_ = false;
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus run_listen(const Options& options) {
  if (options.advertise && !resolve_host(options.advertise->host, {})) {
    print_error(
        fmt::format("peer: --advertise: cannot find the host {}\n", options.advertise->host));
    return ExitStatus::kConfiguration;
  }
  common::os::SystemRandom random;
  UniqueFd signals = open_signals();
  auto token = TokenFile::open(options.name, options.registry, random);
  if (!token && token.error() == TokenFile::Failure::kInUse) {
    common::os::print_output("This user already exists!\n");
    print_error(fmt::format("peer: {} is listening here already, at {}\n", options.name.text(),
                            options.registry_text));
    return ExitStatus::kRefused;
  }
  if (!token && !options.quiet) {
    print_error(
        "peer: no place to keep the name's owner token ($XDG_STATE_HOME): after a crash the name "
        "will be held for some minutes\n");
  }
  auto socket = DatagramSocket::open(options.port);
  if (!socket) {
    const bool in_use = socket.error() == std::errc::address_in_use;
    print_error(fmt::format("peer: cannot listen on UDP port {}: {}\n", options.port,
                            in_use ? "the port is in use" : socket.error().message()));
    return in_use ? ExitStatus::kUnavailable : ExitStatus::kConfiguration;
  }
  ListenRun run(options, std::move(signals), *std::move(socket),
                token ? std::optional(token->token()) : std::nullopt);
  return run.run();
}

}  // namespace peer
