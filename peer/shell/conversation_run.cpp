#include "peer/shell/conversation_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "common/os/clock.hpp"
#include "common/os/poll_until.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/shell/console.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/links.hpp"
#include "peer/shell/registry_requests.hpp"
#include "peer/shell/signals.hpp"
#include "peer/shell/socket_address.hpp"
#include "peer/shell/tcp_socket.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using common::os::monotonic_now;
using common::os::UniqueFd;

/// What was printed and sent has so long to go out at the end.
constexpr Duration kFinishTime = std::chrono::seconds(1);
/// And the others have so long to close, once they have all that was sent: whoever still says
/// something is not answered with a reset by then.
constexpr Duration kLingerTime = std::chrono::milliseconds(250);

class ConversationRun {
 public:
  ConversationRun(const Options& options, Conversation& conversation, UniqueFd server)
      : options_(options),
        conversation_(conversation),
        console_(conversation, options.quiet),
        signals_(console_.is_terminal() ? open_signals({SIGQUIT, SIGTSTP, SIGWINCH})
                                        : open_signals()),
        links_(conversation) {
    if (server.is_open()) links_.adopt_server(std::move(server));
  }

  ExitStatus run() {
    conversation_.start(monotonic_now());
    carry_out_actions();
    while (!has_left_) {
      // The editor waits by itself, key by key.
      if (!console_.is_editing() && !wait()) continue;
      console_.read_input([this] { return wait_for_key(); });
      carry_out_actions();
    }
    finish();
    return status_;
  }

 private:
  /// Does what the core asks for, and tells it what could be written, until it asks no more.
  void carry_out_actions() {
    do {
      while (const auto action = conversation_.poll_action()) carry_out(*action);
    } while (!has_left_ && console_.write_output());
    if (!has_left_) console_.settle();
  }

  void carry_out(const Conversation::Action& action) {
    if (const auto* send = std::get_if<Conversation::Send>(&action)) {
      links_.send(*send);
    } else if (const auto* print = std::get_if<Conversation::Print>(&action)) {
      console_.print(print->text);
    } else if (const auto* note = std::get_if<Conversation::Note>(&action)) {
      console_.note(*note);
    } else if (const auto* ask = std::get_if<Conversation::Ask>(&action)) {
      console_.ask(*ask);
    } else if (const auto* take = std::get_if<Conversation::TakeCommands>(&action)) {
      console_.take_commands(take->prompt);
    } else if (const auto* listen = std::get_if<Conversation::Listen>(&action)) {
      links_.listen(listen->port);
    } else if (std::holds_alternative<Conversation::StopListening>(action)) {
      links_.stop_listening();
    } else if (const auto* connect = std::get_if<Conversation::Connect>(&action)) {
      links_.connect(*connect);
    } else if (const auto* close = std::get_if<Conversation::CloseLink>(&action)) {
      links_.close(close->link, close->is_at_once);
    } else if (const auto* datagram = std::get_if<Conversation::SendDatagram>(&action)) {
      send_datagram(*datagram);
    } else if (const auto* request = std::get_if<Conversation::RegistryRequest>(&action)) {
      if (!registry_) registry_.emplace(options_.registry, options_.advertise);
      registry_->push(*request);
    } else if (const auto* leave = std::get_if<Conversation::Leave>(&action)) {
      console_.leave();
      links_.close_all();
      status_ = leave->status;
      has_left_ = true;
    }
  }

  void send_datagram(const Conversation::SendDatagram& datagram) {
    if (!datagrams_) {
      auto opened = DatagramSocket::open(/*port=*/0);
      if (!opened) return;  // as if it got lost: the next may find a socket
      datagrams_.emplace(*std::move(opened));
    }
    datagrams_->send({{datagram.to, common::to_vector(datagram.bytes)}});
  }

  bool wait_for_key() {
    while (!has_left_)
      if (wait()) return true;
    return false;
  }

