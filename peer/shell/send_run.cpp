#include "peer/shell/send_run.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "common/limits.hpp"
#include "peer/sender.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/registry_client.hpp"

namespace peer {
namespace {

using common::ExitStatus;

/// -W: the whole run ends here, whatever it waits for. Lines are flushed one by one, so nothing
/// that was said is lost.
void end_at(common::Duration wait) {
  std::signal(SIGALRM, [](int) { ::_exit(static_cast<int>(ExitStatus::kTimedOut)); });
  const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(wait).count();
  const itimerval timer{
      .it_interval = {},
      .it_value = {.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

class SendRun {
 public:
  SendRun(const Options& options, DatagramSocket socket)
      : sender_(options.name, options.registry_text),
        client_(options.registry),
        socket_(std::move(socket)) {}

  ExitStatus run_words(const std::vector<std::string>& words) {
    sender_.handle_words(words);
    drain();
    return status();
  }

  ExitStatus run_input() {
    LineReader input(STDIN_FILENO);
    for (;;) {
      const std::vector<LineReader::Line> lines = input.next(kLinesAhead);
      if (lines.empty()) return status();
      if (lines.size() > 1) look_up_ahead(lines);
      for (const LineReader::Line& line : lines) {
        if (line.is_overlong) {
          sender_.handle_overlong_line();
        } else {
          sender_.handle_line(line.text);
        }
        drain();
        if (sender_.has_exited() || is_output_closed_) return status();
      }
      ahead_.clear();
    }
  }

 private:
  /// Commands that wait on standard input are looked up together: one trip to the registry, not one
  /// each.
  static constexpr std::size_t kLinesAhead = 128;
  /// All of them are written before the first answer is read: few enough for any socket's buffers.
  static constexpr std::size_t kLookupsAhead = 256;

  void look_up_ahead(const std::vector<LineReader::Line>& lines) {
    std::vector<HttpRequest> requests;
    std::unordered_set<std::string> targets;
    for (const LineReader::Line& line : lines) {
      for (HttpRequest& request : lookups_in(line.text)) {
        if (requests.size() < kLookupsAhead && targets.insert(request.target).second)
          requests.push_back(std::move(request));
      }
    }
    auto answers = client_.exchange_all(requests);
    for (std::size_t i = 0; i < answers.size(); ++i)
      ahead_.emplace(std::move(requests[i].target), std::move(answers[i]));
  }

  Sender::AnswerOrFailure exchange(const HttpRequest& request) {
    const auto it = ahead_.find(request.target);
    if (it != ahead_.end()) {
      if (it->second) return it->second;
      return ahead_.extract(it).mapped();  // a failure is one command's: the next tries for itself
    }
    return client_.exchange(request);
  }

  ExitStatus status() const { return is_output_closed_ ? ExitStatus::kOutput : sender_.status(); }

  /// Carries out what the sender asks for until the command is done.
  void drain() {
    while (const auto action = sender_.poll_action()) {
      if (const auto* fetch = std::get_if<Sender::Fetch>(&*action)) {
        sender_.handle_answer(exchange(fetch->request));
      } else if (const auto* send = std::get_if<Sender::SendDatagrams>(&*action)) {
        sender_.handle_sent(socket_.send(send->datagrams));
      } else if (const auto* print = std::get_if<Sender::Print>(&*action)) {
        std::fwrite(print->line.data(), 1, print->line.size(), stdout);
        std::fputc('\n', stdout);
        if (std::fflush(stdout) != 0) is_output_closed_ = true;
      } else if (const auto* complain = std::get_if<Sender::Complain>(&*action)) {
        fmt::print(stderr, "peer: {}\n", complain->text);
      }
    }
  }

  Sender sender_;
  RegistryClient client_;
  DatagramSocket socket_;
  std::unordered_map<std::string, Sender::AnswerOrFailure> ahead_;  // fetched ahead, by target
  bool is_output_closed_ = false;
};

}  // namespace

ExitStatus run_send(const Options& options) {
  auto socket = DatagramSocket::open(0);
  if (!socket) {
    fmt::print(stderr, "peer: cannot open a UDP socket: {}\n", socket.error().message());
    return ExitStatus::kConfiguration;
  }
  if (options.wait) end_at(*options.wait);
  SendRun run(options, *std::move(socket));
  if (!options.command.empty()) return run.run_words(options.command);
  if (isatty(STDIN_FILENO) && !options.quiet) {
    fmt::print(stderr,
               "peer: commands: list   unicast NAME \"TEXT\"   multicast [A, B] \"TEXT\"   "
               "broadcast \"TEXT\"   exit\n");
  }
  return run.run_input();
}

}  // namespace peer
