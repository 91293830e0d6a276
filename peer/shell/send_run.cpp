#include "peer/shell/send_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "common/limits.hpp"
#include "common/os/standard_streams.hpp"
#include "peer/sender.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/registry_client.hpp"
#include "peer/shell/time_limit.hpp"
#include "peer/shell/token_file.hpp"

namespace peer {
namespace {

using common::ExitStatus;

class SendRun {
 public:
  SendRun(const Options& options, DatagramSocket socket)
      : sender_(options.name, options.registry_text,
                TokenFile::peek(options.name, options.registry)),
        client_(options.registry),
        socket_(std::move(socket)),
        limit_(options.wait),
        is_terminal_(isatty(STDOUT_FILENO)) {}

  ExitStatus run_words(const std::vector<std::string>& words) {
    sender_.handle_words(words);
    drain();
    return finish();
  }

  ExitStatus run_input() {
    LineReader input(STDIN_FILENO);
    for (;;) {
      settle();
      write_output();
      const auto lines = limit_.during([&] { return input.next(kLinesAhead); });
      if (lines.empty()) return finish();
      sender_.hold_list(true);
      if (lines.size() > 1) look_up_ahead(lines);
      for (const LineReader::Line& line : lines) {
        if (line.is_overlong) {
          sender_.handle_overlong_line();
        } else {
          sender_.handle_line(line.text);
        }
        drain();
        if (sender_.has_exited() || is_output_closed_) return finish();
      }
      ahead_.clear();
      sender_.hold_list(false);
    }
  }

 private:
  /// Commands that wait on standard input are looked up together: one trip to the registry, not one
  /// each. They share one list.
  static constexpr std::size_t kLinesAhead = 512;
  /// All of them are written before the first answer is read: few enough for any socket's
  /// buffers.
  static constexpr std::size_t kLookupsAhead = 256;
  /// Written at the latest; sooner where somebody waits: at the end of what waits on input.
  static constexpr std::size_t kOutputBytesMax = 32 * 1024;
  static constexpr std::size_t kOutboxMax = 128;

  void look_up_ahead(const std::vector<LineReader::Line>& lines) {
    std::vector<HttpRequest> requests;
    std::unordered_set<std::string> targets;
    const auto ask = [&] {
      auto answers = limit_.during([&] { return client_.exchange_all(requests); });
      const bool is_whole = answers.size() == requests.size();
      for (std::size_t i = 0; i < answers.size(); ++i)
        ahead_.emplace(std::move(requests[i].target), std::move(answers[i]));
      requests.clear();
      return is_whole;
    };
    for (const LineReader::Line& line : lines) {
      for (HttpRequest& request : lookups_in(line.text)) {
        if (targets.insert(request.target).second) requests.push_back(std::move(request));
        if (requests.size() >= kLookupsAhead && !ask()) return;
      }
    }
    if (!requests.empty()) ask();
  }

  Sender::AnswerOrFailure exchange(const HttpRequest& request) {
    const auto it = ahead_.find(request.target);
    if (it == ahead_.end()) {
      send_outbox();
      write_output();
      return limit_.during([&] { return client_.exchange(request); });
    }
    // A failure is one command's: the next tries for itself.
    if (!it->second) return ahead_.extract(it).mapped();
    return it->second;
  }

  ExitStatus finish() {
    settle();
    write_output();
    return is_output_closed_ ? ExitStatus::kOutput : sender_.status();
  }

  void write_output() {
    if (!limit_.during([&] { return common::os::print_output(output_); })) is_output_closed_ = true;
    output_.clear();
  }

  /// Datagrams of commands that wait together go to the kernel together: that wakes a receiver once
  /// for many.
  void queue(std::vector<Transmit> datagrams) {
    awaited_.push_back(datagrams.size());
    std::move(datagrams.begin(), datagrams.end(), std::back_inserter(outbox_));
    if (outbox_.size() >= kOutboxMax) send_outbox();
  }

  void send_outbox() {
    const std::vector<Sender::SendResult> results = socket_.send(outbox_);
    outbox_.clear();
    std::span<const Sender::SendResult> rest = results;
    for (const std::size_t count : std::exchange(awaited_, {})) {
      sender_.handle_sent(rest.first(count));
      rest = rest.subspan(count);
    }
  }

  /// Sends what is queued and takes up what that leads to.
  void settle() {
    send_outbox();
    drain();
  }

  /// Carries out what the sender asks for until the command is done, but for what is queued.
  void drain() {
    while (auto action = sender_.poll_action()) {
      if (const auto* fetch = std::get_if<Sender::Fetch>(&*action)) {
        sender_.handle_answer(exchange(fetch->request));
      } else if (auto* send = std::get_if<Sender::SendDatagrams>(&*action)) {
        queue(std::move(send->datagrams));
      } else if (const auto* print = std::get_if<Sender::Print>(&*action)) {
        output_ += print->line;
        output_ += '\n';
        if (is_terminal_ || output_.size() > kOutputBytesMax) write_output();
      } else if (const auto* complain = std::get_if<Sender::Complain>(&*action)) {
        write_output();  // both may be the same terminal
        common::os::print_error(fmt::format("peer: {}\n", complain->text));
      }
    }
  }

  Sender sender_;
  RegistryClient client_;
  DatagramSocket socket_;
  TimeLimit limit_;
  std::unordered_map<std::string, Sender::AnswerOrFailure> ahead_;  // fetched ahead, by target
  std::vector<Transmit> outbox_;                                    // not sent yet
  std::vector<std::size_t> awaited_;  // how many of them each SendDatagrams had
  std::string output_;                // not written yet
  bool is_terminal_;
  bool is_output_closed_ = false;
};

}  // namespace

ExitStatus run_send(const Options& options) {
  auto socket = DatagramSocket::open(0);
  if (!socket) {
    common::os::print_error(
        fmt::format("peer: cannot open a UDP socket: {}\n", socket.error().message()));
    return ExitStatus::kConfiguration;
  }
  SendRun run(options, *std::move(socket));
  if (!options.command.empty()) return run.run_words(options.command);
  if (isatty(STDIN_FILENO) && !options.quiet) {
    common::os::print_error(
        "peer: commands: list   unicast NAME \"TEXT\"   multicast [A, B] \"TEXT\"   "
        "broadcast \"TEXT\"   exit\n");
  }
  return run.run_input();
}

}  // namespace peer
