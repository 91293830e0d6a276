#include "peer/shell/listen_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "common/os/clock.hpp"
#include "common/os/random.hpp"
#include "peer/listener.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/hook_process.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/registry_worker.hpp"
#include "peer/shell/token_file.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::monotonic_now;
using common::os::UniqueFd;

/// SIGINT and SIGTERM as bytes to read. Before any thread starts, so that all of them block these.
UniqueFd open_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

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
    // A name server that does not answer holds the worker for longer than a leaving peer waits.
    if (!worker_.stop_within(Listener::kLogoutTime)) {
      std::fflush(stdout);
      ::_exit(static_cast<int>(status_));
    }
    return status_;
  }

 private:
  /// True once it is time to leave.
  bool carry_out_actions() {
    bool is_leaving = false;
    while (const auto action = listener_.poll_action()) {
      if (const auto* job = std::get_if<Listener::Register>(&*action)) {
        worker_.start({job->verb, options_.name, socket_.port(), options_.advertise, token_});
      } else if (const auto* print = std::get_if<Listener::Print>(&*action)) {
        std::fwrite(print->text.data(), 1, print->text.size(), stdout);
      } else if (const auto* note = std::get_if<Listener::Note>(&*action)) {
        std::fflush(stdout);  // both may be the same terminal
        if (!options_.quiet || note->is_problem) fmt::print(stderr, "peer: {}\n", note->text);
      } else if (const auto* hook = std::get_if<Listener::RunHook>(&*action)) {
        if (!hook_.start(monotonic_now(), hook->received))
          listener_.handle_hook_done(monotonic_now(), "it could not be started");
      } else if (const auto* leave = std::get_if<Listener::Leave>(&*action)) {
        status_ = leave->status;
        is_leaving = true;
      }
    }
    if (std::fflush(stdout) != 0 && !is_output_closed_) {
      is_output_closed_ = true;
      std::clearerr(stdout);
      listener_.handle_stop(monotonic_now(), ExitStatus::kOutput);
      return carry_out_actions() || is_leaving;
    }
    return is_leaving;
  }

  void wait() {
    const bool reads_input =
        listener_.is_asking() && !has_input_ended_ && (!is_terminal_ || is_foreground());
    std::array<pollfd, 5> fds = {{{socket_.fd(), POLLIN, 0},
                                  {signals_.get(), POLLIN, 0},
                                  {worker_.fd(), POLLIN, 0},
                                  {hook_.fd(), POLLIN, 0},
                                  {reads_input ? STDIN_FILENO : -1, POLLIN, 0}}};
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
    listener_.handle_stop(monotonic_now(), info.ssi_signo == SIGINT ? ExitStatus::kInterrupted
                                                                    : ExitStatus::kTerminated);
  }

  void take_result() {
    if (auto result = worker_.take_result())
      listener_.handle_registration(monotonic_now(), result->endpoint, std::move(result->outcome));
  }

  void finish_hook() { listener_.handle_hook_done(monotonic_now(), hook_.finish()); }

  void read_input() {
    std::vector<LineReader::Line> lines;
    if (!input_.read_available(lines)) has_input_ended_ = true;
    for (const LineReader::Line& line : lines)
      listener_.handle_input_line(monotonic_now(), line.text);
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
  bool is_output_closed_ = false;
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus run_listen(const Options& options) {
  common::os::SystemRandom random;
  UniqueFd signals = open_signals();
  auto token = TokenFile::open(options.name, options.registry, random);
  if (!token && token.error() == TokenFile::Failure::kInUse) {
    fmt::print("This user already exists!\n");
    fmt::print(stderr, "peer: {} is listening here already, at {}\n", options.name.text(),
               options.registry_text);
    return ExitStatus::kRefused;
  }
  if (!token && !options.quiet) {
    fmt::print(stderr,
               "peer: no place to keep the name's owner token ($XDG_STATE_HOME): after a crash the "
               "name will be held for some minutes\n");
  }
  auto socket = DatagramSocket::open(options.port);
  if (!socket) {
    const bool in_use = socket.error() == std::errc::address_in_use;
    fmt::print(stderr, "peer: cannot listen on UDP port {}: {}\n", options.port,
               in_use ? "the port is in use" : socket.error().message());
    return in_use ? ExitStatus::kUnavailable : ExitStatus::kConfiguration;
  }
  ListenRun run(options, std::move(signals), *std::move(socket),
                token ? std::optional(token->token()) : std::nullopt);
  return run.run();
}

}  // namespace peer
