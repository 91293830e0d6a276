// `send`: commands in, registry requests, datagrams and lines out, with the exact texts of the
// classic client. A core. Questions to the registry are asked one at a time; what became of
// datagrams may be told later, so that those of several commands go to the network together. Lines
// come out in the order of the commands all the same.
#pragma once

#include <deque>
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
#include "peer/registry_protocol.hpp"

namespace peer {

struct Transmit {
  common::Endpoint to;
  common::ByteVector datagram;
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
  /// A line for standard output, without its line end.
  struct Print {
    std::string line;
  };
  /// A line for standard error, without program name and line end.
  struct Complain {
    std::string text;
  };
  using Action = std::variant<Fetch, SendDatagrams, Print, Complain>;

  using AnswerOrFailure = common::expected<HttpAnswer, ExchangeFailure>;
  /// Empty: the network has taken it; else why not.
  using SendResult = std::string;

  /// `registry` is the address as typed, for error texts. `owner_token`: of the listener of the
  /// same name, whom the registry would otherwise take for somebody else.
  Sender(common::UserName self, std::string registry,
         std::optional<std::string> owner_token = std::nullopt)
      : self_(std::move(self)),
        registry_(std::move(registry)),
        owner_token_(std::move(owner_token)) {}

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
  void handle_sent(std::span<const SendResult> results);

  /// What to do next, in order. After a Fetch its answer comes first.
  std::optional<Action> poll_action();

  /// A command may be begun; results may still be awaited.
  bool is_idle() const { return step_ == Step::kIdle; }
  bool has_exited() const { return has_exited_; }
  /// The worst that happened so far, as far as results are known.
  common::ExitStatus status() const { return status_; }

 private:
  enum class Step { kIdle, kListing, kLookingUp, kBroadcasting, kHandingOn };
  /// What became of a command's recipients.
  struct Tally {
    std::size_t delivered = 0;
    std::size_t unknown = 0;
    std::size_t failed = 0;
    std::size_t awaited = 0;  // SendDatagrams without results
    bool has_ended = false;
  };
  /// Lines that depend on results to come.
  struct Awaited {
    std::vector<std::string> names;
    std::shared_ptr<Tally> tally;
  };
  using Output = std::variant<Print, Complain, Awaited>;

  void begin(const common::expected<Command, CommandError>& command, bool from_input);
  void begin_texts(std::vector<std::string> names, std::string_view text);
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
  void send(std::vector<std::pair<std::string, Transmit>>&& datagrams);
  void end_command();
  void settle(const Tally& tally);
  void fail_exchange(common::ExitStatus status, std::string text);
  void report(common::ExitStatus status);
  bool encode(std::string_view text);

  common::UserName self_;
  std::string registry_;
  std::optional<std::string> owner_token_;
  Step step_ = Step::kIdle;
  bool has_exited_ = false;
  common::ExitStatus status_ = common::ExitStatus::kOk;
  std::deque<Action> requests_;  // Fetch and SendDatagrams
  std::deque<Output> output_;

  // The list as last fetched, good for as long as the registry says so.
  std::string list_etag_;
  bool is_list_held_ = false;
  bool is_list_fresh_ = false;  // fetched since it is held
  std::vector<common::User> list_;

  // Of the command under way.
  common::ByteVector datagram_;
  std::string text_;
  std::deque<common::UserName> to_hand_on_;  // users whom the registry gives it to
  std::vector<std::string> names_;           // of a unicast or multicast, as typed
  std::size_t next_name_ = 0;
  std::optional<common::UserName> looking_up_;  // names_[next_name_], parsed
  std::shared_ptr<Tally> tally_;
  bool has_said_empty_ = false;
};

}  // namespace peer
