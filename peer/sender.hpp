// `send`: commands in, registry requests, datagrams and lines out. A core. Questions to the
// registry are asked one at a time; what became of datagrams may be told later, so that those of
// several commands go to the network together (SendReport puts the lines in order). Whoever is
// listed with a key gets his messages sealed; everybody else a classic datagram.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/bytes.hpp"
#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "peer/command.hpp"
#include "peer/delivery.hpp"
#include "peer/registry_protocol.hpp"
#include "peer/send_report.hpp"

namespace peer {

struct Transmit {
  common::Endpoint to;
  common::ByteVector datagram;
};

/// How messages are sent, and what is told of them.
struct SendTerms {
  bool seals = false;  // there is a key to seal with
  /// What is insisted on; none: as far as a recipient's program can tell.
  std::optional<DeliveryLevel> level = {};
  bool has_hook_status = false;  // a recipient's hook's exit status is the run's
  bool json = false;             // an object a recipient instead of a line
  /// True for a name that was seen with a key: it gets no plain text. Null: none was.
  std::function<bool(const common::UserName&)> has_key = {};
};

/// The look-ups that a command line will ask for, to be made ahead for lines that wait behind
/// others; none for a line that is no unicast or multicast.
std::vector<HttpRequest> lookups_in(std::string_view line);

class Sender {
 public:
  /// Ask the registry, then call handle_answer.
  struct Fetch {
    HttpRequest request;
  };
  /// Hand these to the network, then call handle_sent with one result for each, in order. Further
  /// commands may be begun before that.
  struct SendDatagrams {
    std::vector<Transmit> datagrams;
  };
  /// Give this to the recipient's program, sealed, then call handle_delivery once. Further
  /// commands may be begun before that.
  struct SendSealed {
    std::uint64_t ticket = 0;
    common::User to;  // has a certificate
    std::shared_ptr<const std::string> text;
    bool is_ask = false;
    bool wants_handled = false;
  };
  using Print = SendReport::Print;
  using Write = SendReport::Write;
  using Complain = SendReport::Complain;
  using Action = std::variant<Fetch, SendDatagrams, SendSealed, Print, Write, Complain>;

  using AnswerOrFailure = common::expected<HttpAnswer, ExchangeFailure>;
  using SendResult = SendReport::SendResult;

  /// `registry` is the address as typed, for error texts. `owner_token`: of the listener of the
  /// same name, whom the registry would otherwise take for somebody else.
  Sender(common::UserName self, std::string registry,
         std::optional<std::string> owner_token = std::nullopt, SendTerms terms = {})
      : self_(std::move(self)),
        registry_(std::move(registry)),
        owner_token_(std::move(owner_token)),
        terms_(std::move(terms)),
        report_(terms_.json, terms_.has_hook_status) {}

  /// While held, a list that was fetched since is taken for what a further command would be told:
  /// for commands that wait together.
  void hold_list(bool is_held) {
    is_list_held_ = is_held;
    is_list_fresh_ = false;
  }

  /// Begins a command; only when is_idle().
  void handle_line(std::string_view line);
  void handle_words(const std::vector<std::string>& words);
  /// A line on standard input longer than any command can be.
  void handle_overlong_line();

  void handle_answer(AnswerOrFailure answer);
  /// Of the oldest SendDatagrams whose results are awaited.
  void handle_sent(std::span<const SendResult> results) { report_.handle_sent(results); }
  void handle_delivery(std::uint64_t ticket, Delivery delivery) {
    report_.handle_delivery(ticket, std::move(delivery));
  }

  /// What to do next, in order. After a Fetch its answer comes first.
  std::optional<Action> poll_action();

  /// A command may be begun; results may still be awaited.
  bool is_idle() const { return step_ == Step::kIdle; }
  bool has_exited() const { return has_exited_; }
  /// As in SendReport.
  common::ExitStatus status() const { return report_.status(); }
  int exit_status() const { return report_.exit_status(); }
  /// SendSealed whose delivery is awaited.
  std::size_t awaited() const { return report_.awaited(); }

 private:
  enum class Step { kIdle, kListing, kLookingUp, kBroadcasting, kHandingOn };

  void begin(const common::expected<Command, CommandError>& command, bool from_input);
  void begin_texts(std::vector<std::string> names, std::string_view text, bool is_ask = false);
  void begin_broadcast(std::string_view text);
  void fetch_list();
  void use_list();
  void look_up_next();
  void handle_lookup(const HttpAnswer& answer);
  void handle_list(const HttpAnswer& answer);
  void print_list();
  void send_broadcast();
  void hand_on_next();
  void handle_handed_on(const HttpAnswer& answer);
  /// Sealed, or by the registry, or gathered in `datagrams` for all who get a classic one.
  void send_to(const common::User& user, std::vector<std::pair<std::string, Transmit>>& datagrams);
  void seal(const common::User& user);
  void send(std::vector<std::pair<std::string, Transmit>>&& datagrams);
  void end_command();
  void fail_exchange(common::ExitStatus status, std::string text);
  bool take_text(std::string_view text);

  common::UserName self_;
  std::string registry_;
  std::optional<std::string> owner_token_;
  SendTerms terms_;
  SendReport report_;
  Step step_ = Step::kIdle;
  bool has_exited_ = false;
  std::deque<Action> requests_;  // Fetch and SendDatagrams

  // The list as last fetched, good for as long as the registry says so.
  std::string list_etag_;
  bool is_list_held_ = false;
  bool is_list_fresh_ = false;  // fetched since it is held
  std::vector<common::User> list_;

  // Of the command under way.
  common::ByteVector datagram_;  // the classic one
  std::string no_datagram_;      // why there is none, if the text is for sealed datagrams only
  std::shared_ptr<const std::string> text_;
  bool is_ask_ = false;
  std::deque<common::UserName> to_hand_on_;  // users whom the registry gives it to
  std::vector<std::string> names_;           // of a unicast or multicast, as typed
  std::size_t next_name_ = 0;
  std::optional<common::UserName> looking_up_;  // names_[next_name_], parsed
  bool has_said_empty_ = false;
};

}  // namespace peer
