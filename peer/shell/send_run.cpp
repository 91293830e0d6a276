#include "peer/shell/send_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "common/limits.hpp"
#include "common/os/clock.hpp"
#include "common/os/poll_until.hpp"
#include "common/os/standard_streams.hpp"
#include "common/safe_text.hpp"
#include "peer/receipt_file.hpp"
#include "peer/registry_patience.hpp"
#include "peer/sender.hpp"
#include "peer/shell/datagram_socket.hpp"
#include "peer/shell/line_reader.hpp"
#include "peer/shell/receipt_log.hpp"
#include "peer/shell/registry_client.hpp"
#include "peer/shell/sealed_end.hpp"
#include "peer/shell/time_limit.hpp"
#include "peer/shell/token_file.hpp"

namespace peer {
namespace {

using common::ExitStatus;

class SendRun {
 public:
  /// `sealed`: null to send no sealed datagrams.
  /// `receipts`: none if nobody is to sign.
  SendRun(const Options& options, DatagramSocket socket, std::unique_ptr<SealedEnd> sealed,
          std::optional<ReceiptLog> receipts)
      : options_(options),
        sealed_(std::move(sealed)),
        receipts_(std::move(receipts)),
        sender_(options.name, options.registry_text,
                TokenFile::peek(options.name, options.registry), terms()),
        client_(options.registry),
        patience_(options.timeout),
        socket_(std::move(socket)),
        limit_(options.wait),
        is_terminal_(isatty(STDOUT_FILENO)) {}

  int run_words(const std::vector<std::string>& words) {
    sender_.handle_words(words);
    drain();
    return finish();
  }

  int run_input() {
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
  /// Sealed messages that are begun before what they lead to is sent.
  static constexpr std::size_t kSealedAtOnce = 64;

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
    if (it == ahead_.end()) return ask_registry(request);
    if (it->second) return it->second;
    // A failure is one command's: the next tries for itself.
    const auto failed = ahead_.extract(it).mapped();
    if (!failed.error().is_silent) return failed;
    auto answer = ask_registry(request);
    if (answer) ahead_.emplace(request.target, answer);
    return answer;
  }

  Sender::AnswerOrFailure ask_registry(const HttpRequest& request) {
    send_outbox();
    // Nothing else happens while the registry is asked, which may take longer than a message has.
    while (sealed_ && sender_.awaited() > 0) turn_sealed();
    write_output();
    patience_.begin(common::os::monotonic_now());
    for (;;) {
      const auto tried = common::os::monotonic_now();
      auto answer = limit_.during([&] { return client_.exchange(request, patience_.deadline()); });
      if (answer) patience_.handle_answer();
      if (answer || !request.is_repeatable) return answer;
      const auto again =
          patience_.handle_failure(tried, common::os::monotonic_now(), answer.error());
      if (!again) return answer;
      limit_.during([&] { return common::os::poll_until({}, *again); });
    }
  }

  int finish() {
    settle();
    write_output();
    if (sealed_) {
      sealed_->leave(socket_);
      say_remarks();
    }
    if (receipts_) {
      if (const auto error = receipts_->sync()) tell_lost_receipt(error);
    }
    const bool is_lost = is_output_closed_ || has_lost_receipt_;
    return is_lost ? static_cast<int>(ExitStatus::kOutput) : sender_.exit_status();
  }

  SendTerms terms() {
    SendTerms terms{.seals = sealed_ != nullptr,
                    .level = options_.level,
                    .has_hook_status = options_.has_hook_status,
                    .json = options_.json};
    // An old program signs nothing.
    if (receipts_ && !terms.level) terms.level = DeliveryLevel::kDelivered;
    if (sealed_) terms.has_key = [this](const auto& name) { return sealed_->pins().has_pin(name); };
    return terms;
  }

  /// Under --trust ask a person is asked before anything is begun, so that no time runs meanwhile;
  /// once for each key. True if the message may be sent.
  bool is_trusted(const common::User& user) {
    if (options_.trust != sealed::TrustMode::kAsk) return true;
    const auto certificate = certificate_of(user);
    if (!certificate ||
        sealed_->pins().judge(user.name, certificate->identity) != sealed::Trust::kFirstUse)
      return true;
    if (refused_.contains(certificate->identity)) return false;
    if (ask_person(*certificate)) {
      static_cast<void>(sealed_->pins().accept(*certificate));
      return true;
    }
    refused_.insert(certificate->identity);
    return false;
  }