  /// Waits for something and deals with it; true if that is a line, or a key, to be read.
  bool wait() {
    std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0},
                               {console_.reads_input() ? STDIN_FILENO : -1, POLLIN, 0},
                               {console_.has_output() ? STDOUT_FILENO : -1, POLLOUT, 0},
                               {registry_ ? registry_->fd() : -1, POLLIN, 0}};
    const std::size_t others = fds.size();
    links_.add_to(fds);
    const int count = common::os::poll_until(fds, next_timeout());
    if (count > 0) {
      if (fds[0].revents != 0) read_signal();
      if (fds[3].revents != 0) take_answer();
      carry_out_actions();
      links_.handle_events(fds.data() + others, [this] { carry_out_actions(); });
    }
    links_.handle_timeout();
    if (!has_left_) conversation_.handle_timeout(monotonic_now());
    carry_out_actions();
    return count > 0 && fds[1].revents != 0 && !has_left_ && console_.reads_input();
  }

  std::optional<common::TimePoint> next_timeout() const {
    return common::earliest({conversation_.next_timeout(), links_.next_timeout()});
  }

  void read_signal() {
    const auto number = common::os::read_signal(signals_.get());
    if (!number) return;
    if (number == SIGWINCH) {
      console_.resize();
    } else if (number == SIGTSTP) {
      console_.suspend();
    } else {
      // A terminal that goes away says so more than once; only a person is impatient.
      const bool is_leaving = std::exchange(is_stopped_, true) || console_.is_output_lost();
      if (number == SIGHUP && is_leaving) return;
      conversation_.handle_stop(monotonic_now(), static_cast<ExitStatus>(128 + *number));
    }
  }

  void take_answer() {
    if (const auto answer = registry_->take_answer())
      conversation_.handle_registry_answer(monotonic_now(), *answer);
  }

  /// The last lines, for a reader who is only slow, and what was sent last, for the others.
  void finish() {
    console_.end();
    const auto output_until = monotonic_now() + kFinishTime;
    auto links_until = output_until;
    for (bool is_sent = false;;) {
      console_.write_output();
      const auto now = monotonic_now();
      if (!is_sent && !links_.has_unsent()) {
        is_sent = true;
        links_until = now + kLingerTime;
      }
      const bool waits_for_output = console_.has_output() && now < output_until;
      const bool waits_for_links = !links_.is_empty() && now < links_until;
      if (!waits_for_output && !waits_for_links) break;
      const auto until = !waits_for_links    ? output_until
                         : !waits_for_output ? links_until
                                             : std::min(output_until, links_until);
      std::vector<pollfd> fds = {{waits_for_output ? STDOUT_FILENO : -1, POLLOUT, 0}};
      links_.add_to(fds);
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
      if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) > 0)
        links_.handle_events(&fds[1], [] {});
    }
    if (console_.is_output_lost() && status_ == ExitStatus::kOk) status_ = ExitStatus::kOutput;
    // A name server that does not answer holds the thread for longer than a leaving peer waits.
    if (registry_ && !registry_->stop_within(kFinishTime)) ::_exit(static_cast<int>(status_));
  }

  const Options& options_;
  Conversation& conversation_;
  Console console_;
  UniqueFd signals_;  // before any thread starts
  Links links_;
  std::optional<DatagramSocket> datagrams_;   // once one is to be sent
  std::optional<RegistryRequests> registry_;  // once it is asked
  bool has_left_ = false;
  bool is_stopped_ = false;  // by a signal
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus run_conversation(const Options& options, Conversation& conversation, UniqueFd server) {
  return ConversationRun(options, conversation, std::move(server)).run();
}

ExitStatus refuse_to_begin(ExitStatus status, std::string_view text) {
  common::os::print_error(fmt::format("peer: {}\n", text));
  return status;
}

std::optional<std::string> command_line(const Options& options) {
  if (options.command.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(options.command, " "));
}

common::expected<ServerConnection, std::string> connect_to_server(const Options& options) {
  auto fd = connect_tcp(options.registry, /*cancel_fd=*/-1);
  if (!fd) {
    return common::unexpected{
        fmt::format("cannot reach the server at {}: {}", options.registry_text, fd.error().text)};
  }
  const auto server = remote_endpoint(fd->get());
  const auto local = local_endpoint(fd->get());
  if (!server || !local) {
    return common::unexpected{fmt::format(
        "cannot reach the server at {}: it closed the connection at once", options.registry_text)};
  }
  return ServerConnection{*std::move(fd), *server, *local};
}

}  // namespace peer
