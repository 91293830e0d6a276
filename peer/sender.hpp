// `send`: commands in, registry requests, datagrams and lines out, with the exact texts of the
// classic client. A core: one command at a time, each to its end before the next.
#pragma once

#include <deque>
#include <optional>
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

class Sender {
 public:
  /// Ask the registry, then call handle_answer.
  struct Fetch {
    HttpRequest request;
  };
  /// Hand these to the network, then call handle_sent with one result for each, in order.
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

  /// `registry` is the address as typed, for error texts.
  Sender(common::UserName self, std::string registry)
      : self_(std::move(self)), registry_(std::move(registry)) {}

  /// What a command line will ask the registry for, to be asked ahead for lines that wait behind
  /// others; nothing for one that is no command.
  std::vector<HttpRequest> requests_of(std::string_view line) const;

  /// Begins a command; only when is_idle().
  void handle_line(std::string_view line);
  void handle_words(const std::vector<std::string>& words);
  /// A line on standard input longer than any command can be.
  void handle_overlong_line();

  void handle_answer(AnswerOrFailure answer);
  void handle_sent(const std::vector<SendResult>& results);

  /// What to do next, in order; after a Fetch or SendDatagrams, its result comes first.
  std::optional<Action> poll_action();

  bool is_idle() const { return step_ == Step::kIdle; }
  bool has_exited() const { return has_exited_; }
  /// The worst that happened so far.
  common::ExitStatus status() const { return status_; }

 private:
  enum class Step { kIdle, kListing, kLookingUp, kBroadcasting, kSending };

  void begin(const common::expected<Command, CommandError>& command, bool from_input);
  void begin_texts(std::vector<std::string> names, std::string_view text);
  void begin_broadcast(std::string_view text);
  void look_up_next();
  void handle_lookup(const HttpAnswer& answer);
  void handle_list(const HttpAnswer& answer);
  void print_list();
  void send_broadcast();
  void send(std::vector<std::pair<std::string, Transmit>>&& datagrams);
  void end_command();
  void fail_exchange(common::ExitStatus status, std::string text);
  void report(common::ExitStatus status);
  bool encode(std::string_view text);

  common::UserName self_;
  std::string registry_;
  Step step_ = Step::kIdle;
  bool has_exited_ = false;
  common::ExitStatus status_ = common::ExitStatus::kOk;
  std::deque<Action> actions_;

  // The list as last fetched, good for as long as the registry says so.
  std::string list_etag_;
  std::vector<common::User> list_;

  // Of the command under way.
  common::ByteVector datagram_;
  std::vector<std::string> names_;  // of a unicast or multicast, as typed
  std::size_t next_name_ = 0;
  std::optional<common::UserName> looking_up_;  // names_[next_name_], parsed
  std::vector<std::string> sending_to_;         // whom the datagrams under way are for
  std::size_t delivered_ = 0;
  std::size_t unknown_ = 0;
  std::size_t failed_ = 0;
  bool has_said_empty_ = false;
};

}  // namespace peer