  /// Gives the message to the messenger; false if that has too much unfinished.
  bool try_seal(const Sender::SendSealed& send) {
    const auto now = common::os::monotonic_now();
    const auto id = sealed_->messenger().send(
        now, {.to = send.to.name,
              .kind = send.is_ask ? sealed::MessageKind::kAsk : sealed::MessageKind::kText,
              .level = level_of(send),
              .text = common::as_bytes(*send.text),
              .deadline = now + options_.timeout,
              .id = {}});
    if (!id) {
      ENSURE(id.error() == sealed::Messenger::SendError::kBusy);
      return false;
    }
    // What the registry has just said spares the messenger a question of its own.
    std::string& known = certificates_[send.to.name.key()];
    if (known != *send.to.certificate) {
      known = *send.to.certificate;
      sealed_->questions().tell(now, send.to);
    }
    tickets_.emplace(*id, Ticket{send.ticket, receipts_ ? send.text : nullptr});
    return true;
  }

  sealed::Level level_of(const Sender::SendSealed& send) const {
    if (send.wants_handled)
      return receipts_ ? sealed::Level::kHandledSigned : sealed::Level::kHandled;
    return receipts_ ? sealed::Level::kDeliveredSigned : sealed::Level::kDelivered;
  }

  void seal(const Sender::SendSealed& send) {
    if (!is_trusted(send.to)) {
      return sender_.handle_delivery(
          send.ticket, {.status = ExitStatus::kRefused, .reason = "the key was not accepted"});
    }
    while (!try_seal(send)) turn_sealed();
    if (tickets_.size() % kSealedAtOnce == 0) {
      take_events();
      sealed_->flush(socket_);
    }
  }

  /// Waits for what comes next of sealed messages, and takes it up.
  void turn_sealed() {
    take_events();
    // Strangers have nothing to say to who only sends.
    while (const auto stranger = sealed_->questions().poll_person())
      sealed_->questions().handle_judgement(common::os::monotonic_now(), *stranger, false);
    sealed_->flush(socket_);
    say_remarks();
    if (tickets_.empty()) return;
    const auto next = sealed_->next_timeout();
    std::array<pollfd, 2> fds = {{{socket_.fd(), POLLIN, 0}, {sealed_->lookup_fd(), POLLIN, 0}}};
    limit_.during([&] { return common::os::poll_until(fds, next); });
    if (fds[0].revents != 0) {
      socket_.receive([&](const common::Endpoint& from, common::Bytes datagram) {
        if (SealedEnd::is_sealed(datagram)) sealed_->handle_datagram(from, datagram);
      });
    }
    if (fds[1].revents != 0) sealed_->take_lookup();
    sealed_->handle_timeout();
    take_events();
  }

  void take_events() {
    while (const auto event = sealed_->poll_event()) {
      // Who is written to while he only sends does not answer: nobody reads it.
      const auto* outcome = std::get_if<sealed::Messenger::Outcome>(&*event);
      if (outcome == nullptr) continue;
      const auto it = tickets_.find(outcome->id);
      ENSURE(it != tickets_.end());
      const Ticket ticket = std::move(it->second);
      tickets_.erase(it);
      if (outcome->evidence) {
        if (const auto error = receipts_->append(format_receipt_line(
                *outcome->evidence, *ticket.text, common::as_text(outcome->output))))
          tell_lost_receipt(error);
      }
      Delivery delivery = describe(*outcome, sealed_->pins(), options_.timeout);
      // What the registry says of him next is taken up even if it is the same.
      if (delivery.status != ExitStatus::kOk)
        certificates_.erase(common::UserName::parse(outcome->to)->key());
      sender_.handle_delivery(ticket.number, std::move(delivery));
    }
  }

