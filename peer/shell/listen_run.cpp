#include "peer/shell/listen_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <map>
#include <memory>

#include "common/os/clock.hpp"
#include "common/os/poll_until.hpp"
#include "common/os/random.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/listener.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/handled_log.hpp"
#include "peer/shell/hook_process.hpp"
#include "peer/shell/host_addresses.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/registry_worker.hpp"
#include "peer/shell/sealed_end.hpp"
#include "peer/shell/signals.hpp"
#include "peer/shell/token_file.hpp"
#include "peer/shell/user_folder.hpp"

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
  /// `sealed`: null for a name without a key.
  ListenRun(const Options& options, UniqueFd signals, DatagramSocket socket,
            std::optional<std::string> token, std::unique_ptr<SealedEnd> sealed,
            std::optional<HandledLog> handled)
      : options_(options),
        signals_(std::move(signals)),
        socket_(std::move(socket)),
        token_(std::move(token)),
        sealed_(std::move(sealed)),
        handled_(std::move(handled)),
        is_terminal_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)),
        listener_({.name = options.name,
                   .registry = options.registry_text,
                   .asks = options.question == Question::kAlways ||
                           (options.question == Question::kTerminal && is_terminal_),
                   .is_terminal = is_terminal_,
                   .json = options.json,
                   .has_hook = !options.hook.empty(),
                   .hook_takes_plain = options.hook_takes_plain,
                   .count = options.count,
                   .wait = options.wait,
                   .has_key =
                       [this](const common::UserName& name) {
                         return sealed_ && sealed_->pins().has_pin(name);
                       }},
                  random_),
        hook_(options.hook, options.hook_time),
        worker_(options.registry),
        input_(STDIN_FILENO) {}

  ExitStatus run() {
    listener_.start(monotonic_now());
    while (!carry_out_actions()) wait();
    finish_output();
    if (sealed_ && !is_output_closed_ && output_.empty()) finish_sealed();
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
        RegistryWorker::Job request{job->verb, options_.name, socket_.port(), options_.advertise,
                                    token_};
        if (sealed_) request.signer = sealed_->next_signer();
        worker_.start(std::move(request));
      } else if (const auto* print = std::get_if<Listener::Print>(&*action)) {
        output_ += print->text;
      } else if (const auto* note = std::get_if<Listener::Note>(&*action)) {
        write_output();  // both may be the same terminal
        if (!options_.quiet || note->is_problem) print_error(fmt::format("peer: {}\n", note->text));
      } else if (const auto* hook = std::get_if<Listener::RunHook>(&*action)) {
        start_hook(hook->received);
      } else if (const auto* told = std::get_if<Listener::TellHandled>(&*action)) {
        tell_handled(*told);
      } else if (const auto* leave = std::get_if<Listener::Leave>(&*action)) {
        status_ = leave->status;
        is_leaving = true;
      }
    }
    say_remarks();
    write_output();
    // What acknowledges messages leaves after they were written: not while a reader is behind, nor
    // when he is gone.
    if (sealed_ && !is_output_closed_ && output_.empty()) sealed_->flush(socket_);
    if (is_output_closed_ && !std::exchange(is_stopped_, true)) {
      listener_.handle_stop(monotonic_now(), ExitStatus::kOutput);
      return carry_out_actions() || is_leaving;
    }
    return is_leaving;
  }

  void start_hook(const Received& received) {
    const auto end = [&](HookEnd::Kind kind) {
      listener_.handle_hook_done(monotonic_now(), {.kind = kind});
    };
    if (handled_ && !received.fingerprint.empty()) {
      const auto is_new = handled_->remember(received.id);
      if (!is_new) {
        write_output();
        print_error(fmt::format("peer: cannot keep in mind that a hook has run: {}\n",
                                is_new.error().message()));
        return end(HookEnd::Kind::kNotRun);
      }
      if (!*is_new) return end(HookEnd::Kind::kRanBefore);
    }
    if (!hook_.start(monotonic_now(), received)) end(HookEnd::Kind::kNotRun);
  }

  void tell_handled(const Listener::TellHandled& told) {
    const auto it = receipts_.find(told.receipt);
    if (it == receipts_.end()) return;
    const auto result = [&] {
      switch (told.end.kind) {
        case HookEnd::Kind::kExited:
          return sealed::HandledResult::kExited;
        case HookEnd::Kind::kKilled:
          return sealed::HandledResult::kKilled;
        case HookEnd::Kind::kTimedOut:
          return sealed::HandledResult::kTimedOut;
        case HookEnd::Kind::kNotRun:
        case HookEnd::Kind::kRanBefore:
          break;
      }
      return sealed::HandledResult::kNotRun;
    }();
    sealed_->messenger().handle_handled(
        monotonic_now(), it->second, result,
        sealed::has_status(result) ? static_cast<std::uint8_t>(told.end.status) : std::uint8_t{0},
        common::as_bytes(told.end.output));
    receipts_.erase(it);
  }

  void handle_datagram(const common::Endpoint& from, common::Bytes datagram) {
    const auto now = monotonic_now();
    if (!SealedEnd::is_sealed(datagram))
      return listener_.handle_datagram(now, common::os::wall_now(), datagram);
    if (!sealed_) return;
    // What tells that receipts have arrived is read to the end.
    if (!listener_.takes_messages()) sealed_->messenger().stop_taking();
    sealed_->handle_datagram(from, datagram);
    take_events();
  }

  void take_events() {
    while (const auto event = sealed_->poll_event()) {
      const auto* message = std::get_if<sealed::Messenger::Received>(&*event);
      if (message == nullptr) continue;
      Received received{.id = format_message_id(message->handle.id),
                        .time = common::os::wall_now(),
                        .message = {.sender = std::string(message->sender),
                                    .text = std::string(common::as_text(message->text))},
                        .fingerprint = common::format_fingerprint(*message->identity),
                        .receipt = {},
                        .is_question = message->kind == sealed::MessageKind::kAsk};
      if (message->wants_receipt) {
        received.receipt = ++last_receipt_;
        receipts_.emplace(last_receipt_, message->handle);
      }
      listener_.handle_message(monotonic_now(), received);
      // It leaves with what acknowledges the message: after the line was written.
      if (message->wants_shown) sealed_->messenger().handle_shown(monotonic_now(), message->handle);
    }
  }

  void say_remarks() {
    if (!sealed_) return;
    // Whoever watches a listener may be away for hours: a stranger is refused, and how to let him
    // in is said; he comes again.
    while (const auto stranger = sealed_->questions().poll_person()) {
      sealed_->questions().handle_judgement(monotonic_now(), *stranger, false);
      write_output();
      print_error(fmt::format("peer: {}\n", describe_stranger(*stranger, sealed_->context())));
    }
    while (const auto remark = sealed_->poll_remark()) {
      write_output();
      print_error(fmt::format("peer: {}\n", *remark));
    }
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

  /// What hooks made of messages has a moment to reach who waits for it.
  void finish_sealed() {
    const auto give_up_at = monotonic_now() + Listener::kLogoutTime;
    sealed_->messenger().stop_taking();
    for (sealed_->flush(socket_);
         sealed_->messenger().unfinished_receipts() > 0 && monotonic_now() < give_up_at;
         sealed_->flush(socket_)) {
      std::array<pollfd, 1> fds = {{{socket_.fd(), POLLIN, 0}}};
      common::os::poll_until(fds,
                             std::min(give_up_at, sealed_->next_timeout().value_or(give_up_at)));
      socket_.receive([&](const common::Endpoint& from, common::Bytes datagram) {
        handle_datagram(from, datagram);
      });
      sealed_->handle_timeout();
      take_events();
    }
    sealed_->leave(socket_);
  }

  void wait() {
    const bool reads_input =
        listener_.is_asking() && !has_input_ended_ && (!is_terminal_ || is_foreground());
    // What nobody reads here waits in the kernel, which bounds it.
    const bool receives = output_.size() < kOutputBytesMax;
    std::array<pollfd, 8> fds = {{{receives ? socket_.fd() : -1, POLLIN, 0},
                                  {signals_.get(), POLLIN, 0},
                                  {worker_.fd(), POLLIN, 0},
                                  {hook_.fd(), POLLIN, 0},
                                  {reads_input ? STDIN_FILENO : -1, POLLIN, 0},
                                  {output_.empty() ? -1 : STDOUT_FILENO, POLLOUT, 0},
                                  {sealed_ ? sealed_->lookup_fd() : -1, POLLIN, 0},
                                  {hook_.answer_fd(), POLLIN, 0}}};
    const int count = common::os::poll_until(fds, next_timeout());
    const auto now = monotonic_now();
    if (count > 0) {
      if (fds[1].revents != 0) read_signal();
      if (fds[2].revents != 0) take_result();
      if (fds[7].revents != 0) hook_.read_answer();
      if (fds[3].revents != 0) finish_hook();
      if (fds[4].revents != 0) read_input();
      if (fds[0].revents != 0) {
        socket_.receive([&](const common::Endpoint& from, common::Bytes datagram) {
          handle_datagram(from, datagram);
        });
      }
      if (fds[6].revents != 0) sealed_->take_lookup();
    }
    if (sealed_) {
      if (sealed_->handle_timeout()) listener_.handle_new_key(now);
      take_events();
    }
    hook_.handle_timeout(now);
    listener_.handle_timeout(now);
  }

  std::optional<common::TimePoint> next_timeout() const {
    // While a background job has a question open it looks now and then whether it is in front.
    constexpr auto kForegroundCheck = std::chrono::milliseconds(250);
    std::optional<common::TimePoint> look_again;
    if (listener_.is_asking() && is_terminal_ && !is_foreground())
      look_again = monotonic_now() + kForegroundCheck;
    return common::earliest({listener_.next_timeout(), hook_.deadline(),
                             sealed_ ? sealed_->next_timeout() : std::nullopt, look_again});
  }

  void read_signal() {
    const auto number = common::os::read_signal(signals_.get());
    if (!number) return;
    // A terminal that goes away says so more than once, and takes our output with it; only a person
    // is impatient.
    const bool is_leaving = std::exchange(is_stopped_, true);
    if (number == SIGHUP && is_leaving) return;
    listener_.handle_stop(monotonic_now(), static_cast<ExitStatus>(128 + *number));
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
  std::unique_ptr<SealedEnd> sealed_;
  std::optional<HandledLog> handled_;
  /// Senders who wait for what the hook makes of their messages: as many as wait for it, at most.
  std::map<std::uint64_t, sealed::Messenger::Handle> receipts_;
  std::uint64_t last_receipt_ = 0;
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
  bool is_stopped_ = false;  // by a signal, or because nobody reads our output
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
  auto sealed = SealedEnd::open(options, {.has_hook = !options.hook.empty()});
  if (!sealed) return sealed.error();
  std::optional<HandledLog> handled;
  if (*sealed && !options.hook.empty()) {
    const auto folder = state_folder();
    auto log = folder
                   ? HandledLog::open(*folder / folder_name(options.name))
                   : common::unexpected{std::make_error_code(std::errc::no_such_file_or_directory)};
    if (!log) {
      print_error(fmt::format("peer: no log of what the hook has had ($XDG_STATE_HOME): {}\n",
                              log.error().message()));
      return ExitStatus::kConfiguration;
    }
    handled = *std::move(log);
  }
  ListenRun run(options, std::move(signals), *std::move(socket),
                token ? std::optional(token->token()) : std::nullopt, *std::move(sealed),
                std::move(handled));
  return run.run();
}

}  // namespace peer