  /// At the terminal, whatever standard input and output are; no without one.
  bool ask_person(const common::Certificate& certificate) {
    write_output();
    const common::os::UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    const std::string& name = certificate.name.text();
    const std::string fingerprint = common::format_fingerprint(certificate.identity);
    if (!terminal.is_open()) {
      common::os::print_error(
          fmt::format("peer: {}\n", describe_stranger(certificate, sealed_->context())));
      return false;
    }
    const std::string question = fmt::format(
        "{} is new here, with the key\n  {}\nSend to it from now on? [y/n] ", name, fingerprint);
    // What was typed before there was a question is no answer to it.
    ::tcflush(terminal.get(), TCIFLUSH);
    for (;;) {
      if (::write(terminal.get(), question.data(), question.size()) < 0) return false;
      std::array<char, 256> bytes{};
      const ssize_t got =
          limit_.during([&] { return ::read(terminal.get(), bytes.data(), bytes.size()); });
      if (got <= 0) return false;
      std::string_view answer(bytes.data(), static_cast<std::size_t>(got));
      if (answer.ends_with('\n')) answer.remove_suffix(1);
      if (answer == "y" || answer == "Y" || answer == "yes") return true;
      if (answer == "n" || answer == "N" || answer == "no") return false;
    }
  }

  /// A hook's answer for a terminal: its lines stay lines.
  static std::string harmless(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      text += common::to_terminal(bytes.substr(0, end));
      if (end == bytes.npos) return text += '\n';
      text += '\n';
      bytes.remove_prefix(end + 1);
    }
    return text;
  }

  void tell_lost_receipt(const std::error_code& error) {
    if (std::exchange(has_lost_receipt_, true)) return;
    write_output();
    common::os::print_error(fmt::format("peer: cannot write to {}: {}\n",
                                        common::to_terminal(options_.receipt_file),
                                        error.message()));
  }

  void say_remarks() {
    while (const auto remark = sealed_->poll_remark()) {
      write_output();
      common::os::print_error(fmt::format("peer: {}\n", *remark));
    }
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
    while (sealed_ && sender_.awaited() > 0) {
      turn_sealed();
      drain();
      if (is_output_closed_) return;
    }
  }

  /// Carries out what the sender asks for until the command is done, but for what is queued.
  void drain() {
    while (auto action = sender_.poll_action()) {
      if (const auto* fetch = std::get_if<Sender::Fetch>(&*action)) {
        sender_.handle_answer(exchange(fetch->request));
      } else if (auto* send = std::get_if<Sender::SendDatagrams>(&*action)) {
        queue(std::move(send->datagrams));
      } else if (const auto* to_seal = std::get_if<Sender::SendSealed>(&*action)) {
        seal(*to_seal);
      } else if (const auto* write = std::get_if<Sender::Write>(&*action)) {
        output_ += is_terminal_ ? harmless(write->bytes) : write->bytes;
        write_output();
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

  const Options& options_;
  std::unique_ptr<SealedEnd> sealed_;
  std::optional<ReceiptLog> receipts_;
  bool has_lost_receipt_ = false;
  struct Ticket {
    std::uint64_t number = 0;
    std::shared_ptr<const std::string> text;  // if it is to be signed for
  };
  std::map<sealed::MessageId, Ticket> tickets_;  // of messages whose outcome is awaited
  std::unordered_map<std::string, std::string> certificates_;  // as last told, by name's key
  std::set<common::IdentityKey> refused_;                      // by a person
  Sender sender_;
  RegistryClient client_;
  RegistryPatience patience_;  // with it
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

int run_send(const Options& options) {
  auto socket = DatagramSocket::open(0);
  if (!socket) {
    common::os::print_error(
        fmt::format("peer: cannot open a UDP socket: {}\n", socket.error().message()));
    return static_cast<int>(ExitStatus::kConfiguration);
  }
  auto sealed = SealedEnd::open(options, {});
  if (!sealed) return static_cast<int>(sealed.error());
  std::optional<ReceiptLog> receipts;
  if (!options.receipt_file.empty()) {
    auto opened = ReceiptLog::open(options.receipt_file);
    if (!opened) {
      const bool is_other = opened.error() == std::errc::illegal_byte_sequence;
      common::os::print_error(fmt::format(
          "peer: cannot add receipts to {}: {}\n", common::to_terminal(options.receipt_file),
          is_other ? "it is no file of receipts" : opened.error().message()));
      return static_cast<int>(ExitStatus::kConfiguration);
    }
    receipts = *std::move(opened);
  }
  SendRun run(options, *std::move(socket), *std::move(sealed), std::move(receipts));
  if (!options.command.empty()) return run.run_words(options.command);
  if (isatty(STDIN_FILENO) && !options.quiet) {
    common::os::print_error(
        "peer: commands: list   unicast NAME \"TEXT\"   multicast [A, B] \"TEXT\"   "
        "broadcast \"TEXT\"   ask NAME \"TEXT\"   exit\n");
  }
  return run.run_input();
}

}  // namespace peer
